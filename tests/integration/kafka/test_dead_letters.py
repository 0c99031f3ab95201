"""Dead letters on Kafka are what they are on the embedded log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from services.common.eventlog.kafka.log import KafkaLog
from services.common.eventlog.topics import DEAD_LETTERS, topics
from services.common.readmodel.mongo import ReadModel
from tests.integration.dead_letters.conftest import PROJECT, A, World
from tests.integration.ingest.conftest import ROW_PARTITIONS, Stand, ingest
from tests.integration.kafka.flow import cluster


@pytest.fixture
async def world(kafka_bootstrap: str, kafka_prefix: str, store: ReadModel, tmp_path: Path) -> AsyncIterator[World]:
    log = KafkaLog(cluster(kafka_bootstrap, kafka_prefix))
    await log.open(topics(ROW_PARTITIONS))
    try:
        async with ingest(log, store) as http:
            yield await World(Stand(http, log, store, tmp_path)).make()
    finally:
        await log.close()


@pytest.mark.timeout(180)
async def test_listed_put_back_and_gone(world: World, kafka_bootstrap: str, kafka_prefix: str) -> None:
    wrong = f"{PROJECT}/{world.dataset}/b"
    async with world.metrics():
        await world.put(world.says("a", (1, A, 0.5)), key=wrong, headers=(("from", b"a camera"),))
        letter = await world.letter()
        assert letter["headers"] == [{"name": "from", "value": "a camera"}]
        answer = (await world.decide(letter, "replay")).json()
        assert (answer["what"], answer["added"]) == ("replayed", 1)
        assert await world.confidences("a") == [0.5]

        await world.put(world.says("a", (2, A, 0.5)))
        letter = await world.letter(state="open")
        assert (await world.decide(letter, "replay")).json()["what"] == "refused"
        assert (await world.letter(state="open"))["outcome"]["refused_as"] == "dl_2"

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(kafka_prefix + DEAD_LETTERS, 0): RecordsToDelete(3)})
    finally:
        await admin.close()
    assert (await world.decide(letter, "replay")).status_code == 410
    assert (await world.decide(letter, "drop")).json()["state"] == "dropped"
