"""Logs with something of everything on them, and what lies on them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from services.common.eventlog.port import EventLog, Message, Record
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import DEFAULT_ROW_PARTITIONS, Topic, topics

Contents = dict[tuple[str, int], list[Record]]


def messages(asked: Sequence[Topic], count: int, seed: int = 1, most_bytes: int = 400) -> list[Message]:
    """On all partitions, in any order; equal ones among them, empty ones, and times that go back."""
    chance = random.Random(seed)
    made: list[Message] = []
    for number in range(count):
        topic = chance.choice(asked)
        headers = tuple((f"name-{n}", chance.randbytes(n)) for n in range(chance.choice((0, 0, 3))))
        value = chance.choice((b"", b"the same", chance.randbytes(chance.randrange(most_bytes))))
        key = chance.choice((b"", b"key", f"a/b/{number} é".encode()))
        time = 1_700_000_000_000 + chance.randrange(-(10**9), 10**9)
        made.append(Message(topic.name, key, value, chance.randrange(topic.partitions), headers, time))
    return made


async def fill(log: EventLog, count: int, *, seed: int = 1, row_partitions: int = DEFAULT_ROW_PARTITIONS) -> Contents:
    """Open a log, append to it, and close it; what lies on it then."""
    asked = topics(row_partitions)
    await log.open(asked)
    try:
        made = messages(asked, count, seed)
        for start in range(0, len(made), 1000):
            await log.append(made[start : start + 1000])
        return await everything(log)
    finally:
        await log.close()


async def contents(log: EventLog, row_partitions: int = DEFAULT_ROW_PARTITIONS) -> Contents:
    """What lies on a log that is there."""
    await log.open(topics(row_partitions), create=False)
    try:
        return await everything(log)
    finally:
        await log.close()


async def everything(log: EventLog) -> Contents:
    """All records of an open log, by topic and partition."""
    found: Contents = {}
    for topic in log.topics:
        for partition, end in (await log.end_offsets(topic)).items():
            records = found.setdefault((topic, partition), [])
            while len(records) < end:
                page = await log.read(topic, partition, len(records))
                assert page, f"{topic}/{partition} ends at {len(records)}, not {end}"
                records.extend(page)
    return found


def embedded(path: Path) -> SqliteLog:
    """The log of a data directory."""
    return SqliteLog(path / "log.sqlite")
