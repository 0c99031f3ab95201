"""A cluster whose topics aren't those of `topics.py` is refused, with what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace as changed

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.common.eventlog.kafka.log import KafkaLog
from services.common.eventlog.port import LogError, TopicMismatch
from services.common.eventlog.topics import PREDICTIONS, topics
from tests.integration.kafka.flow import cluster, kafka_log


@pytest.fixture
async def admin(kafka_bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    yield admin
    await admin.close()


@pytest.mark.parametrize(
    ("configs", "said"),
    [
        ({"retention.ms": "604800000"}, "retention.ms=604800000, not -1"),
        ({"retention.bytes": "1000000"}, "retention.bytes=1000000, not -1"),
        ({"cleanup.policy": "compact"}, "cleanup.policy=compact, not delete"),
        ({"cleanup.policy": "compact,delete"}, "cleanup.policy=compact,delete, not delete"),
        ({"max.message.bytes": "1000000"}, "max.message.bytes=1000000"),
        ({"message.timestamp.type": "LogAppendTime"}, "message.timestamp.type=LogAppendTime, not CreateTime"),
    ],
)
async def test_a_topic_with_other_settings(
    configs: dict[str, str], said: str, admin: AIOKafkaAdminClient, kafka_bootstrap: str, kafka_prefix: str
) -> None:
    keeping = {"retention.ms": "-1", "retention.bytes": "-1", "max.message.bytes": "5000000"}
    name = kafka_prefix + PREDICTIONS
    await admin.create_topics([NewTopic(name, 2, 1, topic_configs=keeping | configs)])
    with pytest.raises(TopicMismatch) as refusal:
        await KafkaLog(cluster(kafka_bootstrap, kafka_prefix)).open(topics(2))
    assert f"{name} has {said}" in str(refusal.value)
    assert f"kafka-configs.sh --bootstrap-server {kafka_bootstrap} --alter" in str(refusal.value)


async def test_a_topic_with_other_partitions(
    admin: AIOKafkaAdminClient, kafka_bootstrap: str, kafka_prefix: str
) -> None:
    async with kafka_log(kafka_bootstrap, kafka_prefix):
        pass
    with pytest.raises(
        TopicMismatch, match=f"{kafka_prefix}predictions has 2 partitions, not 8: set SIGHTLINE_ROW_PARTITIONS"
    ):
        await KafkaLog(cluster(kafka_bootstrap, kafka_prefix)).open(topics(8))


async def test_a_log_that_was_never_made_is_not_made_where_it_must_not_be(
    admin: AIOKafkaAdminClient, kafka_bootstrap: str, kafka_prefix: str
) -> None:
    with pytest.raises(TopicMismatch, match=f"{kafka_prefix}catalog is missing: start `ingest`"):
        await KafkaLog(cluster(kafka_bootstrap, kafka_prefix)).open(topics(2), create=False)
    assert [name for name in await admin.list_topics() if name.startswith(kafka_prefix)] == []


async def test_too_few_brokers_for_the_copies_that_are_wanted(
    admin: AIOKafkaAdminClient, kafka_bootstrap: str, kafka_prefix: str
) -> None:
    brokers = len((await admin.describe_cluster())["brokers"])
    wanted = changed(cluster(kafka_bootstrap, kafka_prefix), replication_factor=brokers + 1)
    with pytest.raises(LogError, match="SIGHTLINE_KAFKA_REPLICATION_FACTOR and SIGHTLINE_KAFKA_MIN_INSYNC_REPLICAS"):
        await KafkaLog(wanted).open(topics(2))
    assert [name for name in await admin.list_topics() if name.startswith(kafka_prefix)] == []


async def test_fewer_copies_than_are_wanted(kafka_bootstrap: str, kafka_prefix: str) -> None:
    async with kafka_log(kafka_bootstrap, kafka_prefix):
        pass
    wanted = changed(cluster(kafka_bootstrap, kafka_prefix), replication_factor=3, min_insync_replicas=2)
    with pytest.raises(TopicMismatch, match=r"has 1 replicas, not 3: .*SIGHTLINE_KAFKA_REPLICATION_FACTOR=1"):
        await KafkaLog(wanted).open(topics(2))


async def test_nobody_answers() -> None:
    with pytest.raises(LogError, match=r"127\.0\.0\.1:1\b"):
        await KafkaLog(cluster("127.0.0.1:1", "")).open(topics(2))
