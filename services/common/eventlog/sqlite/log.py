"""The embedded log: one SQLite file that all processes of a machine share.

`file.py` has its tables and threads, `records.py` what is done in them, `consumer.py` and `group.py` the groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

from typing_extensions import override

from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.port import Consumer, EventLog, LogError, Message, Position, Record
from services.common.eventlog.sqlite.bell import RECORDS, Bell
from services.common.eventlog.sqlite.consumer import SqliteConsumer
from services.common.eventlog.sqlite.file import Connection, LogFile
from services.common.eventlog.sqlite.records import (
    NewRow,
    make_topics,
    pack_headers,
    record_of,
    scan,
    store,
    waiting_ports,
)
from services.common.eventlog.topics import Topic
from services.common.runloop.clock import unix_ms


class SqliteLog(EventLog):
    """The log in one file. Several processes may have it open at once; each opens it once."""

    def __init__(self, path: Path | str, *, session_timeout: float = 15.0) -> None:
        """`session_timeout`: seconds after which a member that lives but says nothing loses its partitions."""
        self.session_timeout = session_timeout
        self._file = LogFile(Path(path))
        self._log_id = ""
        self._partition_ids: dict[tuple[str, int], int] = {}
        self._bell = Bell()

    @override
    async def open(self, topics: Sequence[Topic], *, create: bool = True) -> None:
        await self._file.open()
        try:
            self._log_id, self._partition_ids = await self._file.write(
                partial(make_topics, topics=topics, create=create)
            )
        except BaseException:
            await self._file.close()
            raise
        self.topics = MappingProxyType({topic.name: topic for topic in topics})

    @property
    @override
    def log_id(self) -> str:
        return self._log_id

    @override
    async def append(self, messages: Sequence[Message]) -> Sequence[Position]:
        self.check(messages)
        if not messages:
            return ()
        placed: dict[int, list[NewRow]] = {}
        targets: list[tuple[str, int, int, int]] = []
        weight, now = 0, unix_ms()
        for message in messages:
            number = message.partition
            if number is None:
                number = partition_of(message.key, self.topics[message.topic].partitions)
            partition = self._partition_ids[message.topic, number]
            rows = placed.setdefault(partition, [])
            targets.append((message.topic, number, partition, len(rows)))
            time = now if message.time_unix_ms is None else message.time_unix_ms
            rows.append((time, message.key, pack_headers(message.headers), message.value))
            weight += len(message.key) + len(message.value)
        touched = {topic for topic, *_ in targets}

        def run(connection: Connection) -> dict[int, int]:
            starts = {partition: store(connection, partition, rows) for partition, rows in placed.items()}
            ports = waiting_ports(connection, touched)
            self._file.after_commit(lambda: self._bell.ring(ports, RECORDS))
            return starts

        starts = await self._file.write(run, weight=weight)
        return [Position(topic, number, starts[partition] + place) for topic, number, partition, place in targets]

    @override
    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        return await self._offsets(topic, "first_offset")

    @override
    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        return await self._offsets(topic, "next_offset")

    @override
    async def committed(self, group: str) -> Mapping[tuple[str, int], int]:
        def run(connection: Connection) -> dict[tuple[str, int], int]:
            sql = "SELECT topic, partition, next_offset FROM committed WHERE group_name = ?"
            return {(topic, number): offset for topic, number, offset in connection.execute(sql, (group,)).fetchall()}

        return await self._file.look(run)

    @override
    async def read(
        self, topic: str, partition: int, start: int, *, max_records: int = 1000, max_bytes: int = 8 << 20
    ) -> Sequence[Record]:
        span = (self.partition_id(topic, partition), start)
        found = await self._file.look(partial(scan, spans=[span], max_records=max_records, max_bytes=max_bytes))
        return [record_of(topic, partition, row) for _, rows in found for row in rows]

    @override
    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        for topic in topics:
            self.partition_id(topic, 0)
        counts = {self.topics[topic].partitions for topic in topics}
        if len(counts) != 1:
            raise LogError(f"Topics of one group need one partition count: {', '.join(topics)} have {sorted(counts)}.")
        partitions = {
            number: {topic: self._partition_ids[topic, number] for topic in topics} for number in range(counts.pop())
        }
        return SqliteConsumer(self._file, self._bell, group, partitions, session_timeout=self.session_timeout)

    @override
    async def close(self) -> None:
        await self._file.close()
        self._bell.close()

    def partition_id(self, topic: str, number: int) -> int:
        """The id of a partition in the file."""
        try:
            return self._partition_ids[topic, number]
        except KeyError:
            raise LogError(f"There is no partition {number} of topic {topic!r}.") from None

    async def _offsets(self, topic: str, column: str) -> dict[int, int]:
        self.partition_id(topic, 0)

        def run(connection: Connection) -> dict[int, int]:
            return dict(
                connection.execute(f"SELECT number, {column} FROM partitions WHERE topic = ?", (topic,)).fetchall()
            )

        return await self._file.look(run)
