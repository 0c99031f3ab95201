"""The service's loops on a real log and a real MongoDB."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.port import Message
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS, RUN_TOUCHED, topics
from services.common.readmodel.columns.cache import Columns
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import RunLoop
from services.ingest.handlers import RowsHandler as DataRowsHandler
from services.metrics.loops import RunsLoop, rows_loop
from sightline.wire.events.v1.event_pb2 import Event
from tests.unit.metrics.saying import PARTITIONS, PROJECT, key_of, topic_of


class World:
    """A log, a read model and the two loops."""

    def __init__(self, log: SqliteLog, store: ReadModel) -> None:
        self.log = log
        self.store = store

    async def say(self, *events: Event) -> None:
        """Append row events where their keys belong."""
        await self.log.append([Message(topic_of(e), key_of(e).encode(), e.SerializeToString()) for e in events])

    async def mark(self, *events: Event, topic: str | None = None) -> None:
        """Append markers and ends of imports to every row partition."""
        await self.log.append(
            [
                Message(topic or topic_of(e), PROJECT.encode(), e.SerializeToString(), partition)
                for e in events
                for partition in range(PARTITIONS)
            ]
        )

    @contextlib.asynccontextmanager
    async def running(self, *, rows: bool = True, runs: bool = True, accepting: bool = False) -> AsyncIterator[None]:
        """The loops run; `accepting`: that of data rows as well."""
        parts = []
        if accepting:
            handler = DataRowsHandler(PARTITIONS)
            parts.append(RunLoop(self.log, self.store, "ingest.rows", (DATA_ROWS, GROUND_TRUTH), handler))
        if rows:
            parts.append(rows_loop(self.log, self.store, PARTITIONS))
        if runs:
            parts.append(RunsLoop(self.log, self.store, Columns(self.store, 1 << 28), PARTITIONS))
        tasks = [asyncio.create_task(part.run()) for part in parts]
        try:
            yield
        finally:
            for part in parts:
                await part.stop()
            await asyncio.gather(*tasks)

    async def until(self, true: Callable[[], Awaitable[object]], seconds: float = 20.0) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(seconds):
            while not await true():
                await asyncio.sleep(0.02)

    async def rows_done(self, group: str = "metrics.rows", topics: Sequence[str] = (GROUND_TRUTH, PREDICTIONS)) -> bool:
        """Whether every row event is applied."""
        ends = {topic: await self.log.end_offsets(topic) for topic in topics}
        for partition in range(PARTITIONS):
            offsets = (await self.store.read_progress(group, partition)).offsets
            if any(offsets.get(topic, 0) < end[partition] for topic, end in ends.items()):
                return False
        return True

    async def summary(self, run: str) -> dict | None:
        return await self.store.get("run_summaries", f"{PROJECT}/{run}")

    async def settled(self, run: str) -> bool:
        """Whether the summary of a run rests on all there is."""
        summary = await self.summary(run)
        if summary is None or not await self.rows_done():
            return False
        for partition in range(PARTITIONS):
            progress = await self.store.read_progress("metrics.rows", partition)
            at = summary["version"].get(str(partition), {"offsets": {}})
            if any(at["offsets"].get(topic, 0) < offset for topic, offset in progress.offsets.items()):
                return False
        return True

    async def published(self) -> bool:
        """Whether all that the last batches gave rise to is on the log."""
        groups = itertools.product(("ingest.rows", "metrics.rows"), range(PARTITIONS))
        for group, partition in groups:
            for message in (await self.store.read_progress(group, partition)).outbox:
                place = partition_of(message.key, PARTITIONS) if message.partition is None else message.partition
                records = await self.log.read(message.topic, place, 0, max_records=1_000_000)
                if message.value not in {record.value for record in records}:
                    return False
        return True

    async def at_rest(self) -> bool:
        """Whether all events are applied, those of data rows and what came of them too."""
        if not await self.published():
            return False
        ends = await self.log.end_offsets(RUN_TOUCHED)
        for partition, end in ends.items():
            progress = await self.store.read_progress("metrics.runs", partition)
            if progress.offsets.get(RUN_TOUCHED, 0) < end:
                return False
        accepted = await self.rows_done("ingest.rows", (DATA_ROWS, GROUND_TRUTH))
        return (
            accepted
            and await self.rows_done()
            and await self.published()
            and ends == await self.log.end_offsets(RUN_TOUCHED)
        )


@pytest.fixture
async def world(store: ReadModel, tmp_path: Path) -> AsyncIterator[World]:
    log = SqliteLog(tmp_path / "log.sqlite")
    await log.open(topics(PARTITIONS))
    yield World(log, store)
    await log.close()
