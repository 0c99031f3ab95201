"""A log that is replayed: read to its ends, and never written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.common.eventlog.port import LogError, Message
from services.common.eventlog.replay import ReplayLog
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, topics

PARTITIONS = 2
GROUP = "group"


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    opened = SqliteLog(tmp_path / "log.sqlite")
    await opened.open(topics(PARTITIONS))
    for topic in (DATA_ROWS, GROUND_TRUTH):
        await opened.append([Message(topic, b"key", b"%d" % n, n % PARTITIONS) for n in range(20)])
    yield opened
    await opened.close()


async def assigned(_partitions: frozenset[int]) -> None:
    pass


async def test_a_consumer_gets_what_lies_before_its_ends_and_no_more(log: SqliteLog) -> None:
    ends = {GROUP: {(DATA_ROWS, 0): 7, (DATA_ROWS, 1): 10, (GROUND_TRUTH, 1): 3}}
    told: list[tuple[int, int]] = []
    replay = ReplayLog(log, ends, lambda done, total: told.append((done, total)))
    consumer = replay.consumer(GROUP, (DATA_ROWS, GROUND_TRUTH))
    await consumer.start(assigned=assigned, revoked=assigned)
    for topic in (DATA_ROWS, GROUND_TRUTH):
        for partition in range(PARTITIONS):
            consumer.seek(topic, partition, 0)
    consumer.seek(DATA_ROWS, 1, 4)
    consumer.pause(0)
    found: dict[tuple[str, int], list[int]] = {}

    async def poll_all() -> None:
        while records := await consumer.poll(max_records=3, max_bytes=1 << 20, timeout=0.01):
            for record in records:
                found.setdefault((record.topic, record.partition), []).append(record.offset)

    await poll_all()
    assert found == {(DATA_ROWS, 1): [*range(4, 10)], (GROUND_TRUTH, 1): [0, 1, 2]}
    consumer.resume(0)
    await poll_all()
    assert found.pop((DATA_ROWS, 0)) == [*range(7)]
    assert (GROUND_TRUTH, 0) not in found

    await consumer.commit({(DATA_ROWS, 0): 7, (DATA_ROWS, 1): 10})
    assert told[-1] == (17, 20)
    await consumer.commit({(GROUND_TRUTH, 0): 0, (GROUND_TRUTH, 1): 3})
    await replay.finished()
    assert told[-1] == (20, 20)


async def test_a_group_with_nothing_to_read_is_through(log: SqliteLog) -> None:
    replay = ReplayLog(log, {})
    replay.consumer(GROUP, (DATA_ROWS,))
    await replay.finished()


async def test_nothing_is_written(log: SqliteLog) -> None:
    replay = ReplayLog(log, {})
    before = await log.end_offsets(DATA_ROWS)
    assert await replay.append([Message(DATA_ROWS, b"key", b"value")]) == ()
    assert await log.end_offsets(DATA_ROWS) == before == await replay.end_offsets(DATA_ROWS)
    with pytest.raises(LogError):
        replay.check([Message("no such topic", b"", b"")])
