"""`sightline doctor --kafka`: what is right, what is wrong, and what to type."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace

from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.eventlog.kafka.log import KafkaLog
from services.common.eventlog.port import Message
from services.common.eventlog.topics import CATALOG, topics
from tests.e2e.environment import plain_environment

Findings = dict[str, list[dict[str, str]]]


async def examined(servers: str, prefix: str = "", **environment: str) -> Findings:
    command = (
        sys.executable,
        "-m",
        "sightline",
        "doctor",
        "--json",
        "--kafka",
        servers,
        "--kafka-topic-prefix",
        prefix,
    )
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60, env=plain_environment() | environment
    )
    found: Findings = {}
    for finding in json.loads(done.stdout)["findings"]:
        found.setdefault(finding["what"], []).append(finding)
    assert done.stderr == ""
    missing = any(finding["state"] == "missing" for findings in found.values() for finding in findings)
    assert done.returncode == (1 if missing else 0)
    return found


async def test_topics_that_are_right_and_a_group_that_is_behind(kafka_bootstrap: str, kafka_prefix: str) -> None:
    assert (await examined(kafka_bootstrap, kafka_prefix))["Kafka topics"][0]["found"] == "none yet (will be made)"
    log = KafkaLog(KafkaCluster(kafka_bootstrap, kafka_prefix, replication_factor=1, min_insync_replicas=1))
    await log.open(topics())
    await log.append([Message(CATALOG, b"", b"")] * 7)
    consumer = log.consumer("ingest-catalog", [CATALOG])
    joined = asyncio.Event()

    async def assigned(_partitions: frozenset[int]) -> None:
        joined.set()

    async def revoked(_partitions: frozenset[int]) -> None: ...

    await consumer.start(assigned=assigned, revoked=revoked)
    try:
        await asyncio.wait_for(joined.wait(), 60)
        await consumer.commit({(CATALOG, 0): 3})
        while not await log.committed("ingest-catalog"):
            await asyncio.sleep(0.1)
        found = await examined(kafka_bootstrap, kafka_prefix)
    finally:
        await consumer.close()
        await log.close()
    assert [finding["state"] for what in ("Kafka", "Kafka topics", "Log") for finding in found[what]] == ["ok"] * 3
    assert found["Log"][0]["found"] == log.log_id
    assert found["Group ingest-catalog"][0]["found"] == "1 member, 4 records behind"


async def test_each_difference_says_what_to_type(kafka_bootstrap: str, kafka_prefix: str) -> None:
    cluster = KafkaCluster(kafka_bootstrap, kafka_prefix, replication_factor=1, min_insync_replicas=1)
    brief = [replace(topic, retention_ms=60_000) if topic.name == CATALOG else topic for topic in topics(5)]
    log = KafkaLog(cluster)
    await log.open(brief)
    await log.close()
    found = await examined(kafka_bootstrap, kafka_prefix, SIGHTLINE_ROW_PARTITIONS="5")
    (wrong,) = found["Kafka topics"]
    assert wrong["found"] == f"{kafka_prefix}catalog has retention.ms=60000, not -1"
    assert f"kafka-configs.sh --bootstrap-server {kafka_bootstrap} --alter" in wrong["remedy"]
    others = (await examined(kafka_bootstrap, kafka_prefix))["Kafka topics"]
    assert sum("has 5 partitions, not 8" in other["found"] for other in others) == 4
    assert all(other["remedy"] for other in others)


async def test_too_few_brokers(kafka_bootstrap: str, kafka_prefix: str) -> None:
    found = await examined(kafka_bootstrap, kafka_prefix, SIGHTLINE_KAFKA_REPLICATION_FACTOR="3000")
    assert found["Kafka"][0]["state"] == "missing"
    assert "SIGHTLINE_KAFKA_REPLICATION_FACTOR" in found["Kafka"][0]["remedy"]


async def test_brokers_that_are_not_there() -> None:
    (finding,) = (await examined("127.0.0.1:1"))["Kafka"]
    assert finding["state"] == "missing"
    assert "127.0.0.1:1" in finding["found"]
    assert finding["remedy"]


async def test_what_is_no_address() -> None:
    assert "HOST:PORT" in (await examined("nowhere"))["Kafka"][0]["found"]


async def test_a_setting_that_is_wrong() -> None:
    found = await examined("127.0.0.1:1", SIGHTLINE_KAFKA_SECURITY_PROTOCOL="plain")
    assert "SIGHTLINE_KAFKA_SECURITY_PROTOCOL" in found["Kafka"][0]["found"]
