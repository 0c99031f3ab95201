"""Things go while more of them is coming: whatever the order across topics and the cut into batches, one end."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS, RUN_TOUCHED, row_key
from services.common.runloop.handling import Delivery
from services.metrics.memory import PartitionMemory, memory_id
from services.metrics.rows import TooMuch
from sightline.wire.events.v1.event_pb2 import Event
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import (
    DATASET,
    PROJECT,
    committed,
    created,
    dataset_deleted,
    delete,
    ended,
    in_chunks,
    key_of,
    keys_of,
    removed,
    reopened,
    row_deleted,
    row_ordered,
    runs_deleted,
    sealed,
    truth,
    upsert,
    uuid,
    version_deleted,
)
from tests.unit.metrics.test_any_order import batches

KEY, OTHER = keys_of(0, 2)
BOX, FAR = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 10.0, 10.0)
TRUTH = [(1, BOX, False)]
FOUND = [(1, BOX, 0.9)]


def told(topic: str, events: Sequence[Event]) -> list[Delivery]:
    """Events of one topic, in their order."""
    return [Delivery(topic, 0, offset, key_of(said), said) for offset, said in enumerate(events)]


def ends(truths: Sequence[Event], predictions: Sequence[Event]) -> Partition:
    """The one end of all orders: of topics against each other, and of cuts into batches."""
    topics = [told(GROUND_TRUTH, truths), told(PREDICTIONS, predictions)]
    found: list[Partition] = []
    for seed in range(40):
        dice = random.Random(seed)
        partition = Partition(forgetful=dice.random() < 0.5)
        for batch in batches(dice, topics):
            partition.feed(batch)
        partition.store.collections.pop("run_touches", None)
        found.append(partition)
    for partition in found:
        filled = {name: held for name, held in partition.store.collections.items() if held}
        assert filled == {name: held for name, held in found[0].store.collections.items() if held}
    return found[0]


def rows(partition: Partition) -> dict[tuple[str, str], tuple[int, int]]:
    """(run, row): how many predictions and pairs."""
    documents = partition.store["run_rows"].values()
    return {(d["run_id"], d["global_key"]): (d["count"], d["pair_count"]) for d in documents}


def spans(partition: Partition) -> set[tuple[str, int, int | None]]:
    return {(d["global_key"], d["from"], d["to"]) for d in partition.store["truths"].values()}


def memory(partition: Partition) -> Any:
    return partition.store["row_partitions"][memory_id(0)]


# Rows


def test_a_row_made_again_starts_empty() -> None:
    """What was said before is gone, for known runs and others; what follows is of the new row."""
    end = ends(
        [truth(KEY, TRUTH), truth(OTHER, TRUTH), committed(1, 9), row_deleted(KEY, 4), truth(KEY, [])],
        [
            created("run_a", 1, 5),
            created("run_b", 2, 6),
            *(upsert(key, run, FOUND) for run in ("run_a", "run_b", "run_ghost") for key in (KEY, OTHER)),
            row_deleted(KEY, 4),
            upsert(KEY, "run_b", [(1, FAR, 0.5), (1, BOX, 0.5)]),
        ],
    )
    assert rows(end) == {
        ("run_a", OTHER): (1, 1),
        ("run_b", OTHER): (1, 1),
        ("run_ghost", OTHER): (1, 0),
        ("run_b", KEY): (2, 0),
    }
    assert spans(end) == {(KEY, 2, None), (OTHER, 1, None)}


def test_trace_5_a_late_repeat_of_a_deletion_takes_nothing() -> None:
    end = ends(
        [row_deleted(KEY, 4), truth(KEY, TRUTH), row_deleted(KEY, 4)],
        [created("run_a", 1, 5), row_deleted(KEY, 4), upsert(KEY, "run_a", FOUND), row_deleted(KEY, 4)],
    )
    assert rows(end) == {("run_a", KEY): (1, 1)}


def test_trace_8_deletions_and_what_is_made_again_have_one_end() -> None:
    """Made, deleted, made again, in the row's partition of both topics: never six final states."""
    deletion = row_deleted(KEY, 7)
    end = ends(
        [truth(KEY, [(1, FAR, False)]), deletion, truth(KEY, TRUTH)],
        [created("run_a", 1, 5), upsert(KEY, "run_a", [(1, FAR, 0.9)]), deletion, upsert(KEY, "run_a", FOUND)],
    )
    assert rows(end) == {("run_a", KEY): (1, 1)}
    [stored] = end.store["run_rows"].values()
    assert np.frombuffer(stored["boxes"]).tolist() == list(BOX)


def test_trace_9_deletions_touch_the_runs_that_they_change() -> None:
    partition = Partition()
    partition.feed(told(PREDICTIONS, [created("run_a", 1, 5), created("run_b", 1, 6)]))
    for topic, said in ((GROUND_TRUTH, row_deleted(KEY, 3)), (PREDICTIONS, row_deleted(KEY, 3))):
        before = len(partition.touched())
        partition.feed(told(topic, [said]))
        assert partition.touched()[before:] == [("run_a", True), ("run_b", True)]
    before = len(partition.touched())
    partition.feed(told(PREDICTIONS, [runs_deleted(["run_a"], 8)]))
    assert partition.touched()[before:] == [("run_a", True)]
    assert [id.split("/")[1] for id in partition.store["run_touches"]] == ["run_b"]


def test_chunks_of_a_deleted_row_never_complete() -> None:
    first, second = in_chunks(truth(KEY, [*TRUTH, *TRUTH], import_id="imp"), [1, 1])
    end = ends([first, row_deleted(KEY, 4), second], [created("run_a", 1, 5), upsert(KEY, "run_a", FOUND)])
    assert not end.store["truths"]
    assert not end.store["truth_chunks"]


# Truth


def test_truth_that_is_removed_stays_in_committed_versions() -> None:
    end = ends(
        [truth(KEY, TRUTH), committed(1, 3), removed(KEY), removed(OTHER)],
        [created("run_a", 1, 5), created("run_b", 2, 6), *(upsert(KEY, run, FOUND) for run in ("run_a", "run_b"))],
    )
    assert rows(end) == {("run_a", KEY): (1, 1), ("run_b", KEY): (1, 0)}
    assert spans(end) == {(KEY, 1, 2)}


def test_truth_of_unlabelled_rows_alone() -> None:
    whole = truth(OTHER, [*TRUTH, (1, FAR, False)])
    events = [truth(KEY, TRUTH), truth(KEY, []), *in_chunks(whole, [1, 1])]
    for said in events[1:]:
        said.ground_truth_replaced.only_unlabelled = True
    late = in_chunks(truth(KEY, []), [0, 0])
    for said in late:
        said.ground_truth_replaced.only_unlabelled = True
    end = ends([*events, *late], [])
    assert {d["global_key"]: d["count"] for d in end.store["truths"].values()} == {KEY: 1, OTHER: 2}


def test_truth_changed_later_is_paired_for_runs_of_the_draft_alone() -> None:
    runs = [created("run_a", 1, 5), created("run_b", 2, 6), created("run_c", 2, 7)]
    end = ends(
        [truth(KEY, TRUTH), committed(1, 8), truth(KEY, [(1, FAR, False)])],
        [*runs, *(upsert(KEY, run, [*FOUND, (1, FAR, 0.3)]) for run in ("run_a", "run_b", "run_c"))],
    )
    chosen = {d["run_id"]: np.frombuffer(d["pair_predictions"], "<i4") for d in end.store["run_rows"].values()}
    assert {run: found.tolist() for run, found in chosen.items()} == {"run_a": [0], "run_b": [1], "run_c": [1]}


def test_a_row_that_moves_touches_the_runs_of_the_draft_and_pairs_nothing_again() -> None:
    partition = Partition()
    partition.feed(told(GROUND_TRUTH, [truth(KEY, TRUTH, ordinal=1), committed(1, 8)]))
    runs = [created("run_a", 1, 5), created("run_b", 2, 6), created("run_c", 3, 7)]
    partition.feed(told(PREDICTIONS, [*runs, upsert(KEY, "run_b", FOUND)]))
    stored, count = dict(partition.store["run_rows"]), len(partition.touched())
    for said in (row_ordered(KEY, 4, 1), row_ordered(KEY, 4, 2), row_ordered(OTHER, 4, 3), row_ordered(KEY, 5, 1)):
        partition.feed(told(GROUND_TRUTH, [said]))
    assert partition.touched()[count:] == [("run_b", False), ("run_c", False)]
    assert partition.store["run_rows"] == stored
    assert spans(partition) == {(KEY, 1, 2), (KEY, 2, None)}
    assert partition.outcomes[-1].passed_over == {"repeat": 1}


# Versions


@pytest.mark.parametrize("deleted", [[1], [2], [1, 2], [2, 1], [3], [1, 2, 3], [3, 1, 2], [2, 3]])
def test_deleted_versions_take_the_truth_that_no_other_has(deleted: list[int]) -> None:
    """It changes before and after they go; runs on them go with them."""
    gone = [version_deleted(version, [f"run_{version}"], 20 + i) for i, version in enumerate(deleted)]
    runs = [created(f"run_{version}", version, 10 + version) for version in (1, 2, 3, 4)]
    end = ends(
        [
            *(truth(KEY, TRUTH, import_id="imp_1"), truth(OTHER, TRUTH, import_id="imp_1"), committed(1, 1)),
            *(truth(OTHER, [], import_id="imp_2"), committed(2, 2), committed(3, 3)),
            *gone,
            *(truth(KEY, [], import_id="imp_3"), ended("imp_3", unlabel_others=True)),
        ],
        [*runs, *(upsert(KEY, f"run_{version}", FOUND) for version in (1, 2, 3, 4)), *gone],
    )
    kept = {1, 2, 3, 4}.difference(deleted)
    everything = {(KEY, 1, 4), (KEY, 4, None), (OTHER, 1, 2), (OTHER, 2, 4)}
    wanted = {(key, a, b) for key, a, b in everything if kept.intersection(range(a, b or 5))}
    assert spans(end) == wanted
    assert {run for run, _ in rows(end)} == {f"run_{version}" for version in kept}


# Runs


def test_a_deleted_run_stays_away_whatever_still_comes() -> None:
    coming = [upsert(OTHER, "run_a", FOUND), delete(KEY, "run_a", [uuid(1)]), ended("imp", run="run_a")]
    partition = ends(
        [truth(KEY, TRUTH)],
        [
            upsert(KEY, "run_a", FOUND),
            created("run_a", 1, 5),
            runs_deleted(["run_a"], 6),
            *coming,
            created("run_a", 1, 5),
        ],
    )
    assert not partition.store["run_rows"]
    assert memory(partition)["runs"] == {}
    assert memory(partition)["deleted_runs"] == ["run_a"]
    assert not partition.refused()


def test_a_sealed_run_refuses_until_it_is_reopened() -> None:
    partition = ends(
        [],
        [
            *(created("run_a", 1, 5), upsert(KEY, "run_a", FOUND), sealed("run_a", 6)),
            *(upsert(OTHER, "run_a", FOUND), delete(KEY, "run_a", [uuid(1)]), sealed("run_a", 6)),
            *(reopened("run_a", 7), sealed("run_a", 6), upsert(OTHER, "run_a", [*FOUND, (1, FAR, 0.1)])),
        ],
    )
    assert rows(partition) == {("run_a", KEY): (1, 0), ("run_a", OTHER): (2, 0)}
    assert partition.refused() == ["the run is sealed: it takes no more predictions"] * 2


def test_an_ontology_with_one_more_class() -> None:
    """The run on the old version refuses it, the new run takes it; another class of the event goes with it."""
    grown = [(1, BOX, 0.9), (3, FAR, 0.9)]
    partition = ends(
        [],
        [
            created("run_old", 1, 5, highest_class_id=2),
            created("run_new", 1, 6, highest_class_id=3),
            *(upsert(KEY, run, grown) for run in ("run_old", "run_new")),
            upsert(OTHER, "run_old", FOUND),
        ],
    )
    assert rows(partition) == {("run_new", KEY): (2, 0), ("run_old", OTHER): (1, 0)}
    assert partition.refused() == ["a class id is above 2, the last that the run has"]


def test_what_waited_for_a_run_loses_classes_that_it_does_not_have() -> None:
    """Equal detections without uuids go all; a uuid counts as what was said of it last."""
    uuids = [uuid(1), uuid(2)]
    partition = ends(
        [],
        [
            upsert(KEY, "run_a", [(9, BOX, 0.9), (9, BOX, 0.9), (1, BOX, 0.9), (9, BOX, 0.9)]),
            upsert(OTHER, "run_a", [(9, BOX, 0.9), (1, BOX, 0.9)], uuids=uuids),
            upsert(OTHER, "run_a", [(1, BOX, 0.9), (9, BOX, 0.9)], uuids=uuids),
            created("run_a", 1, 5, highest_class_id=2),
        ],
    )
    assert rows(partition) == {("run_a", KEY): (1, 0), ("run_a", OTHER): (1, 0)}
    by_row = {d["global_key"]: d for d in partition.store["run_rows"].values()}
    assert by_row[OTHER]["uuids"] == uuid(1)
    assert partition.refused() == ["applied; but 4 predictions that waited for the run are of classes it doesn't have"]


def test_adding_leaves_what_is_there() -> None:
    there = upsert(KEY, "run_a", [(1, BOX, 0.9)], uuids=[uuid(1)], import_id="imp_1", replace=True)
    added = upsert(KEY, "run_a", [(2, FAR, 0.1), (2, FAR, 0.2)], uuids=[uuid(1), uuid(2)], import_id="imp_2", add=True)
    again = upsert(KEY, "run_a", [(1, BOX, 0.8)], uuids=[uuid(3)], import_id="imp_1", replace=True)
    partition = ends([], [created("run_a", 1, 5), there, added, added, again])
    [stored] = partition.store["run_rows"].values()
    assert np.frombuffer(stored["class_ids"], "<i4").tolist() == [1, 1, 2]
    assert np.frombuffer(stored["confidences"]).tolist() == [0.9, 0.8, 0.2]
    assert (stored["imports"], list(stored["import_marks"])) == (("imp_1",), [1, 1, 0]), "the import goes on"


# Datasets


def test_a_deleted_dataset_takes_everything_and_leaves_others_alone() -> None:
    away = dataset_deleted(["run_a"], 30)
    [elsewhere] = keys_of(0, 1, "ds_b")
    end = ends(
        [
            *(truth(KEY, TRUTH), committed(1, 3), in_chunks(truth(OTHER, [*TRUTH, *TRUTH]), [1, 1])[0]),
            *(truth(elsewhere, TRUTH, dataset="ds_b"), away, truth(KEY, []), removed(OTHER)),
            ended("imp", unlabel_others=True),
        ],
        [
            *(upsert(KEY, "run_ghost", FOUND), created("run_a", 1, 5), upsert(KEY, "run_a", FOUND)),
            *(created("run_b", 1, 6, "ds_b"), upsert(elsewhere, "run_b", FOUND, dataset="ds_b"), away),
            *(upsert(OTHER, "run_a", FOUND), upsert(OTHER, "run_ghost", FOUND), ended("imp", run="run_a")),
        ],
    )
    assert rows(end) == {("run_b", elsewhere): (1, 1)}
    assert spans(end) == {(elsewhere, 1, None)}
    assert not end.store["truth_chunks"]
    assert (memory(end)["deleted_datasets"], memory(end)["drafts"]) == ([DATASET], {})
    assert not end.refused()


# Rows that runs make


def made(partition: Partition) -> list[tuple[str, int]]:
    """Rows that were made, and where that was decided."""
    return [
        (out.event.data_row_upserted.global_key, out.event.data_row_upserted.source_offset)
        for outcome in partition.outcomes
        for out in outcome.events
        if out.topic == DATA_ROWS
    ]


def test_a_run_makes_the_rows_that_it_first_speaks_of() -> None:
    takes, other = created("run_a", 1, 5, accepts_new_rows=True), created("run_b", 1, 6)
    events = [upsert(KEY, "run_a", FOUND), takes, upsert(KEY, "run_b", FOUND), other, upsert(OTHER, "run_a", FOUND)]
    events += [upsert(OTHER, "run_a", []), runs_deleted(["run_b"], 9)]
    together, apart = Partition(), Partition()
    together.feed(told(PREDICTIONS, events))
    for delivery in told(PREDICTIONS, events):
        apart.feed([delivery])
    assert made(together) == made(apart) == [(KEY, 1), (OTHER, 4)]
    [first, _] = [out for out in together.outcomes[0].events if out.topic == DATA_ROWS]
    assert (first.key, first.partition) == (row_key(PROJECT, DATASET, KEY), 0)
    assert first.event.data_row_upserted.only_new


# What can't be


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        (GROUND_TRUTH, created("run_a", 1, 5)),
        (GROUND_TRUTH, runs_deleted(["run_a"], 5)),
        (PREDICTIONS, committed(1, 5)),
        (PREDICTIONS, ended("imp", unlabel_others=True)),
        (GROUND_TRUTH, ended("imp", run="run_a")),
        (PREDICTIONS, ended("imp", run="run_a", unlabel_others=True)),
    ],
)
def test_what_comes_on_the_wrong_topic_is_refused(topic: str, said: Event) -> None:
    partition = Partition()
    partition.feed(told(GROUND_TRUTH, [truth(KEY, TRUTH)]))
    before = dict(partition.store["truths"])
    partition.feed(told(topic, [said]))
    assert len(partition.refused()) == 1
    assert partition.store["truths"] == before
    assert not any(out.topic == RUN_TOUCHED for outcome in partition.outcomes for out in outcome.events)


def test_a_memory_that_was_stored_before_there_were_deletions_is_read() -> None:
    run = {"project_id": PROJECT, "dataset_id": DATASET, "dataset_version": 1, "source_offset": 5}
    old = {"_id": memory_id(0), "markers": {PREDICTIONS: 5}, "runs": {"run_a": run}, "drafts": {DATASET: 2}}
    read = PartitionMemory.of_document(0, old)
    assert read.runs["run_a"].has_class(60_000)
    assert (read.runs["run_a"].splits, read.draft(DATASET)) == ((), (2, 2))
    assert PartitionMemory.of_document(0, read.document()) == read


def test_a_batch_that_deletes_more_than_a_transaction_holds_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = Partition()
    partition.feed(
        told(PREDICTIONS, [created("run_a", 1, 5), upsert(KEY, "run_a", FOUND), upsert(OTHER, "run_a", FOUND)])
    )
    monkeypatch.setattr("services.metrics.rows.BATCH_BYTES", 100)
    deletions = told(PREDICTIONS, [row_deleted(KEY, 1), row_deleted(OTHER, 2)])
    with pytest.raises(TooMuch):
        partition.feed(deletions)
    for one in deletions:
        partition.feed([one])
    assert not partition.store["run_rows"]


def test_a_batch_that_moves_more_truth_than_a_transaction_holds_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = Partition()
    partition.feed(told(GROUND_TRUTH, [truth(KEY, TRUTH, ordinal=1), truth(OTHER, TRUTH, ordinal=1)]))
    monkeypatch.setattr("services.metrics.handlers.BATCH_BYTES", 100)
    moves = told(GROUND_TRUTH, [row_ordered(KEY, 2, 1), row_ordered(OTHER, None, 2)])
    with pytest.raises(TooMuch):
        partition.feed(moves)
    for one in moves:
        partition.feed([one])
    assert {d["global_key"]: d["ordinal"] for d in partition.store["truths"].values()} == {KEY: 2, OTHER: None}
