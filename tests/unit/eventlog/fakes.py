"""A log and a store in memory, with named steps at which anything can be made to happen.

Only what real ones can't do on command: stop between any two steps, fail there, or wait there for a test's word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from typing_extensions import override

from services.common.documents import Delete, Read, Replace, Write
from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.port import Consumer, EventLog, LogError, Message, PartitionCallback, Position, Record
from services.common.eventlog.topics import DEAD_LETTERS, Topic
from services.common.progress import LostRace, Progress, ProgressStore
from services.common.runloop.clock import Clock

STEPS = (
    "read progress",
    "find",
    "append dead letters",
    "commit",
    "publish",
    "commit offsets",
)
"""What a run loop does at its edges, in the order of rule 6."""

At = Callable[[str], Awaitable[None]]
"""Called with "before STEP" and "after STEP"."""


class Crash(BaseException):
    """The process is gone: no handler of exceptions may see it."""


async def nothing(_step: str) -> None:
    """Let every step be."""


class SoftClock(Clock):
    """Goes on by itself: a wait is over as soon as everything else has had its turn."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.waits: list[float] = []

    @override
    def now(self) -> float:
        return self.time

    @override
    def unix_ms(self) -> int:
        return int(self.time * 1000)

    @override
    async def wait(self, event: asyncio.Event, seconds: float | None = None) -> bool:
        if seconds is None:
            return await super().wait(event)
        self.waits.append(seconds)
        for _ in range(5):
            if event.is_set():
                return True
            await asyncio.sleep(0)
        self.time += seconds
        return event.is_set()


class FakeStore(ProgressStore):
    """Documents and progress in dictionaries; a commit is one step, as a transaction is."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[Any, dict[str, Any]]] = {}
        self.progress: dict[tuple[str, int], Progress] = {}

    async def find(self, read: Read) -> list[dict[str, Any]]:
        def fits(document: dict[str, Any]) -> bool:
            return all(
                document.get(name) in wanted["$in"] if isinstance(wanted, dict) else document.get(name) == wanted
                for name, wanted in read.filter.items()
            )

        return [dict(document) for document in self.collections.get(read.collection, {}).values() if fits(document)]

    async def read_progress(self, group: str, partition: int) -> Progress:
        return self.progress.get((group, partition), Progress())

    async def commit(
        self, group: str, partition: int, *, expected_rev: int, progress: Progress, writes: Sequence[Write]
    ) -> None:
        if self.progress.get((group, partition), Progress()).rev != expected_rev:
            raise LostRace
        for write in writes:
            documents = self.collections.setdefault(write.collection, {})
            match write:
                case Replace():
                    documents[write.document["_id"]] = dict(write.document)
                case Delete():
                    documents.pop(write.id, None)
                case _:
                    raise NotImplementedError
        self.progress[group, partition] = progress


class FakeLog(EventLog):
    """Records in lists. Its consumers know no groups: each has all partitions."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self.topics = {topic.name: topic for topic in topics}
        self.records: dict[tuple[str, int], list[Record]] = {
            (topic.name, number): [] for topic in topics for number in range(topic.partitions)
        }
        self.offsets: dict[tuple[str, int], int] = {}
        self.bells: set[asyncio.Event] = set()

    @override
    async def open(self, topics: Sequence[Topic], *, create: bool = True) -> None: ...

    @property
    @override
    def log_id(self) -> str:
        return "log_fake"

    @override
    async def append(self, messages: Sequence[Message]) -> Sequence[Position]:
        self.check(messages)
        positions: list[Position] = []
        for m in messages:
            number = partition_of(m.key, self.topics[m.topic].partitions) if m.partition is None else m.partition
            records = self.records[m.topic, number]
            records.append(Record(m.topic, number, len(records), m.key, m.value, m.headers, 0))
            positions.append(Position(m.topic, number, len(records) - 1))
        for bell in self.bells:
            bell.set()
        return positions

    @override
    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        return {number: 0 for name, number in self.records if name == topic}

    @override
    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        return {number: len(records) for (name, number), records in self.records.items() if name == topic}

    @override
    async def committed(self, group: str) -> Mapping[tuple[str, int], int]:
        return self.offsets

    @override
    async def read(
        self, topic: str, partition: int, start: int, *, max_records: int = 1000, max_bytes: int = 8 << 20
    ) -> Sequence[Record]:
        return self.records[topic, partition][start : start + max_records]

    @override
    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        return SoloConsumer(self, tuple(topics))

    @override
    async def close(self) -> None: ...


class SoloConsumer(Consumer):
    """A consumer that believes that it owns everything, as a zombie does. Works on any log."""

    def __init__(self, log: EventLog, topics: tuple[str, ...]) -> None:
        self._log = log
        self._topics = topics
        self._positions: dict[tuple[str, int], int] = {}
        self._paused: set[int] = set()
        self._news = asyncio.Event()

    @override
    async def start(self, *, assigned: PartitionCallback, revoked: PartitionCallback) -> None:
        if isinstance(self._log, FakeLog):
            self._log.bells.add(self._news)
        await assigned(frozenset(range(self._log.topics[self._topics[0]].partitions)))

    @override
    async def poll(self, *, max_records: int, max_bytes: int, timeout: float) -> Sequence[Record]:
        while True:
            self._news.clear()
            for (topic, partition), start in list(self._positions.items()):
                records = await self._log.read(topic, partition, start, max_records=max_records, max_bytes=max_bytes)
                place = (topic, partition)
                if records and partition not in self._paused and self._positions[place] == start:
                    self._positions[place] = records[-1].offset + 1
                    return records
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await self._news.wait()

    @override
    def seek(self, topic: str, partition: int, offset: int) -> None:
        self._positions[topic, partition] = offset
        self._news.set()

    @override
    def pause(self, partition: int) -> None:
        self._paused.add(partition)

    @override
    def resume(self, partition: int) -> None:
        self._paused.discard(partition)
        self._news.set()

    @override
    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        if isinstance(self._log, FakeLog):
            self._log.offsets.update(offsets)

    @override
    async def close(self) -> None: ...


class SteppedStore(ProgressStore):
    """A store whose steps are told to a test."""

    def __init__(self, store: ProgressStore, at: At) -> None:
        self._store = store
        self._at = at

    async def find(self, read: Read) -> list[dict[str, Any]]:
        await self._at("before find")
        found = await self._store.find(read)
        await self._at("after find")
        return found

    async def read_progress(self, group: str, partition: int) -> Progress:
        await self._at("before read progress")
        progress = await self._store.read_progress(group, partition)
        await self._at("after read progress")
        return progress

    async def commit(
        self, group: str, partition: int, *, expected_rev: int, progress: Progress, writes: Sequence[Write]
    ) -> None:
        await self._at("before commit")
        await self._store.commit(group, partition, expected_rev=expected_rev, progress=progress, writes=writes)
        await self._at("after commit")


class SteppedLog(EventLog):
    """A log whose steps are told to a test, and whose consumers know no groups."""

    def __init__(self, log: EventLog, at: At) -> None:
        self._log = log
        self._at = at
        self.topics = log.topics

    @override
    async def open(self, topics: Sequence[Topic], *, create: bool = True) -> None: ...

    @property
    @override
    def log_id(self) -> str:
        return self._log.log_id

    @override
    async def append(self, messages: Sequence[Message]) -> Sequence[Position]:
        step = "append dead letters" if messages[0].topic == DEAD_LETTERS else "publish"
        await self._at(f"before {step}")
        positions = await self._log.append(messages)
        await self._at(f"after {step}")
        return positions

    @override
    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        return await self._log.begin_offsets(topic)

    @override
    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        return await self._log.end_offsets(topic)

    @override
    async def committed(self, group: str) -> Mapping[tuple[str, int], int]:
        return await self._log.committed(group)

    @override
    async def read(
        self, topic: str, partition: int, start: int, *, max_records: int = 1000, max_bytes: int = 8 << 20
    ) -> Sequence[Record]:
        return await self._log.read(topic, partition, start, max_records=max_records, max_bytes=max_bytes)

    @override
    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        return _SteppedConsumer(self._log, tuple(topics), self._at)

    @override
    async def close(self) -> None: ...


class _SteppedConsumer(SoloConsumer):
    def __init__(self, log: EventLog, topics: tuple[str, ...], at: At) -> None:
        super().__init__(log, topics)
        self._at = at

    @override
    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        await self._at("before commit offsets")
        await super().commit(offsets)
        await self._at("after commit offsets")


class Outage(LogError):
    """The log or the store is away."""
