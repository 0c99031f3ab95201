"""What can never become valid is refused, with a reason, and what is beside it in the batch is applied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.placement import partitions_of
from services.common.eventlog.topics import GROUND_TRUTH, PREDICTIONS
from services.common.runloop.handling import Delivery
from sightline.domain.kinds import BOX as BOX_KIND
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import NAN, created, delete, deliveries, key_of, keys_of, topic_of, truth, upsert

GOOD, KEY = keys_of(0, 2)
[ELSEWHERE] = keys_of(1, 1)
BOX = (0.0, 0.0, 10.0, 10.0)
INFINITY = float("inf")


def change(event, **fields):
    boxes = getattr(event, event.WhichOneof("payload")).boxes
    for name, value in fields.items():
        setattr(boxes, name, value)
    return event


def prediction(class_id=1, box=BOX, confidence=0.5):
    return upsert(KEY, "run_a", [(1, BOX, 0.5), (class_id, box, confidence)])


def a_truth(class_id=1, box=BOX, crowd: int = 0):
    return truth(KEY, [(1, BOX, False), (class_id, box, crowd)])  # pyright: ignore


CASES = {
    "class 0": (prediction(class_id=0), "class id"),
    "class too large": (prediction(class_id=1 << 20), "class id"),
    "NaN in a box": (prediction(box=(NAN, 0, 1, 1)), "not finite"),
    "infinite box": (prediction(box=(0, 0, INFINITY, 1)), "not finite"),
    "area that overflows": (prediction(box=(0, 0, 1e200, 1e200)), "not finite"),
    "negative size": (prediction(box=(0, 0, -1, 1)), "negative"),
    "confidence above 1": (prediction(confidence=1.0000001), "confidence"),
    "negative confidence": (prediction(confidence=-0.1), "confidence"),
    "infinite confidence": (prediction(confidence=INFINITY), "confidence"),
    "short class ids": (change(prediction(), class_ids=b"\0"), "class_ids"),
    "short boxes": (change(prediction(), boxes=b""), "boxes"),
    "long confidences": (change(prediction(), confidences=b"\0" * 24), "confidences"),
    "short uuids": (change(prediction(), uuids=b"\0" * 16), "uuids"),
    "no uuids outside an import": (change(prediction(), uuids=b""), "need uuids"),
    "uuids to delete": (delete(KEY, "run_a", [b"\0" * 15]), "uuids"),
    "no run": (upsert(KEY, "", []), "run_id"),
    "slash in a run": (upsert(KEY, "a/b", []), "run_id"),
    "no dataset": (upsert(KEY, "run_a", [], dataset=""), "dataset_id"),
    "no global key": (upsert("", "run_a", []), "global_key"),
    "long global key": (upsert("x" * 201, "run_a", []), "global_key"),
    "truth class": (a_truth(class_id=-1), "class id"),
    "truth box": (a_truth(box=(0, 0, 1, NAN)), "not finite"),
    "truth crowd": (change(a_truth(), crowds=b"\0\2"), "crowd"),
    "truth area": (change(a_truth(), areas=b"\0" * 8 + b"\0\0\0\0\0\0\xf0\x7f"), "area"),
    "truth lengths": (change(a_truth(), annotation_ids=b""), "annotation_ids"),
}


@pytest.mark.parametrize(("event", "reason"), CASES.values(), ids=CASES)
def test_refused(event, reason):
    topic = topic_of(event)
    good = upsert(GOOD, "run_a", [(1, BOX, 0.5)]) if topic == PREDICTIONS else truth(GOOD, [(1, BOX, False)])
    partition = Partition()
    outcome = partition.feed(deliveries(topic, 0, [event, good, event]))
    assert [refused.delivery.offset for refused in outcome.refused] == [0, 2]
    assert all(reason in refused.reason for refused in outcome.refused)
    [document] = partition.store["run_rows" if topic == PREDICTIONS else "truths"].values()
    assert (document["global_key"], document["count"]) == (GOOD, 1)


@given(st.tuples(*[st.floats(width=64)] * 4))
def test_a_box_is_refused_where_its_kind_finds_a_fault(box):
    faulty = bool(BOX_KIND.check(np.array([box]))[0])
    for event in (prediction(box=box), change(a_truth(box=box), areas=bytes(16))):
        assert bool(Partition().feed(deliveries(topic_of(event), 0, [event])).refused) == faulty


def test_absent_confidence_and_empty_boxes_are_fine():
    outcome = Partition().feed(deliveries(PREDICTIONS, 0, [prediction(confidence=NAN), prediction(box=(0, 0, 0, 0))]))
    assert not outcome.refused


def test_a_key_that_is_not_the_payloads():
    event = prediction()
    outcome = Partition().feed([Delivery(PREDICTIONS, 0, 0, key_of(event) + "x", event)])
    assert "key is not" in outcome.refused[0].reason


def test_a_key_on_the_wrong_partition():
    said = upsert(ELSEWHERE, "run_a", [(1, BOX, 0.5)])
    partition = Partition()
    outcome = partition.feed(deliveries(PREDICTIONS, 0, [said, upsert(GOOD, "run_a", [(1, BOX, 0.5)])]))
    assert not outcome.refused
    [moved] = [event for event in outcome.events if event.topic == PREDICTIONS]
    assert (moved.topic, moved.key, moved.partition) == (PREDICTIONS, key_of(said), 1)
    assert outcome.moved == 1
    assert [document["global_key"] for document in partition.store["run_rows"].values()] == [GOOD]


def test_truth_on_the_wrong_partition():
    outcome = Partition().feed(deliveries(GROUND_TRUTH, 0, [truth(ELSEWHERE)]))
    assert "belongs to partition 1" in outcome.refused[0].reason


def test_another_dataset_than_the_runs():
    [key] = keys_of(0, 1, "ds_z")
    batch = [upsert(key, "run_a", [], dataset="ds_z"), created("run_a", 1, 5), upsert(key, "run_a", [], dataset="ds_z")]
    partition = Partition()
    outcome = partition.feed(deliveries(PREDICTIONS, 0, batch))
    assert [(refused.delivery.offset, refused.reason) for refused in outcome.refused] == [
        (2, "the run is measured on another dataset")
    ]
    assert not partition.store["run_rows"]


@pytest.mark.parametrize("count", [1, 4, 7, 8, 1024])
def test_many_keys_are_placed_as_one_is(count):
    keys = ["", *(f"default/ds_{i}/bild-ä-{'x' * (i % 9)}" for i in range(300))]
    encoded = [key.encode() for key in keys]
    assert partitions_of(encoded, count) == [partition_of(key, count) for key in encoded]
