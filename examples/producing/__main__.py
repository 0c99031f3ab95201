"""Puts predictions of one row straight onto Kafka, as a pipeline would.

    python -m examples.producing --bootstrap-servers HOST:PORT --dataset DATASET_ID --run RUN_ID --row a.jpg

docs/producing.md has the rules.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from uuid import uuid4

import numpy as np
from aiokafka import AIOKafkaProducer

from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_UPSERT, BoxPredictions, PredictionsUpserted


def prediction_event(dataset_id: str, run_id: str, global_key: str, boxes: BoxPredictions) -> Event:
    """What a run says of a row."""
    said = PredictionsUpserted(
        dataset_id=dataset_id, global_key=global_key, run_id=run_id, mode=IMPORT_MODE_UPSERT, boxes=boxes
    )
    return Event(
        event_id=str(uuid4()),
        project_id="default",
        time_unix_ms=time.time_ns() // 1_000_000,
        producer="examples/producing",
        schema_version=1,
        predictions_upserted=said,
    )


def two_boxes() -> BoxPredictions:
    """Two predictions of class 1, in columns: one entry of each for every prediction."""
    return BoxPredictions(
        count=2,
        class_ids=np.array([1, 1], "<i4").tobytes(),
        boxes=np.array([[10, 20, 30, 40], [50, 60, 7, 8]], "<f8").tobytes(),
        confidences=np.array([0.93, np.nan], "<f8").tobytes(),  # NaN: the model gave none
        uuids=uuid4().bytes + uuid4().bytes,
    )


async def produce(bootstrap_servers: str, event: Event, *, topic: str = "predictions") -> None:
    """Put an event where its row's events belong. aiokafka places keys by murmur2 of itself."""
    said = event.predictions_upserted
    key = f"{event.project_id}/{said.dataset_id}/{said.global_key}"
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, event.SerializeToString(), key=key.encode())  # pyright: ignore[reportUnknownMemberType]


def main() -> None:
    """Produce one event."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", required=True, metavar="HOST:PORT")
    parser.add_argument("--topic", default="predictions", help="with the prefix of the topics, where there is one")
    parser.add_argument("--dataset", required=True, metavar="ID")
    parser.add_argument("--run", required=True, metavar="ID")
    parser.add_argument("--row", required=True, metavar="GLOBAL_KEY")
    asked = parser.parse_args()
    event = prediction_event(asked.dataset, asked.run, asked.row, two_boxes())
    asyncio.run(produce(asked.bootstrap_servers, event, topic=asked.topic))


if __name__ == "__main__":
    main()
