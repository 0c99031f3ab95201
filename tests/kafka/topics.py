"""Tidying up on a Kafka that others use too."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import DeleteGroupsRequest


async def delete_all(bootstrap: str, prefix: str) -> None:
    """Delete the topics and groups whose names begin so.

    A group that a killed member hasn't left yet can't be deleted, but its offsets go with the topics, and then itself.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics = [topic for topic in await admin.list_topics() if topic.startswith(prefix)]
        if topics:
            await admin.delete_topics(topics)
        groups = [group for group, *_ in await admin.list_consumer_groups() if group.startswith(prefix)]
        coordinators = {group: await admin.find_coordinator(group) for group in groups}
    finally:
        await admin.close()
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        for group, node in coordinators.items():
            await client.send(node, DeleteGroupsRequest([group]))
    finally:
        await client.close()
