"""Every golden event that metrics consumes is taken, as it lies on the log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.port import Record
from services.common.eventlog.topics import DATA_ROWS, PREDICTIONS, RUN_TOUCHED, topics
from services.common.runloop.decoding import arrive
from services.common.runloop.handling import Batch, Delivery
from services.ingest.handlers import RowsHandler as DataRowsHandler
from services.ingest.handlers.row_memory import RowsMemory
from services.metrics.handlers import RowsHandler
from services.metrics.run_owner import RunsHandler
from services.metrics.touches import new_row_event
from sightline.wire.events.v1.event_pb2 import Event
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import PARTITIONS, key_of, topic_of

GOLDEN = Path(__file__).parents[2] / "golden"
CONSUMED = {payload for topic in topics(PARTITIONS) if "metrics" in topic.consumers for payload in topic.payloads}
TOPICS = {topic.name: topic for topic in topics(PARTITIONS)}


def golden(name: str) -> Delivery:
    """A golden event, come in through the loop's decoder."""
    value = (GOLDEN / f"{name}.bin").read_bytes()
    event = Event.FromString(value)
    touch = event.HasField("run_touched")
    topic = RUN_TOUCHED if touch else topic_of(event)
    key = event.run_touched.run_id if touch else key_of(event)
    partition = partition_of(key.encode(), PARTITIONS)
    arrival = arrive(Record(topic, partition, 0, key.encode(), value, (), 0), TOPICS[topic])
    assert arrival.delivery is not None, arrival.reason
    return arrival.delivery


def names() -> list[str]:
    return [
        path.stem
        for path in sorted(GOLDEN.glob("*.bin"))
        if Event.FromString(path.read_bytes()).WhichOneof("payload") in CONSUMED - {"run_touched"}
    ]


@pytest.mark.parametrize("name", names())
def test_taken(name):
    delivery = golden(name)
    partition = Partition(delivery.partition)
    assert not partition.feed([delivery]).refused


def test_every_payload_is_among_them():
    assert {golden(name).event.WhichOneof("payload") for name in names()} | {"run_touched"} == CONSUMED


def test_together_they_amount_to_a_row_with_pairs():
    first = golden("predictions_upserted")
    partition = Partition(first.partition)
    for name in ("ground_truth_replaced", "marker_run_created", "marker_version_committed", "predictions_upserted"):
        assert not partition.feed([golden(name)]).refused
    [row] = partition.store["run_rows"].values()
    assert row["count"] == 3
    assert row["dataset_version"] == 1
    assert row["pair_count"] > 0
    assert np.isnan(np.frombuffer(row["confidences"])).sum() == 1


def test_what_lies_in_a_wrong_partition_says_where():
    said, wrong = golden("predictions_upserted_uuids"), 5
    partition = Partition(wrong, handler=RowsHandler(8))
    outcome = partition.feed([replace(said, partition=wrong, offset=41)])
    [moved] = [out.event for out in outcome.events]
    moved.event_id = "golden/predictions_upserted_moved"
    assert moved == Event.FromString((GOLDEN / "predictions_upserted_moved.bin").read_bytes())


def test_a_touch_is_taken_by_the_run_owner():
    delivery = golden("run_touched")
    summary = {"_id": f"default/{delivery.event.run_touched.run_id}"}
    outcome = RunsHandler().handle(Batch(delivery.partition, [delivery]), {"run_summaries": [summary]}, None)
    assert [write.document for write in outcome.writes] == [summary]


def test_a_row_that_a_run_makes():
    """As ingest takes it."""
    golden_event = Event.FromString((GOLDEN / "data_row_made.bin").read_bytes())
    spoken = Event(project_id="default", time_unix_ms=1760000000000)
    made = new_row_event(Delivery(PREDICTIONS, 1, 41, "", spoken), "ds_golden", "a/ü 1.jpg")
    assert made == golden_event
    outcome = DataRowsHandler(1).handle(
        Batch(0, [Delivery(DATA_ROWS, 0, 0, "default/ds_golden/a/ü 1.jpg", golden_event)]), {}, RowsMemory()
    )
    assert not outcome.refused
    assert outcome.memory.made_row == (41, "default/ds_golden/a/ü 1.jpg")
