"""Kafka for tests: it is what was pinned, and it is one's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.kafka.jars import KafkaUnavailable, WrongJars, jars, read_list, verify
from tests.kafka.server import KafkaServer


@pytest.fixture
def copied_jars(tmp_path: Path, kafka_bootstrap: str) -> Path:
    try:
        return Path(shutil.copytree(jars(), tmp_path / "jars"))
    except KafkaUnavailable as error:  # a named cluster, or a container, needs none
        pytest.skip(str(error))


def test_the_jars_are_those_of_the_list(copied_jars: Path) -> None:
    verify(copied_jars, read_list())


def test_a_jar_with_one_byte_changed_is_refused(copied_jars: Path) -> None:
    jar = copied_jars / "kafka_2.13-4.3.1.jar"
    contents = bytearray(jar.read_bytes())
    contents[len(contents) // 2] ^= 1
    jar.write_bytes(contents)
    with pytest.raises(WrongJars, match=r"with other contents: kafka_2\.13-4\.3\.1\.jar"):
        verify(copied_jars, read_list())


def test_a_jar_too_many_is_refused_and_one_too_few(copied_jars: Path) -> None:
    (copied_jars / "kafka_2.13-4.3.1.jar").rename(copied_jars / "more.jar")
    with pytest.raises(WrongJars, match=r"missing: kafka_2\.13-4\.3\.1\.jar; not on the list: more\.jar"):
        verify(copied_jars, read_list())


async def test_what_was_acknowledged_is_there_after_a_kill(start_kafka: Callable[[], KafkaServer]) -> None:
    kafka = start_kafka()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("t", 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        await producer.send_and_wait("t", b"v", partition=0)
    address, pid = kafka.bootstrap, kafka.pid
    kafka.kill()
    kafka.start()
    assert (kafka.bootstrap, kafka.pid) != (address, pid)
    assert kafka.bootstrap == address
    async with AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition("t", 0)])
        record = await consumer.getone()
    assert record.value == b"v"
