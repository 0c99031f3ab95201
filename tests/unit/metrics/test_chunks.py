"""A large truth in chunks: however they fall into batches, it is seen whole, or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest

from services.common.eventlog.topics import GROUND_TRUTH
from sightline.wire.events.v1.event_pb2 import Event
from tests.unit.metrics.naive import Naive
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import committed, created, deliveries, ended, in_chunks, keys_of, truth, upsert
from tests.unit.metrics.test_any_order import expect

KEY, OTHER = keys_of(0, 2)
BOXES = [(1 + i % 2, (10.0 * i, 0.0, 10.0, 10.0), i == 3) for i in range(6)]
WHOLE = truth(KEY, BOXES, import_id="imp", ordinal=5)
NEWER = truth(KEY, [(2, (1.0, 1.0, 2.0, 2.0), False)], import_id="newer")

# What follows each other in a partition, and how many annotations the row has in the draft then.
STORIES: dict[str, tuple[list[Event], int | None]] = {
    "chunks": (in_chunks(WHOLE, [2, 3, 1]), 6),
    "an empty chunk": (in_chunks(WHOLE, [0, 6, 0]), 6),
    "nothing but empty chunks": (in_chunks(truth(KEY, import_id="imp"), [0, 0]), 0),
    "chunks over an older truth": ([NEWER, *in_chunks(WHOLE, [4, 2])], 6),
    "the last never comes": ([NEWER, *in_chunks(WHOLE, [2, 3, 1])[:2]], 1),
    "a newer truth between": ([*in_chunks(WHOLE, [2, 3, 1])[:2], NEWER], 1),
    "a newer truth between, and then the rest": (
        [*in_chunks(WHOLE, [2, 3, 1])[:2], NEWER, in_chunks(WHOLE, [2, 3, 1])[2]],
        1,
    ),
    "newer chunks between": ([in_chunks(NEWER, [1, 0])[0], *in_chunks(WHOLE, [2, 3, 1])], 6),
    "newer chunks that go on longer": ([*in_chunks(WHOLE, [5, 1])[:1], *in_chunks(WHOLE, [2, 3, 1])], 6),
    "an end that makes it moot": (
        [NEWER, *in_chunks(WHOLE, [2, 4])[:1], ended("imp"), in_chunks(WHOLE, [2, 4])[1]],
        1,
    ),
    "another's end": ([in_chunks(WHOLE, [2, 4])[0], ended("other"), in_chunks(WHOLE, [2, 4])[1]], 6),
    "the end of the whole truth": (
        [in_chunks(WHOLE, [2, 4])[0], ended("other", unlabel_others=True), in_chunks(WHOLE, [2, 4])[1]],
        None,
    ),
    "another dataset's commit": ([in_chunks(WHOLE, [2, 4])[0], committed(1, 3, "z"), in_chunks(WHOLE, [2, 4])[1]], 6),
    "a commit": ([NEWER, in_chunks(WHOLE, [2, 4])[0], committed(1, 3), in_chunks(WHOLE, [2, 4])[1]], 1),
    "a commit, then all": ([NEWER, in_chunks(WHOLE, [2, 4])[0], committed(1, 3), *in_chunks(WHOLE, [2, 4])], 6),
    "a chunk of another truth": (
        [*in_chunks(WHOLE, [2, 3, 1])[:1], in_chunks(NEWER, [0, 1, 0])[1], *in_chunks(WHOLE, [2, 3, 1])[1:]],
        6,
    ),
    "a chunk of another number of chunks": (
        [*in_chunks(WHOLE, [2, 3, 1])[:1], in_chunks(WHOLE, [2, 4])[1], *in_chunks(WHOLE, [2, 3, 1])[1:]],
        6,
    ),
    "a chunk twice": ([*in_chunks(WHOLE, [2, 3, 1])[:2], *in_chunks(WHOLE, [2, 3, 1])[1:]], 6),
    "two rows": (
        [
            event
            for both in zip(
                in_chunks(WHOLE, [2, 4]), in_chunks(truth(OTHER, BOXES, import_id="imp"), [4, 2]), strict=True
            )
            for event in both
        ],
        6,
    ),
}


def batches(events: Sequence[Event]) -> Iterator[list[list]]:
    """Every way to cut events into batches."""
    said = deliveries(GROUND_TRUTH, 0, events)
    for cuts in itertools.product([False, True], repeat=len(said) - 1):
        made = [[said[0]]]
        for cut, delivery in zip(cuts, said[1:], strict=True):
            if cut:
                made.append([])
            made[-1].append(delivery)
        yield made


@pytest.mark.parametrize("forgetful", [False, True], ids=["one process", "a new process for each batch"])
@pytest.mark.parametrize(("events", "count"), STORIES.values(), ids=STORIES)
def test_any_cut_into_batches_ends_the_same(events, count, forgetful):
    model = Naive()
    for event in events:
        model.take(GROUND_TRUTH, event)
    ends, refused = [], []
    for cut in batches(events):
        partition = Partition(forgetful=forgetful)
        for batch in cut:
            partition.feed(batch)
        expect(partition, model)
        ends.append(partition.store.collections)
        refused.append(partition.refused())
    assert all(end.get("truths", {}) == ends[0].get("truths", {}) for end in ends)
    assert all(end.get("truth_chunks", {}) == ends[0].get("truth_chunks", {}) for end in ends)
    assert all(reasons == refused[0] for reasons in refused)
    found = [d for d in ends[0].get("truths", {}).values() if d["to"] is None and d["global_key"] == KEY]
    assert [d["count"] for d in found] == ([] if count is None else [count])


def test_a_truth_of_chunks_is_the_same_document_and_leaves_nothing():
    together, apart = Partition(), Partition()
    together.feed(deliveries(GROUND_TRUTH, 0, [WHOLE]))
    for delivery in deliveries(GROUND_TRUTH, 0, in_chunks(WHOLE, [1, 0, 2, 3])):
        apart.feed([delivery])
    assert apart.store["truths"] == together.store["truths"]
    assert apart.store["truth_chunks"] == {}


def test_it_touches_and_pairs_with_the_last_chunk():
    partition = Partition()
    partition.feed(
        deliveries("predictions", 0, [created("run_a", 1, 3), upsert(KEY, "run_a", [(1, BOXES[5][1], 0.9)])])
    )
    before = len(partition.touched())
    first, second = deliveries(GROUND_TRUTH, 0, in_chunks(WHOLE, [2, 4]))
    partition.feed([first])
    assert len(partition.touched()) == before
    partition.feed([second])
    assert partition.touched()[before:] == [("run_a", False)]
    [row] = partition.store["run_rows"].values()
    assert row["pair_count"] == 1


def numbered(chunk: int, chunks: int) -> Event:
    event = truth(KEY, BOXES[:1])
    event.ground_truth_replaced.chunk, event.ground_truth_replaced.chunks = chunk, chunks
    return event


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (numbered(1, 2), "chunk 1 of 2 came without those before it"),
        (numbered(2, 2), "no chunk 2 of 2"),
        (numbered(1, 0), "no chunk 1 of 1"),
        (numbered(0, 1_001), "at most 1,000 chunks"),
    ],
)
def test_what_can_never_be_complete_is_refused(event, reason):
    partition = Partition()
    partition.feed(deliveries(GROUND_TRUTH, 0, [event]))
    assert reason in partition.refused()[0]
    assert partition.store.collections.get("truth_chunks", {}) == {}


def test_a_fault_of_a_chunk_is_one_of_the_truth():
    chunks = in_chunks(WHOLE, [2, 2, 2])
    chunks[1].ground_truth_replaced.boxes.crowds = b"\0\7"
    for cut in batches([NEWER, *chunks]):
        partition = Partition()
        for batch in cut:
            partition.feed(batch)
        assert [reason.partition(" ")[0] for reason in partition.refused()] == ["a", "chunk"]
        assert partition.store["truth_chunks"] == {}
        [document] = partition.store["truths"].values()
        assert document["count"] == 1


def test_a_truth_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("services.common.truth_chunks.MOST_TRUTHS", 5)
    partition = Partition()
    partition.feed(deliveries(GROUND_TRUTH, 0, [NEWER, *in_chunks(WHOLE, [2, 3, 1])]))
    assert partition.refused() == ["a row's truth has at most 5 annotations"]
    assert partition.store["truth_chunks"] == {}
    [document] = partition.store["truths"].values()
    assert document["count"] == 1
