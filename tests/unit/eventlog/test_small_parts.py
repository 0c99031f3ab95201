"""Partitioner, processes, topics."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from services.common.eventlog.partitioner import murmur2, partition_of
from services.common.eventlog.sqlite import processes
from services.common.eventlog.topics import DEAD_LETTERS, row_key, topics
from sightline.wire.events.v1.event_pb2 import Event


@pytest.mark.parametrize(
    ("key", "expected"),
    [  # from Apache Kafka's own UtilsTest
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF
    assert partition_of(key, 7) == (expected & 0x7FFFFFFF) % 7


def test_topics_are_whole() -> None:
    by_name = {topic.name: topic for topic in topics(4)}
    payloads = {field.name for field in Event.DESCRIPTOR.oneofs_by_name["payload"].fields}
    for topic in by_name.values():
        assert set(topic.payloads) <= payloads
        assert topic.retention_ms == -1
        if topic.dead_letter_topic is not None:
            # A dead letter is the record as it came: its topic takes all that others take.
            assert by_name[topic.dead_letter_topic].max_message_bytes >= topic.max_message_bytes
    assert {name for topic in by_name.values() for name in topic.payloads} == payloads
    assert by_name[DEAD_LETTERS].dead_letter_topic is None


def test_row_keys_come_apart_again() -> None:
    assert row_key("p", "d", "a/b/c").split("/", 2) == ["p", "d", "a/b/c"]


async def test_a_process_is_known_by_id_and_start() -> None:
    assert processes.started(os.getpid()) == processes.started(os.getpid())
    assert processes.here() == processes.here()
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    assert processes.started(child.pid)
    child.kill()
    await child.wait()
    assert processes.started(child.pid) is None
