"""`sightline log copy`, to Kafka and back."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.eventlog.kafka.log import KafkaLog
from services.common.eventlog.port import Message
from services.common.eventlog.topics import CATALOG, PREDICTIONS, topics
from tests.e2e.stack import alive
from tests.integration.ops.commands import begin, copied, copy
from tests.integration.ops.logs import contents, embedded, fill
from tests.kafka.server import KafkaServer


def cluster(bootstrap: str, prefix: str = "") -> KafkaCluster:
    return KafkaCluster(bootstrap, prefix, replication_factor=1, min_insync_replicas=1)


@pytest.fixture
def there(kafka_bootstrap: str, kafka_prefix: str) -> KafkaCluster:
    return cluster(kafka_bootstrap, kafka_prefix)


def word(of: KafkaCluster) -> str:
    return f"kafka://{of.bootstrap_servers}/{of.topic_prefix}"


async def made(source: Path, count: int) -> None:
    await fill(embedded(source), count)


async def test_there_and_back_is_equal_byte_for_byte(tmp_path: Path, there: KafkaCluster) -> None:
    original = await fill(embedded(tmp_path / "source"), 5000, row_partitions=11)
    done = await asyncio.to_thread(copied, tmp_path / "source", word(there))
    assert done["next"] == (
        f"SIGHTLINE_ROW_PARTITIONS=11 sightline up --kafka {there.bootstrap_servers} "
        f"--kafka-topic-prefix {there.topic_prefix} --mongo-database NEW_NAME"
    )
    assert await contents(KafkaLog(there), row_partitions=11) == original
    back = await asyncio.to_thread(copied, word(there), tmp_path / "back")
    assert await contents(embedded(tmp_path / "back"), row_partitions=11) == original
    assert back["partitions"] == done["partitions"]
    assert len({log["log_id"] for log in (done["source"], done["target"], back["target"])}) == 3


async def test_the_largest_messages_fit(tmp_path: Path, there: KafkaCluster) -> None:
    log = embedded(tmp_path)
    await log.open(topics())
    for topic in topics():
        value = random.Random(3).randbytes(topic.max_message_bytes - 3)
        await log.append([Message(topic.name, b"key", value, 0, (("name", b"value"),))] * 2)
    await log.close()
    await asyncio.to_thread(copied, tmp_path, word(there))
    assert await contents(KafkaLog(there)) == await contents(embedded(tmp_path))


async def total(log: KafkaLog) -> int:
    """How many records a log holds."""
    return sum([sum((await log.end_offsets(topic)).values()) for topic in log.topics])


async def test_it_goes_on_after_kill_9_at_any_moment(tmp_path: Path, there: KafkaCluster) -> None:
    source, said = tmp_path / "source", tmp_path / "said"
    original = await fill(embedded(source), 40_000)
    watch = KafkaLog(there)
    await watch.open(topics())
    for share in (0.05, 0.25, 0.5, 0.75):
        before = said.stat().st_size if said.exists() else 0
        process = begin(source, word(there), said)
        while await total(watch) < share * 40_000:
            assert process.poll() is None, "the copy was done before it could be killed"
            await asyncio.sleep(0.005)
        mine = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.kill()
        process.wait()
        while any(map(alive, mine)):
            await asyncio.sleep(0.01)
        assert "refused" not in said.read_text()[before:]
    assert await total(watch) < 40_000, "the last kill hit the middle"
    await watch.close()
    await asyncio.to_thread(copied, source, word(there))
    assert await contents(KafkaLog(there)) == original


async def test_it_goes_on_by_itself_when_the_broker_is_killed_and_back(
    tmp_path: Path, start_kafka: Callable[[], KafkaServer]
) -> None:
    source, said = tmp_path / "source", tmp_path / "said"
    original = await fill(embedded(source), 40_000)
    server = start_kafka()
    log = KafkaLog(cluster(server.bootstrap))
    await log.open(topics())
    process = begin(source, word(log.cluster), said)
    while not await total(log):
        await asyncio.sleep(0.01)
    await log.close()
    assert process.poll() is None
    server.kill()
    server.launch()
    await asyncio.to_thread(server.wait)
    assert await asyncio.to_thread(process.wait, 120) == 0, said.read_text()
    assert await contents(KafkaLog(cluster(server.bootstrap))) == original


# ---- refused


async def refused(source: object, target: object, *options: str) -> str:
    done = await asyncio.to_thread(copy, source, target, *options)
    said = json.loads(done.stdout)["error"]
    assert (done.returncode, said["exit_code"]) == (2, 2), done.stderr
    assert " ".join(said["message"].split()) in " ".join(done.stderr.split())
    return done.stderr


async def test_a_target_with_other_partitions(tmp_path: Path, there: KafkaCluster) -> None:
    await made(tmp_path, 10)
    empty = await fill(KafkaLog(there), 0, row_partitions=5)
    assert "data-rows has 5 and should have 8" in await refused(tmp_path, word(there))
    assert await contents(KafkaLog(there), row_partitions=5) == empty


async def test_a_target_with_another_record(tmp_path: Path, there: KafkaCluster) -> None:
    await made(tmp_path, 500)
    log = KafkaLog(there)
    await log.open(topics())
    await log.append([Message(CATALOG, b"", b"of somebody else")])
    await log.close()
    before = await contents(KafkaLog(there))
    assert "another record at offset 0" in await refused(tmp_path, word(there))
    assert await contents(KafkaLog(there)) == before


async def test_a_source_that_a_service_reads(tmp_path: Path, there: KafkaCluster) -> None:
    await fill(KafkaLog(there), 100)
    log = KafkaLog(there)
    await log.open(topics())
    consumer = log.consumer("metrics-rows", [PREDICTIONS])
    joined = asyncio.Event()

    async def assigned(_partitions: frozenset[int]) -> None:
        joined.set()

    async def revoked(_partitions: frozenset[int]) -> None: ...

    await consumer.start(assigned=assigned, revoked=revoked)
    try:
        await asyncio.wait_for(joined.wait(), 60)
        assert "in use by metrics-rows (on 127.0.0.1)" in await refused(word(there), tmp_path / "back")
        assert not (tmp_path / "back" / "log.sqlite").exists()
        assert (await asyncio.to_thread(copied, word(there), tmp_path / "back", "--force"))["records"] == 100
    finally:
        await consumer.close()
        await log.close()
    assert (await asyncio.to_thread(copied, word(there), tmp_path / "back"))["copied"] == 0


async def test_no_log_under_a_prefix(tmp_path: Path, there: KafkaCluster) -> None:
    assert "no log at" in await refused(word(there), tmp_path)


async def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    await made(tmp_path, 1)
    done = copy(tmp_path, "kafka://127.0.0.1:1")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "127.0.0.1:1" in line
