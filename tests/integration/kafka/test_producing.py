"""The example of a producer outside, on a real Kafka."""

from __future__ import annotations

import asyncio

import pytest

from examples.producing.__main__ import prediction_event, produce, two_boxes
from services.common.documents import Read
from services.common.eventlog.kafka.log import KafkaLog
from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.port import Message, Record
from services.common.eventlog.topics import DEAD_LETTERS, PREDICTIONS, topics
from services.common.readmodel.mongo import ReadModel
from services.metrics.loops import rows_loop
from sightline.wire.events.v1.event_pb2 import Event
from tests.integration.kafka.flow import SECONDS, cluster

PARTITIONS = 4


async def letters(log: KafkaLog, count: int) -> list[Record]:
    async with asyncio.timeout(SECONDS):
        while len(found := await log.read(DEAD_LETTERS, 0, 0)) < count:
            await asyncio.sleep(0.05)
    return list(found)


@pytest.mark.timeout(180)
async def test_what_a_producer_sends_is_applied_moved_or_put_aside(
    kafka_bootstrap: str, kafka_prefix: str, store: ReadModel
) -> None:
    log = KafkaLog(cluster(kafka_bootstrap, kafka_prefix))
    await log.open(topics(PARTITIONS))
    loop = rows_loop(log, store, PARTITIONS)
    running = asyncio.create_task(loop.run())
    try:
        for row in ("a.jpg", "b.jpg", "c.jpg"):
            event = prediction_event("ds_a", "run_a", row, two_boxes())
            await produce(kafka_bootstrap, event, topic=kafka_prefix + PREDICTIONS)

        misplaced = prediction_event("ds_a", "run_a", "d.jpg", two_boxes())
        key = b"default/ds_a/d.jpg"
        wrong = (partition_of(key, PARTITIONS) + 1) % PARTITIONS
        other_key = prediction_event("ds_a", "run_a", "e.jpg", two_boxes())
        old = prediction_event("ds_a", "run_a", "d.jpg", two_boxes())
        old.schema_version = 0
        nameless = two_boxes()
        nameless.uuids = b""
        other_type = Event(event_id="e", project_id="default", schema_version=1)
        other_type.data_row_upserted.SetInParent()
        unnamed = prediction_event("ds_a", "run_a", "d.jpg", nameless)
        await log.append([Message(PREDICTIONS, key, misplaced.SerializeToString(), wrong)])
        bad = [other_key, old, unnamed, other_type]
        await log.append([Message(PREDICTIONS, key, event.SerializeToString()) for event in bad])
        await log.append([Message(PREDICTIONS, key, b"\xff no protobuf")])

        reasons = sorted(dict(letter.headers)["sightline-reason"].decode() for letter in await letters(log, 5))
        assert len(reasons) == 5
        for words in (
            "data_row_upserted does not belong on predictions",
            "predictions outside an import need uuids",
            "schema version 0 is unknown",
            "the key is not project/dataset/global_key of the payload",
            "the value is no sightline.events.v1.Event",
        ):
            assert any(words in reason for reason in reasons), words
        async with asyncio.timeout(SECONDS):
            while len(rows := await store.find(Read("run_rows", {"run_id": "run_a"}))) < 4:
                await asyncio.sleep(0.05)
        assert {row["global_key"]: row["count"] for row in rows} == dict.fromkeys(
            ["a.jpg", "b.jpg", "c.jpg", "d.jpg"], 2
        )
        assert all(row["partition"] == partition_of(row["row"].encode(), PARTITIONS) for row in rows)
    finally:
        await loop.stop()
        await running
        await log.close()
