"""What Kafka has as a group's offsets is for lag displays: a loop begins where progress says."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.common.readmodel.mongo import ReadModel
from tests.integration.kafka.flow import check, kafka_log, producing, running, until_applied
from tests.unit.eventlog.ledger import GROUP, INPUTS


@pytest.mark.parametrize("where", ["behind", "ahead", "beyond the end"])
async def test_group_offsets_that_are_wrong(
    where: str, kafka_bootstrap: str, kafka_prefix: str, store: ReadModel
) -> None:
    async with kafka_log(kafka_bootstrap, kafka_prefix) as log:
        async with producing(log) as producer:
            async with running(log, store):
                await producer.acknowledge(200)
            await producer.acknowledge(200)  # nobody applies these
        ends = {(topic, n): end for topic in INPUTS for n, end in (await log.end_offsets(topic)).items()}
        moved = {"behind": lambda end: 1, "ahead": lambda end: end, "beyond the end": lambda end: end + 1000}[where]
        wrong = {place: moved(end) for place, end in ends.items()}
        await commit_by_hand(kafka_bootstrap, kafka_prefix, wrong)
        assert await log.committed(GROUP) == wrong
        async with running(log, store):
            await until_applied(log, store)
        assert await log.committed(GROUP) == ends
        await check(log, store, producer)


async def commit_by_hand(bootstrap: str, prefix: str, offsets: dict[tuple[str, int], int]) -> None:
    """As an operator's tool would, with no member in the group."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=prefix + GROUP, enable_auto_commit=False) as tool:
        places = {TopicPartition(prefix + topic, number): offset for (topic, number), offset in offsets.items()}
        tool.assign(list(places))
        await tool.commit(places)
