"""Data rows come and go, and their splits change: what is kept of them, and who is told."""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS, RUN_TOUCHED
from services.ingest.handlers.row_memory import RowsMemory
from sightline.wire.events.v1.data_rows_pb2 import SPLIT_TEST, SPLIT_TRAINING, SPLIT_VALIDATION
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.markers_pb2 import (
    MARKER_SOURCE_DATA_ROWS,
    DatasetDeleted,
    Marker,
    RowDeleted,
    RunCreated,
    RunsDeleted,
    VersionDeleted,
)

Said = tuple[str, str, Event]


def deleted(key: str) -> Said:
    event = Event(project_id="p", schema_version=1, event_id=f"delete-{key}")
    event.data_row_deleted.dataset_id, event.data_row_deleted.global_key = "d", key
    return DATA_ROWS, f"p/d/{key}", event


def removed(key: str) -> Said:
    event = Event(project_id="p", schema_version=1)
    event.ground_truth_removed.dataset_id, event.ground_truth_removed.global_key = "d", key
    return GROUND_TRUTH, f"p/d/{key}", event


def marker(topic: str, at_source: int, **what: Any) -> Said:
    return topic, "p", Event(project_id="p", schema_version=1, marker=Marker(source_offset=at_source, **what))


def row_gone(key: str, source: int) -> Said:
    gone = RowDeleted(dataset_id="d", global_key=key)
    topic, _, event = marker(GROUND_TRUTH, source, source=MARKER_SOURCE_DATA_ROWS, row_deleted=gone)
    return topic, f"p/d/{key}", event


def scoped(run: str, source: int, *splits: int, dataset: str = "d") -> Said:
    made = RunCreated(run_id=run, dataset_id=dataset, dataset_version=1, splits=splits)  # pyright: ignore
    return marker(DATA_ROWS, source, run_created=made)


def made_by_a_run(rows: Any, key: str, source: int) -> Said:
    return rows.data_row(key, only_new=True, source_offset=source)


def clearing(said: Said, *fields: str) -> Said:
    said[2].data_row_upserted.cleared.extend(fields)
    return said


def touched(outcome: Any) -> list[tuple[str, bool]]:
    """Runs whose owners are woken, and whether they are asked to measure soon."""
    return [(out.key, out.event.run_touched.settled) for out in outcome.events if out.topic == RUN_TOUCHED]


def test_trace_8_a_deletion_is_told_in_the_partition_of_truth_and_of_predictions(rows: Any) -> None:
    outcome = rows.apply(rows.data_row("a", split=SPLIT_TEST), deleted("a"), deleted("b"))
    told = [(out.topic, out.partition, out.key, out.event.marker) for out in outcome.events]
    assert [each[:3] for each in told] == [
        (topic, 0, f"p/d/{key}") for key in "ab" for topic in (GROUND_TRUTH, PREDICTIONS)
    ]
    for *_, said in told:
        assert said.source == MARKER_SOURCE_DATA_ROWS
        assert said.source_offset == {"a": 1, "b": 2}[said.row_deleted.global_key]
    assert len({out.event.event_id for out in outcome.events}) == 4
    assert "data_rows" not in rows.store.collections or not rows.store.collections["data_rows"]


def test_a_row_made_again_starts_empty(rows: Any) -> None:
    rows.apply(rows.data_row("a", split=SPLIT_TEST, width=7, metadata_json=b'{"light": "dusk"}'), rows.truth("a", "i"))
    rows.apply(deleted("a"))
    assert (rows.row("a")["known"], rows.row("a")["split"], rows.row("a")["width"]) == (False, "unassigned", None)
    assert rows.labelled("a"), "its truth goes where truth comes"
    rows.apply(rows.data_row("a", height=3))
    rows.apply(row_gone("a", 1))
    row = rows.row("a")
    assert (row["known"], row["height"], row["width"], row["metadata"], row["labelled"]) == (True, 3, None, {}, [])


def test_a_change_never_makes_a_row(rows: Any) -> None:
    """The order of the partition decides between a change and a deletion, wherever batches are cut."""
    change = rows.data_row("a", width=7, split=SPLIT_TEST, only_known=True)
    rows.apply(change)
    assert not rows.store.collections["data_rows"]
    for batches in ([[deleted("a"), change]], [[deleted("a")], [change]]):
        rows.apply(rows.data_row("a"), rows.truth("a", "i"), scoped("r", 3, SPLIT_TEST))
        for batch in batches:
            assert touched(rows.apply(*batch)) == []
        assert not rows.row("a")["known"], "truth that hasn't gone yet doesn't make it a row either"
        rows.apply(row_gone("a", rows.offsets[DATA_ROWS]))
        assert not rows.store.collections["data_rows"]
    rows.apply(rows.data_row("a"), change)
    assert (rows.row("a")["width"], rows.row("a")["split"]) == (7, "test")


def test_what_is_cleared_is_empty_and_the_rest_stays(rows: Any) -> None:
    rows.apply(rows.data_row("a", width=7, height=8, asset_url="a.jpg", ordinal=3, split=SPLIT_TEST))
    rows.apply(clearing(rows.data_row("a", height=9, only_known=True), "width", "asset_url"))
    row = rows.row("a")
    assert [row[each] for each in ("width", "height", "asset_url", "ordinal", "split")] == [None, 9, None, 3, "test"]
    (refused,) = rows.apply(clearing(rows.data_row("a"), "known")).refused
    assert "asset_url, height, ordinal, width" in refused.reason


def test_rows_end_the_same_in_any_order_of_topics(rows: Any) -> None:
    said = {
        DATA_ROWS: [
            *(rows.data_row("a", width=1), rows.data_row("b", split=SPLIT_TEST), deleted("a"), deleted("c")),
            *(rows.data_row("a", width=2), scoped("r", 20, SPLIT_TEST)),
            *(marker(DATA_ROWS, 21, runs_deleted=RunsDeleted(run_ids=["r"])), rows.data_row("b", width=5)),
        ],
        GROUND_TRUTH: [
            *(rows.truth("a", "i"), rows.truth("b", "i"), rows.committed(1, 10), removed("b"), rows.truth("c", "j")),
            *(row_gone("a", 2), row_gone("c", 3), rows.truth("a", "k"), row_gone("a", 2)),
            marker(GROUND_TRUTH, 30, version_deleted=VersionDeleted(dataset_id="d", dataset_version=1, run_ids=["r"])),
        ],
    }
    found: list[Any] = []
    for seed in range(30):
        dice, other = random.Random(seed), type(rows)(type(rows.store)())
        left = {topic: list(events) for topic, events in said.items()}
        while any(left.values()):
            batch: list[Said] = []
            for events in left.values():
                size = dice.choice([0, 1, 2, 100])
                batch += events[:size]
                del events[:size]
            other.apply(*batch)
        found.append({name: held for name, held in other.store.collections.items() if held})
    assert all(each == found[0] for each in found)
    assert "scope_touches" not in found[0]
    assert {key: (row["width"], row["labelled"] != []) for key, row in found[0]["data_rows"].items()} == {
        "p/d/a": (2, True),
        "p/d/b": (5, True),
    }


@pytest.mark.parametrize("first", [DATA_ROWS, GROUND_TRUTH])
def test_a_deleted_dataset_stays_away(rows: Any, first: str) -> None:
    gone = DatasetDeleted(dataset_id="d", run_ids=["r"])
    rows.apply(rows.data_row("a"), rows.truth("a", "i"), rows.truth("b", "i", chunk=0, chunks=2), rows.data_row("z"))
    rows.apply(scoped("r", 3, SPLIT_TEST), scoped("q", 4, SPLIT_TEST, dataset="e"))
    topics = (DATA_ROWS, GROUND_TRUTH)
    for topic in topics if first == DATA_ROWS else topics[::-1]:
        rows.apply(marker(topic, 9, dataset_deleted=gone))
        outcome = rows.apply(rows.data_row("a"), rows.data_row("c"), deleted("a"), rows.truth("a", "j"), removed("a"))
        assert not outcome.refused
        assert not outcome.events
    assert not rows.store.collections["data_rows"]
    assert not rows.memory.incomplete
    assert list(rows.memory.scoped_runs) == ["q"]


def test_trace_13_whoever_measured_with_other_splits_is_woken_by_what_changed_them(rows: Any) -> None:
    """By the outbox of the batch that stored the split: read any earlier, it would stay stale for ever."""
    rows.apply(rows.data_row("a"), scoped("r", 3, SPLIT_TEST), scoped("q", 4, SPLIT_VALIDATION, SPLIT_TEST))
    assert touched(rows.apply(rows.data_row("a", split=SPLIT_TRAINING))) == []
    assert touched(rows.apply(rows.data_row("a", split=SPLIT_TEST))) == [("r", False), ("q", False)]
    assert touched(rows.apply(rows.data_row("a", width=8), rows.data_row("a", split=SPLIT_TEST))) == []
    assert touched(rows.apply(rows.data_row("a", split=SPLIT_VALIDATION))) == [("r", False)]
    assert touched(rows.apply(deleted("a"))) == [("q", False)]
    assert touched(rows.apply(rows.data_row("a", split=SPLIT_TEST))) == [("r", False), ("q", False)]
    rows.apply(marker(DATA_ROWS, 9, runs_deleted=RunsDeleted(run_ids=["r"])))
    assert touched(rows.apply(rows.data_row("a", split=SPLIT_TRAINING))) == [("q", False)]


def test_trace_13_splits_that_were_set_before_the_run_was_heard_of_wake_its_owner(rows: Any) -> None:
    """It may have been measured already, by what was stored before this partition was here."""
    outcome = rows.apply(rows.data_row("a", split=SPLIT_TEST), scoped("r", 3, SPLIT_TEST))
    assert touched(outcome) == [("r", True)]
    assert touched(rows.apply(scoped("r", 3, SPLIT_TEST))) == [], "a repeat says nothing"


def test_a_row_that_a_run_makes_is_made_once(rows: Any) -> None:
    """Repeats come late; if the row was deleted meanwhile it stays away."""
    first, second = made_by_a_run(rows, "a", 5), made_by_a_run(rows, "b", 5)
    rows.apply(rows.data_row("k", width=9), made_by_a_run(rows, "k", 4), first, second)
    assert rows.row("k")["width"] == 9
    rows.apply(deleted("a"), first, second, made_by_a_run(rows, "k", 4))
    assert sorted(rows.store.collections["data_rows"]) == ["p/d/b", "p/d/k"]
    rows.apply(made_by_a_run(rows, "a", 8))
    assert rows.row("a")["known"]


def test_a_memory_that_was_stored_before_there_were_deletions_is_read() -> None:
    read = RowsMemory.of_document(
        {"_id": "ingest.rows/0", "markers": {GROUND_TRUTH: 3}, "drafts": {"d": 2}, "runs": {}}
    )
    assert (read.draft("d"), read.deleted_datasets, read.made_row) == (2, frozenset(), (-1, ""))
    assert RowsMemory.of_document(read.document("ingest.rows/0")) == read


def test_who_reads_a_summary_knows_when_its_scope_changed(rows: Any) -> None:
    rows.apply(rows.data_row("a"), scoped("r", 3, SPLIT_TEST), scoped("q", 4, SPLIT_TRAINING))
    rows.store.collections["scope_touches"].clear()
    rows.apply(rows.data_row("a", width=3))
    assert not rows.store.collections["scope_touches"]
    rows.apply(rows.data_row("a", split=SPLIT_TEST))
    assert list(rows.store.collections["scope_touches"]) == ["p/r/0"]
    rows.apply(marker(DATA_ROWS, 9, runs_deleted=RunsDeleted(run_ids=["r"])))
    assert not rows.store.collections["scope_touches"]
