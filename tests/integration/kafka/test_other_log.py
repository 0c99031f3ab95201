"""A read model that was made from more of the log than there is, or from another log: a loop refuses to go on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from services.common.eventlog.kafka.topics import wanted_configs
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import RunLoop, WrongLog
from tests.integration.kafka.flow import SECONDS, cluster, kafka_log, running, until_applied
from tests.unit.eventlog.ledger import GROUP, INPUTS, TOPICS, Ledger, message

WHAT_TO_DO = "SIGHTLINE_MONGO_DATABASE"


@pytest.fixture
async def applied(kafka_bootstrap: str, kafka_prefix: str, store: ReadModel) -> None:
    """Ten events of one topic, applied."""
    async with kafka_log(kafka_bootstrap, kafka_prefix) as log:
        await log.append([message(INPUTS[0], f"a-{i}") for i in range(10)])
        async with running(log, store):
            await until_applied(log, store)


@pytest.mark.usefixtures("applied")
async def test_a_topic_that_lost_its_tail(kafka_bootstrap: str, kafka_prefix: str, store: ReadModel) -> None:
    await make_anew(kafka_bootstrap, kafka_prefix, [INPUTS[0]])
    said = await refusal(kafka_bootstrap, kafka_prefix, store)
    assert f"stands at 10 of {INPUTS[0]}/0, and the log has 0 to 0" in said
    assert WHAT_TO_DO in said


@pytest.mark.usefixtures("applied")
async def test_a_topic_that_lost_what_was_not_applied_yet(
    kafka_bootstrap: str, kafka_prefix: str, store: ReadModel
) -> None:
    async with kafka_log(kafka_bootstrap, kafka_prefix) as log:
        await log.append([message(INPUTS[0], f"b-{i}") for i in range(10)])
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(kafka_prefix + INPUTS[0], 0): RecordsToDelete(15)})
    await admin.close()
    said = await refusal(kafka_bootstrap, kafka_prefix, store)
    assert f"stands at 10 of {INPUTS[0]}/0, and the log has 15 to 20" in said
    assert WHAT_TO_DO in said


@pytest.mark.usefixtures("applied")
async def test_all_topics_made_anew_are_another_log(kafka_bootstrap: str, kafka_prefix: str, store: ReadModel) -> None:
    await make_anew(kafka_bootstrap, kafka_prefix)
    said = await refusal(kafka_bootstrap, kafka_prefix, store)
    assert "was made from the log" in said
    assert WHAT_TO_DO in said


async def refusal(bootstrap: str, prefix: str, store: ReadModel) -> str:
    """What a loop says that refuses to run."""
    async with kafka_log(bootstrap, prefix) as log, asyncio.timeout(SECONDS):
        with pytest.raises(WrongLog) as refused:
            await RunLoop(log, store, GROUP, INPUTS, Ledger()).run()
    return str(refused.value)


async def make_anew(bootstrap: str, prefix: str, names: Sequence[str] = ()) -> None:
    """Delete topics (none: all) and make those of these names again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    there = set(await admin.list_topics())
    going = {prefix + name for name in names} or {name for name in there if name.startswith(prefix)}
    await admin.delete_topics(list(going))
    while going & set(await admin.list_topics()):
        await asyncio.sleep(0.05)
    for topic in TOPICS:
        if topic.name in names:
            configs = wanted_configs(topic, cluster(bootstrap, prefix))
            await admin.create_topics([NewTopic(prefix + topic.name, topic.partitions, 1, topic_configs=configs)])
    await admin.close()
