"""Predictions of a run that are taken back, by uuid: a job like an import."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from services.common.documents import Read
from services.common.eventlog.port import EventLog, Message
from services.common.eventlog.topics import PREDICTIONS
from services.common.groups import METRICS_ROWS
from services.common.readmodel.collections import RUN_ROWS
from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.passing import group_passed
from services.common.runloop.loop import RunLoop
from services.common.runtime.errors import Problem
from services.ingest.handlers.catalog_state import MODEL_RUNS
from services.ingest.importing.events import EventMaker
from services.ingest.importing.jobs import Imports, Job, JobFailed, append_all
from services.ingest.importing.named_rows import UNKNOWN_ROW, NamedRows
from services.ingest.importing.uploads import parse_ahead
from services.ingest.importing.version_rows import PATIENCE_SECONDS, load_version_rows, rows_are_known
from sightline.arrays import Bits
from sightline.domain.names import name_fault
from sightline.formats.faults import Rejection, Rejections
from sightline.formats.prediction_names import NameBlock, PredictionNameReader
from sightline.formats.uuids import UUID_BYTES, Octets, uuid_text

DELETION_FORMAT = "prediction-deletion"
MOST_WITHOUT_ROW = 1_000_000
"""Lines that name no row: they are held until the whole file is read."""
_UUIDS_PER_EVENT = 60_000
_TOGETHER = 50_000
"""Lines of which events are made at a time, so that a row's come in few events."""

_UNKNOWN = "The run has no prediction with this uuid."
_TOO_MANY = f"A file has at most {MOST_WITHOUT_ROW:,} lines without `dataRow`: name the row, or send several files."


class PredictionDeletion:
    """Turns a file of names into events that take predictions back."""

    def __init__(self, log: EventLog, store: ReadModel, rows_loop: RunLoop, imports: Imports) -> None:
        self._log = log
        self._store = store
        self._rows_loop = rows_loop
        self._imports = imports

    async def run(self, job: Job, run_id: str, body: AsyncIterator[bytes]) -> None:
        """Say on the log all that the file says."""
        await rows_are_known(self._log, self._rows_loop)
        stored = await load_version_rows(self._store, job.project_id, job.dataset_id, job.dataset_version)
        partitions = self._log.topics[PREDICTIONS].partitions
        run = await self._store.get(MODEL_RUNS, f"{job.project_id}/{run_id}")
        if run is None:
            raise JobFailed("the run is not there any more")
        # Rows that a run makes are known to its predictions before they are to the dataset; here none is made.
        rows = NamedRows(job.project_id, job.dataset_id, stored, partitions, may_make=run["accepts_new_rows"])
        events = EventMaker(job.project_id, job.dataset_id, job.import_id, run_id)
        collected = _Collected(rows, events)
        loose: list[NameBlock] = []
        reader = PredictionNameReader()
        async for block in parse_ahead(body, reader.feed, reader.finish):
            job.bytes = reader.position
            block.rejections.extend(collected.take(block, loose))
            job.rejections.merge(block.rejections)
            if collected.count >= _TOGETHER:
                await self._send(job, collected)
            job.place = block.lines
        await self._send(job, collected)
        if loose:
            await self._send_loose(job, run_id, events, loose)
        ends = [events.ended(PREDICTIONS, partition) for partition in range(partitions)]
        for position in await job.append(ends):
            job.end.end_offsets[position.partition] = position.offset

    async def _send(self, job: Job, collected: _Collected) -> None:
        count, messages = collected.give()
        await append_all(job, messages)
        job.accepted += count
        await self._imports.renew(job)

    async def _send_loose(self, job: Job, run_id: str, events: EventMaker, loose: Sequence[NameBlock]) -> None:
        """Find the rows of predictions that were named without, among all that the run said until now."""
        await self._all_is_stored()
        asked = _words(np.concatenate([block.uuid for block in loose]))
        lines = np.concatenate([block.line for block in loose])
        found = np.zeros(len(asked), np.bool_)
        of_run = Read(
            RUN_ROWS.name,
            {"run_id": run_id, "project_id": job.project_id},
            {"_id": 0, "global_key": 1, "partition": 1, "uuids": 1},
        )
        async with self._store.snapshot() as snapshot:
            async for batch in snapshot.batches(of_run, 1_000):
                messages = await asyncio.to_thread(_found, batch, asked, found, events)
                await append_all(job, iter(messages))
        job.accepted += int(np.count_nonzero(found))
        for place in np.flatnonzero(~found).tolist():
            number = int(lines[place])
            uuid = uuid_text(asked[place].tobytes())
            job.reject([Rejection(number, "unknown_uuid", _UNKNOWN, f"line {number}: uuid", uuid)])

    async def _all_is_stored(self) -> None:
        """Wait until the read model shows what the log holds of predictions at this moment."""
        ends = {(PREDICTIONS, partition): end for partition, end in (await self._log.end_offsets(PREDICTIONS)).items()}
        if not await group_passed(self._store, METRICS_ROWS, ends, deadline=time.monotonic() + PATIENCE_SECONDS):
            detail = "what the log says of predictions is still being worked off: name the rows, or try again"
            raise Problem(503, "predictions-behind", "the predictions are not known yet", detail)


class _Collected:
    """Names that wait to become events."""

    def __init__(self, rows: NamedRows, events: EventMaker) -> None:
        self._rows = rows
        self._events = events
        self._uuids: dict[int, list[bytes]] = {}
        self._loose = 0
        self.count = 0

    def take(self, block: NameBlock, loose: list[NameBlock]) -> Iterator[Rejection]:
        """Take what names its row; what does not goes to `loose`. What can't be is told."""
        without: list[int] = []
        for i, key in enumerate(block.global_keys):
            number = int(block.line[i])
            row = -1 if key is None or name_fault(key) else int(self._rows.find([key])[0])
            if key is None and self._loose < MOST_WITHOUT_ROW:
                self._loose += 1
                without.append(i)
            elif key is None:
                yield Rejection(number, "too_many_without_row", _TOO_MANY, f"line {number}")
            elif row < 0:
                yield Rejection(number, "unknown_row", UNKNOWN_ROW, f"line {number}: dataRow.globalKey")
            else:
                self._uuids.setdefault(row, []).append(block.uuid[i].tobytes())
                self.count += 1
        if without:
            keys = [None] * len(without)
            loose.append(NameBlock(keys, block.uuid[without], block.line[without], Rejections(), block.lines))

    def give(self) -> tuple[int, Iterator[Message]]:
        """How many names there are, and their events."""
        uuids, count = self._uuids, self.count
        self._uuids, self.count = {}, 0
        return count, self._messages(uuids)

    def _messages(self, uuids: Mapping[int, Sequence[bytes]]) -> Iterator[Message]:
        names = self._rows.names
        for row, given in uuids.items():
            yield from _events(self._events, names.global_keys[row], names.partitions[row], given)


def _events(events: EventMaker, global_key: str, partition: int, uuids: Sequence[bytes]) -> Iterator[Message]:
    for begin in range(0, len(uuids), _UUIDS_PER_EVENT):
        some = b"".join(uuids[begin : begin + _UUIDS_PER_EVENT])
        yield events.predictions_deleted(global_key, partition, some)


def _found(documents: Iterable[Mapping[str, Any]], asked: Bits, found: Any, events: EventMaker) -> list[Message]:
    """Events for what is asked for among stored rows. `found` is marked."""
    messages: list[Message] = []
    order = np.lexsort((asked[:, 1], asked[:, 0]))
    low = asked[order, 0]
    for document in documents:
        there = np.frombuffer(document["uuids"], np.uint64).reshape(-1, 2)
        begin, end = np.searchsorted(low, there[:, 0], "left"), np.searchsorted(low, there[:, 0], "right")
        hits: list[bytes] = []
        for i in np.flatnonzero(begin < end).tolist():
            same = order[begin[i] : end[i]]
            same = same[asked[same, 1] == there[i, 1]]
            if len(same):
                found[same] = True
                hits.append(there[i].tobytes())
        messages += _events(events, document["global_key"], document["partition"], hits)
    return messages


def _words(uuid: Octets) -> Bits:
    return np.ascontiguousarray(uuid).view(np.uint64).reshape(-1, UUID_BYTES // 8)
