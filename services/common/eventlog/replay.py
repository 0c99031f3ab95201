"""A log that is read again, from its beginning to fixed ends.

Nothing is published: what the events gave rise to is on the log already. A group has one member, which owns every
partition and gets records up to its ends alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from typing_extensions import override

from services.common.eventlog.port import Consumer, EventLog, LogError, Message, PartitionCallback, Position, Record
from services.common.eventlog.topics import Topic

Place = tuple[str, int]
"""Topic and partition."""
Ends = Mapping[str, Mapping[Place, int]]
"""The next offset, not to be handed out, by group and place; what isn't here ends at its beginning."""
Report = Callable[[int, int], None]
"""Is told how many of how many records are applied."""

AT_ONCE = 4
"""Partitions that are read at the same time."""


class ReplayLog(EventLog):
    """A log behind which nothing can be written. `log` is open, and stays the caller's."""

    def __init__(self, log: EventLog, ends: Ends, report: Report = lambda _done, _total: None) -> None:
        self._log = log
        self._ends = ends
        self._report = report
        self._consumers: list[ReplayConsumer] = []
        self.topics = log.topics

    async def finished(self) -> None:
        """Wait until every group that reads has reached its ends."""
        for consumer in self._consumers:
            await consumer.finished.wait()

    @property
    def groups(self) -> frozenset[str]:
        """All that are replayed, here or in another process."""
        return frozenset(self._ends)

    def ends(self, group: str) -> Mapping[Place, int]:
        """Where a group ends."""
        return self._ends.get(group, {})

    @override
    async def open(self, topics: Sequence[Topic], *, create: bool = True) -> None:
        raise LogError("A log that is replayed is open.")

    @property
    @override
    def log_id(self) -> str:
        return self._log.log_id

    @override
    async def append(self, messages: Sequence[Message]) -> Sequence[Position]:
        """Publishes nothing, so there are no positions."""
        return ()

    @override
    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        return await self._log.begin_offsets(topic)

    @override
    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        return await self._log.end_offsets(topic)

    @override
    async def committed(self, group: str) -> Mapping[tuple[str, int], int]:
        return {}

    @override
    async def read(
        self, topic: str, partition: int, start: int, *, max_records: int = 1000, max_bytes: int = 8 << 20
    ) -> Sequence[Record]:
        return await self._log.read(topic, partition, start, max_records=max_records, max_bytes=max_bytes)

    @override
    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        partitions = self.topics[topics[0]].partitions
        consumer = ReplayConsumer(self._log, partitions, self.ends(group), self._note)
        self._consumers.append(consumer)
        return consumer

    @override
    async def close(self) -> None:
        """Nothing: the log is the caller's."""

    def _note(self) -> None:
        self._report(sum(each.done for each in self._consumers), sum(each.total for each in self._consumers))


class ReplayConsumer(Consumer):
    """The one member of a group."""

    def __init__(self, log: EventLog, partitions: int, ends: Mapping[Place, int], note: Callable[[], None]) -> None:
        self._log = log
        self._partitions = partitions
        self._ends = {place: end for place, end in ends.items() if end}
        self._note = note
        self._positions: dict[Place, int] = {}
        self._paused: set[int] = set()
        self._applied: dict[Place, int] = {}
        self._news = asyncio.Event()
        self.total = sum(self._ends.values())
        self.finished = asyncio.Event()
        """Set when all up to the ends is applied."""
        self._look()

    @property
    def done(self) -> int:
        """Records that are applied."""
        return sum(min(self._applied.get(place, 0), end) for place, end in self._ends.items())

    @override
    async def start(self, *, assigned: PartitionCallback, revoked: PartitionCallback) -> None:
        await assigned(frozenset(range(self._partitions)))

    @override
    async def poll(self, *, max_records: int, max_bytes: int, timeout: float) -> Sequence[Record]:
        self._news.clear()
        ready = [place for place in self._positions if self._left(place) > 0][:AT_ONCE]
        if not ready:
            try:
                async with asyncio.timeout(timeout):
                    await self._news.wait()
            except TimeoutError:
                pass
            return ()
        begun = {place: self._positions[place] for place in ready}
        pages = await asyncio.gather(
            *(
                self._log.read(*place, start, max_records=min(max_records, self._left(place)), max_bytes=max_bytes)
                for place, start in begun.items()
            )
        )
        records: list[Record] = []
        for (place, start), page in zip(begun.items(), pages, strict=True):
            if self._left(place) <= 0 or self._positions[place] != start:  # paused or moved in the meantime
                continue
            if not page:
                raise LogError(f"The log has nothing at {start} of {place[0]}/{place[1]}, which it had before.")
            mine = [record for record in page if record.offset < self._ends[place]]
            del self._positions[place]  # behind the others: all get their turn
            self._positions[place] = page[-1].offset + 1
            records += mine
        return sorted(records, key=lambda record: record.partition)

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
        self._applied.update(offsets)
        self._look()

    @override
    async def close(self) -> None:
        """Nothing to leave."""

    def _left(self, place: Place) -> int:
        """How many records it may still get now."""
        return 0 if place[1] in self._paused else self._ends.get(place, 0) - self._positions[place]

    def _look(self) -> None:
        if all(self._applied.get(place, 0) >= end for place, end in self._ends.items()):
            self.finished.set()
        self._note()
