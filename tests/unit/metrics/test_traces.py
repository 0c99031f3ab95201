"""The traces that break weaker forms of the rules, by their numbers; those of the log and the loop are tested there."""

from __future__ import annotations

import numpy as np

from services.common.eventlog.topics import GROUND_TRUTH, PREDICTIONS
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import committed, created, deliveries, ended, keys_of, truth, upsert

KEY, OTHER = keys_of(0, 2)
BOX = (0.0, 0.0, 10.0, 10.0)
TRUTH = [(1, BOX, False)]
PREDICTION = [(1, BOX, 0.9)]


def feed(partition: Partition, *events) -> None:
    """Each event is a batch of its own; offsets go on."""
    for event in events:
        topic = GROUND_TRUTH if _of_truth(event) else PREDICTIONS
        partition.feed(deliveries(topic, 0, [event]))


def _of_truth(event) -> bool:
    return event.WhichOneof("payload") == "ground_truth_replaced" or (
        event.marker.HasField("version_committed")
        or (event.import_ended.import_id != "" and not event.import_ended.run_id)
    )


def the_row(partition: Partition) -> dict:
    [row] = partition.store["run_rows"].values()
    return row


def test_trace_5_a_late_repeat_of_a_marker_commits_nothing_more():
    partition = Partition()
    feed(partition, truth(KEY, TRUTH), committed(1, 10), truth(KEY, []), committed(1, 10), truth(OTHER, TRUTH))
    versions = {(d["row"].rsplit("/")[-1], d["from"], d["to"]) for d in partition.store["truths"].values()}
    assert versions == {(KEY, 1, 2), (KEY, 2, None), (OTHER, 2, None)}


def test_trace_5_a_late_repeat_of_an_older_marker_does_not_take_the_draft_back():
    partition = Partition(forgetful=True)
    feed(partition, committed(1, 10), committed(2, 20), committed(1, 10), truth(KEY, TRUTH))
    [document] = partition.store["truths"].values()
    assert document["from"] == 3


def test_trace_6_predictions_that_came_before_their_run_are_evaluated_by_its_marker():
    partition = Partition()
    feed(partition, truth(KEY, TRUTH), upsert(KEY, "run_a", PREDICTION))
    assert (the_row(partition)["dataset_version"], the_row(partition)["pair_count"]) == (None, 0)
    feed(partition, created("run_a", 1, 5))
    assert (the_row(partition)["dataset_version"], the_row(partition)["pair_count"]) == (1, 1)
    assert partition.touched()[-1] == ("run_a", True)


def test_trace_7_the_end_is_the_same_whatever_topic_was_first():
    events = [truth(KEY, TRUTH), committed(1, 3), upsert(KEY, "run_a", PREDICTION), created("run_a", 1, 5)]
    orders = [(0, 1, 2, 3), (2, 3, 0, 1), (0, 2, 1, 3), (2, 0, 3, 1), (0, 2, 3, 1)]
    ends = []
    for order in orders:
        partition = Partition()
        feed(partition, *(events[i] for i in order))
        ends.append(partition.store.collections)
    assert all(end == ends[0] for end in ends)
    assert np.frombuffer(the_row(partition)["pair_overlaps"]).tolist() == [1.0]


def test_trace_9_markers_touch_the_runs_that_they_are_about_and_no_others():
    partition = Partition()
    feed(partition, created("run_a", 1, 5), created("run_b", 2, 6), committed(1, 7), committed(2, 8))
    touched = [run for run, settled in partition.touched() if settled]
    assert touched == ["run_a", "run_b", "run_a", "run_b"]


def test_trace_9_truth_alone_touches_runs_that_never_spoke_of_the_row():
    partition = Partition()
    feed(partition, created("run_a", 1, 5), created("run_b", 3, 6), created("run_c", 1, 7, "ds_z"), committed(1, 8))
    before = len(partition.touched())
    feed(partition, truth(KEY, TRUTH))  # in draft 2, which version 3 begins with
    assert partition.touched()[before:] == [("run_b", False)]


def test_trace_11_what_measured_needs_is_in_the_memory_that_is_stored_with_the_rows():
    partition = Partition()
    feed(partition, created("run_a", 1, 5), committed(1, 7))
    [memory] = partition.store["row_partitions"].values()
    assert memory["_id"] == "metrics.rows/0"
    assert memory["markers"] == {GROUND_TRUTH: 7, PREDICTIONS: 5}


def test_trace_12_the_end_of_an_import_touches_its_run_whatever_it_changed():
    partition = Partition()
    feed(partition, created("run_a", 1, 5), upsert(KEY, "run_a", [(0, BOX, 0.5)], import_id="imp"))
    assert len(partition.refused()) == 1
    feed(partition, ended("imp", run="run_a"))
    assert partition.touched()[-1] == ("run_a", True)


def test_a_touch_is_named_after_what_caused_it():
    batch = deliveries(PREDICTIONS, 0, [upsert(KEY, "run_a", PREDICTION), upsert(OTHER, "run_a", PREDICTION)])
    names = set()
    for _ in range(2):
        [touch] = Partition().feed(batch).events
        names.add((touch.event.event_id, touch.key, touch.event.time_unix_ms, touch.partition))
    assert names == {("metrics.rows/0/predictions/1/run_a", "run_a", 7, None)}
