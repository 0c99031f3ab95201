"""A member of a group on the embedded log: keeping its membership, and handing out records.

A process that died is expelled by whoever looks next (once a second, or when something happens), one that lives but
says nothing when its session is over. That one wakes later as a zombie: keeping it from doing harm is what the progress
document is for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from typing_extensions import override

from services.common.eventlog.port import Consumer, LogError, PartitionCallback, Record
from services.common.eventlog.sqlite import group as sqlite_group
from services.common.eventlog.sqlite.bell import MEMBERS, Bell, Ear
from services.common.eventlog.sqlite.file import Connection, LogFile
from services.common.eventlog.sqlite.group import Group
from services.common.eventlog.sqlite.records import Row, Span, record_of, scan

T = TypeVar("T")

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often to look without being rung for."""

TopicPartition = tuple[str, int]


class SqliteConsumer(Consumer):
    """A member of a group on the embedded log."""

    def __init__(
        self,
        file: LogFile,
        bell: Bell,
        group: str,
        partitions: Mapping[int, Mapping[str, int]],
        *,
        session_timeout: float,
    ) -> None:
        """`partitions`: for each number, the id of that partition of every topic of the group."""
        self._file = file
        self._bell = bell
        self._group = group
        self._partitions = partitions
        self._topics = tuple(partitions[0])
        self._place_of = {id: (topic, number) for number, ids in partitions.items() for topic, id in ids.items()}
        self._session_ms = session_timeout * 1000
        self._look_seconds = min(LOOK_SECONDS, session_timeout / 3)

        self._member = 0
        self._port = 0
        self._owned: frozenset[int] | None = None
        """None between giving up partitions and being assigned the next."""
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._turn = 0
        self._uncommitted: dict[TopicPartition, int] = {}
        self._news = asyncio.Event()
        self._changes = asyncio.Event()
        self._ear: asyncio.DatagramTransport | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None

    # ---- reading

    @override
    async def poll(self, *, max_records: int, max_bytes: int, timeout: float) -> Sequence[Record]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            if self._failure is not None:
                raise self._failure
            self._news.clear()
            if records := await self._fetch(max_records, max_bytes):
                return records
            if (left := deadline - loop.time()) <= 0:
                return ()
            await _wait(self._news, min(left, self._look_seconds))

    async def _fetch(self, max_records: int, max_bytes: int) -> list[Record]:
        spans = [
            (id, self._positions[id])
            for number in self._owned or ()
            if number not in self._paused
            for id in self._partitions[number].values()
            if id in self._positions
        ]
        if not spans:
            return []
        self._turn = (self._turn + 1) % len(spans)  # so that each is first in its turn
        spans = spans[self._turn :] + spans[: self._turn]
        found = await self._file.look(partial(scan, spans=spans, max_records=max_records, max_bytes=max_bytes))
        return [record for span, rows in found for record in self._hand_out(span, rows)]

    def _hand_out(self, span: Span, rows: list[Row]) -> list[Record]:
        id, start = span
        topic, number = self._place_of[id]
        if self._positions.get(id) != start or number in self._paused or number not in (self._owned or ()):
            return []  # it was sought, paused or given up while we read
        self._positions[id] = rows[-1][0] + 1
        return [record_of(topic, number, row) for row in rows]

    @override
    def seek(self, topic: str, partition: int, offset: int) -> None:
        if partition not in (self._owned or ()):
            raise LogError(f"Partition {partition} isn't assigned to this member of {self._group}.")
        self._positions[self._partitions[partition][topic]] = offset
        self._news.set()

    @override
    def pause(self, partition: int) -> None:
        self._paused.add(partition)

    @override
    def resume(self, partition: int) -> None:
        self._paused.discard(partition)
        self._news.set()

    @override
    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._uncommitted.update(offsets)

    # ---- membership

    @override
    async def start(self, *, assigned: PartitionCallback, revoked: PartitionCallback) -> None:
        self._ear, self._port = await Ear.open(self._heard)
        await self._join()
        self._tasks = [
            asyncio.create_task(self._keep(assigned, revoked), name=f"member of {self._group}"),
            asyncio.create_task(self._report(), name=f"signs of life in {self._group}"),
        ]

    @override
    async def close(self) -> None:
        if self._ear is None:
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._owned = None
        self._ear.close()
        self._ear = None
        offsets = [(topic, number, offset) for (topic, number), offset in self._uncommitted.items()]

        def run(connection: Connection) -> None:
            sqlite_group.commit(connection, self._group, offsets)
            sqlite_group.leave(connection, self._group, self._port)

        try:
            await self._change(run)
        except LogError as error:
            logger.warning("leaving %s: %s", self._group, error)

    def _heard(self, why: bytes) -> None:
        (self._changes if why == MEMBERS else self._news).set()

    async def _keep(self, assigned: PartitionCallback, revoked: PartitionCallback) -> None:
        """Follow the group's generations until cancelled."""
        generation = 0
        while True:
            self._changes.clear()
            try:
                group = await self._file.look(partial(sqlite_group.look_at, name=self._group))
                if group.member(self._member) is None:
                    logger.warning("this member of %s was expelled: it joins again", self._group)
                    await self._give_up(revoked)
                    await self._join()
                    continue
                if any(member.gone(self._session_ms) for member in group.members if member.id != self._member):
                    await self._change(self._expel)
                    continue
                if group.generation != generation:
                    await self._give_up(revoked)
                    await self._say_ready(group.generation)
                    generation = group.generation
                    continue
                if self._owned is None and group.settled:
                    await self._take(group, assigned)
            except LogError as error:
                logger.warning("membership of %s: %s", self._group, error)
            except Exception as error:
                self._failure = error
                self._news.set()
                raise
            await _wait(self._changes, self._look_seconds)

    async def _give_up(self, revoked: PartitionCallback) -> None:
        owned, self._owned = self._owned, None
        if owned is not None:
            await revoked(owned)
        self._positions.clear()
        self._paused.clear()

    async def _take(self, group: Group, assigned: PartitionCallback) -> None:
        self._owned = group.share(self._member, len(self._partitions))
        await assigned(self._owned)
        self._news.set()

    async def _join(self) -> None:
        self._member = await self._change(lambda c: sqlite_group.join(c, self._group, self._topics, self._port))

    async def _say_ready(self, generation: int) -> None:
        await self._change(lambda c: sqlite_group.ready(c, self._member, generation))

    def _expel(self, connection: Connection) -> None:
        gone = sqlite_group.expel(connection, self._group, self._session_ms, besides=self._member)
        logger.warning("%s loses members that are gone: %s", self._group, gone)

    async def _report(self) -> None:
        """Write what is due until cancelled: offsets, and a sign of life every third of a session.

        Apart from `_keep`, which may wait long for a drain.
        """
        loop = asyncio.get_running_loop()
        beaten = loop.time()
        while True:
            await asyncio.sleep(self._look_seconds)
            if self._uncommitted or loop.time() - beaten >= self._session_ms / 3000:
                try:
                    await self._beat()
                    beaten = loop.time()
                except LogError as error:
                    logger.warning("no sign of life in %s: %s", self._group, error)

    async def _beat(self) -> None:
        offsets, self._uncommitted = self._uncommitted, {}
        rows = [(topic, number, offset) for (topic, number), offset in offsets.items()]

        def run(connection: Connection) -> None:
            sqlite_group.commit(connection, self._group, rows)
            sqlite_group.beat(connection, self._member)

        try:
            await self._file.write(run)
        except BaseException:
            self._uncommitted = offsets | self._uncommitted
            raise

    async def _change(self, act: Callable[[Connection], T]) -> T:
        """Change the group, and tell its members."""

        def run(connection: Connection) -> T:
            result = act(connection)
            ports = sqlite_group.ports(connection, self._group)
            self._file.after_commit(lambda: self._bell.ring(ports, MEMBERS))
            return result

        return await self._file.write(run)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
