"""What a test makes on a shared Kafka is gone after it."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.kafka.topics import delete_all


async def test_topics_and_groups_with_the_prefix_are_deleted_and_no_others(
    kafka_bootstrap: str, kafka_prefix: str
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        for kind in ("mine-", "other-"):
            name = kafka_prefix + kind
            await admin.create_topics([NewTopic(f"{name}topic", 2, 1)])
            async with AIOKafkaConsumer(
                f"{name}topic", bootstrap_servers=kafka_bootstrap, group_id=f"{name}group", enable_auto_commit=False
            ) as consumer:
                await consumer.commit(dict.fromkeys(consumer.assignment(), 0))
        await delete_all(kafka_bootstrap, kafka_prefix + "mine-")
        groups = {group for group, *_ in await admin.list_consumer_groups() if group.startswith(kafka_prefix)}
        topics = {topic for topic in await admin.list_topics() if topic.startswith(kafka_prefix)}
    finally:
        await admin.close()
    assert (topics, groups) == ({f"{kafka_prefix}other-topic"}, {f"{kafka_prefix}other-group"})
