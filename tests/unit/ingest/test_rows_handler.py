"""What is known of data rows, and in which versions they are labelled."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH
from services.common.row_limits import MOST_TRUTHS
from sightline.wire.events.v1.data_rows_pb2 import SPLIT_TEST, SPLIT_VALIDATION
from sightline.wire.events.v1.ground_truth_pb2 import BoxTruths


def test_a_row_is_what_was_said_last_and_keeps_the_rest(rows: Any) -> None:
    rows.apply(
        rows.data_row("a/b", ordinal=-4, width=640, height=480, asset_url="x.jpg", metadata_json=b'{"light": "dusk"}')
    )
    rows.apply(rows.data_row("a/b", split=SPLIT_VALIDATION, width=641))
    rows.apply(rows.data_row("a/b", ordinal=0, split=SPLIT_TEST, metadata_json=b"{}"))
    row = rows.row("a/b")
    assert (row["ordinal"], row["width"], row["height"]) == (0, 641, 480)
    assert (row["asset_url"], row["split"], row["metadata"], row["known"]) == ("x.jpg", "test", {}, True)


def test_truth_may_come_before_its_row(rows: Any) -> None:
    rows.apply(rows.truth("a", "i", ordinal=7))
    assert (rows.row("a")["known"], rows.row("a")["labelled"]) == (
        False,
        [{"from": 1, "to": None, "ordinal": 7, "import_id": "i"}],
    )
    rows.apply(rows.data_row("a", width=3))
    assert rows.row("a")["known"]
    assert rows.labelled("a") == [(1, None, "i")]


def test_versions_keep_what_they_had(rows: Any) -> None:
    rows.apply(rows.truth("a", "i"), rows.truth("b", "i"), rows.ended("i"), rows.committed(1, 10))
    rows.apply(rows.truth("a", "j"), rows.ended("j"))
    assert rows.labelled("a") == [(1, 2, "i"), (2, None, "j")]
    assert rows.labelled("b") == [(1, 2, "i")]
    rows.apply(rows.truth("a", "k"), rows.ended("k", unlabel_others=False))
    assert rows.labelled("a") == [(1, 2, "i"), (2, None, "k")], "the draft has one truth"
    rows.apply(rows.ended("l"))
    assert rows.labelled("a") == [(1, 2, "i")], "what was in the draft only was never in a version"
    assert rows.labelled("b") == [(1, 2, "i")]


def test_a_large_truth_counts_with_its_last_chunk(rows: Any) -> None:
    rows.apply(rows.truth("a", "i", chunk=0, chunks=2))
    assert "p/d/a" not in rows.store.collections["data_rows"]
    rows.apply(rows.truth("a", "i", chunk=1, chunks=2))
    assert rows.labelled("a") == [(1, None, "i")]


def test_chunks_of_one_truth_alone_complete_it(rows: Any) -> None:
    rows.apply(rows.truth("a", "i", chunk=0, chunks=3), rows.truth("a", "i", chunk=1, chunks=3))
    outcome = rows.apply(rows.truth("a", "j", chunk=2, chunks=3), rows.truth("b", "i", chunk=1, chunks=2))
    assert [refused.reason for refused in outcome.refused] == [
        "chunk 2 of 3 came without those before it",
        "chunk 1 of 2 came without those before it",
    ]
    rows.apply(rows.truth("a", "i", chunk=1, chunks=3))  # a repeat
    rows.apply(rows.truth("a", "k"))
    assert rows.labelled("a") == [(1, None, "k")]
    assert rows.apply(rows.truth("a", "i", chunk=2, chunks=3)).refused, "a newer truth has come"
    rows.apply(*(rows.truth("a", "l", chunk=chunk, chunks=2) for chunk in range(2)))
    assert rows.labelled("a") == [(1, None, "l")]
    assert rows.store.collections["row_partitions"]["ingest.rows/0"]["incomplete"] == []


@pytest.mark.parametrize("moot", ["its end", "the end of the whole truth", "a commit"])
def test_a_truth_that_was_never_completed_is_forgotten(rows: Any, moot: str) -> None:
    rows.apply(rows.truth("a", "i"), rows.truth("a", "j", chunk=0, chunks=2))
    match moot:
        case "its end":
            rows.apply(rows.ended("i", unlabel_others=False))
            assert rows.memory.incomplete
            rows.apply(rows.ended("j", unlabel_others=False))
        case "the end of the whole truth":
            rows.apply(rows.ended("i"))
        case _:
            rows.apply(rows.committed(1, 3))
    assert not rows.memory.incomplete
    assert rows.apply(rows.truth("a", "j", chunk=1, chunks=2)).refused
    assert rows.labelled("a") == [(1, None, "i")]


def test_a_truth_that_is_too_large_is_refused_whole(rows: Any) -> None:
    count = MOST_TRUTHS // 2 + 1
    empty = {name: bytes(size * count) for name, size in (("boxes", 32), ("areas", 8), ("crowds", 1))}
    half = BoxTruths(count=count, class_ids=b"\x01\0\0\0" * count, annotation_ids=bytes(8 * count), **empty)
    chunks = [rows.truth("a", "i", chunk=chunk, chunks=3) for chunk in range(3)]
    for _, _, event in chunks:
        event.ground_truth_replaced.boxes.CopyFrom(half)
    reasons = [refused.reason for refused in rows.apply(*chunks).refused]
    assert reasons == [
        "a row's truth has at most 100,000 annotations",
        "chunk 2 of 3 came without those before it",
    ]
    assert not rows.memory.incomplete
    assert "p/d/a" not in rows.store.collections["data_rows"]


def test_5_a_late_repeat_of_a_marker_changes_nothing(rows: Any) -> None:
    """Marker of version 1, an import of the next draft begins, the marker again: the import stays in the draft."""
    rows.apply(rows.truth("a", "i"), rows.committed(1, 10))
    rows.apply(rows.committed(2, 11))
    rows.apply(rows.truth("a", "j"))
    rows.apply(rows.committed(1, 10))
    rows.apply(rows.truth("a", "k"))
    assert rows.labelled("a") == [(1, 3, "i"), (3, None, "k")]


def test_repeats_and_any_cut_into_batches_end_the_same(rows: Any) -> None:
    events = [
        rows.data_row("a", width=1),
        rows.truth("a", "i"),
        rows.truth("b", "i"),
        rows.ended("i"),
        rows.committed(1, 5),
        rows.truth("b", "j"),
        rows.data_row("b", height=2),
        rows.committed(1, 5),
        rows.truth("c", "j", chunk=0, chunks=3),
        rows.truth("c", "j", chunk=1, chunks=3),
        rows.truth("c", "j", chunk=1, chunks=3),
        rows.truth("c", "j", chunk=2, chunks=3),
        rows.ended("j"),
        rows.committed(2, 9),
        rows.truth("a", "k"),
        rows.ended("k"),
    ]
    ends: list[Any] = []
    for seed in range(30):
        r = random.Random(seed)
        other = type(rows)(type(rows.store)())
        left = list(events)
        while left:
            size = r.randint(1, len(left))
            # A batch has the topics one after the other.
            batch = sorted(left[:size], key=lambda event: (DATA_ROWS, GROUND_TRUTH).index(event[0]))
            other.apply(*batch)
            left = left[size:]
        ends.append(dict(other.store.collections))
    assert all(end == ends[0] for end in ends)
    assert {key: [(i["from"], i["to"]) for i in row["labelled"]] for key, row in ends[0]["data_rows"].items()} == {
        "p/d/a": [(1, 2), (3, None)],
        "p/d/b": [(1, 2), (2, 3)],
        "p/d/c": [(2, 3)],
    }


def test_other_datasets_are_left_alone(rows: Any) -> None:
    topic, _, event = rows.truth("a", "other")
    event.ground_truth_replaced.dataset_id = "e"
    rows.apply((topic, "p/e/a", event), rows.truth("a", "i"))
    rows.apply(rows.committed(1, 3), rows.ended("j"))
    assert [i["to"] for i in rows.store.collections["data_rows"]["p/e/a"]["labelled"]] == [None]
    assert rows.labelled("a") == [(1, 2, "i")]


@pytest.mark.parametrize("what", ["key", "metadata", "list", "deleted"])
def test_what_can_never_be_is_refused(rows: Any, what: str) -> None:
    topic, key, event = rows.data_row("a")
    if what == "key":
        key = "p/d/b"
    elif what == "metadata":
        event.data_row_upserted.metadata_json = b"{"
    elif what == "list":
        event.data_row_upserted.metadata_json = b"[]"
    else:
        event.data_row_deleted.global_key = "a"
    good = rows.data_row("z")
    outcome = rows.apply((topic, key, event), good)
    assert [refused.delivery.offset for refused in outcome.refused] == [0]
    assert list(rows.store.collections["data_rows"]) == ["p/d/z"]


def test_partitions_do_not_share_memory(rows: Any) -> None:
    other = type(rows)(rows.store, 1)
    rows.apply(rows.committed(1, 4))
    other.apply(other.truth("z", "i"))
    assert other.labelled("z") == [(1, None, "i")]
    assert sorted(rows.store.collections["row_partitions"]) == ["ingest.rows/0"]
    assert list(itertools.chain(rows.memory.drafts.items())) == [("d", 2)]


def test_7_rows_know_versions_from_markers_alone(rows: Any) -> None:
    """Whatever the catalog's documents say meanwhile, the end is the same: they are never read."""
    from services.common.runloop.handling import Batch, Delivery

    events = [rows.data_row("a"), rows.truth("a", "i"), rows.ended("i"), rows.committed(1, 3)]
    batch = Batch(0, [Delivery(topic, 0, i, key, event) for i, (topic, key, event) in enumerate(events)])
    reads = [*rows.handler.recall(0), *rows.handler.reads(batch, rows.memory)]
    assert {read.collection for read in reads} == {"data_rows", "row_partitions"}
