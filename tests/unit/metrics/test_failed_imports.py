"""An import that failed may have a process that wakes: what it said before its marker stays, no more comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from services.common.failed_imports import MOST_FAILED
from services.common.runloop.handling import Delivery
from services.metrics.memory import PartitionMemory, memory_id
from services.metrics.rows import RunRows, TooMuch
from sightline.wire.events.v1.event_pb2 import Event
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import (
    committed,
    created,
    delete,
    ended,
    import_failed,
    in_chunks,
    key_of,
    keys_of,
    removed,
    runs_deleted,
    sealed,
    topic_of,
    truth,
    upsert,
    uuid,
)
from tests.unit.metrics.test_lifecycle import ends

KEY, OTHER = keys_of(0, 2)
BOX, FAR = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 10.0, 10.0)
TRUTH = [(1, BOX, False)]
RUN = created("run_a", 1, 5)


def said(confidence: float, number: int = 1, *, import_id: str = "imp_a", replace: bool = False, add: bool = False):
    boxes, uuids = [(1, BOX, confidence)], [uuid(number)]
    return upsert(KEY, "run_a", boxes, uuids=uuids, import_id=import_id, replace=replace, add=add)


def deliver(events: Sequence[Event]) -> list[Delivery]:
    """Events in their topics, in this order."""
    offsets: Counter[str] = Counter()
    found: list[Delivery] = []
    for event in events:
        topic = topic_of(event)
        found.append(Delivery(topic, 0, offsets[topic], key_of(event), event))
        offsets[topic] += 1
    return found


@pytest.fixture(params=["remembers", "forgetful", "in one batch"])
def feed(request: pytest.FixtureRequest):
    """Feeds events to a new partition: each as a batch of its own, read anew each time, or all at once."""

    def fed(*events: Event) -> Partition:
        partition = Partition(forgetful=request.param == "forgetful")
        batch = deliver(events)
        for cut in [batch] if request.param == "in one batch" else [[each] for each in batch]:
            partition.feed(cut)
        return partition

    return fed


def confidences(partition: Partition) -> list[float]:
    rows = [row for row in partition.store["run_rows"].values() if row["global_key"] == KEY]
    return np.frombuffer(rows[0]["confidences"]).tolist() if rows else []


def passed_over(partition: Partition) -> Counter[str]:
    return sum((Counter(outcome.passed_over) for outcome in partition.outcomes), Counter[str]())


def same_but_for_the_marker(with_more: Partition, without: Partition) -> bool:
    return with_more.store.collections == without.store.collections and with_more.touched() == without.touched()


FAILED = import_failed("imp_a", 7, run="run_a")


def test_predictions_after_the_marker_change_nothing(feed):
    late = [
        said(0.2, 2),
        said(0.3, replace=True),
        delete(KEY, "run_a", [uuid(1)], import_id="imp_a"),
        ended("imp_a", run="run_a"),
    ]
    before = [RUN, said(0.9), FAILED, said(0.8, 3, import_id="imp_b", replace=True)]
    zombie, dead = feed(*before, *late), feed(*before)
    assert same_but_for_the_marker(zombie, dead)
    assert confidences(zombie) == [0.8]
    assert zombie.refused() == []
    assert passed_over(zombie) == {"failed_import": len(late)}
    assert confidences(feed(RUN, said(0.9), FAILED, said(0.2, 2))) == [0.9], "what came before stays"


def test_truth_after_the_marker_changes_nothing(feed):
    late = [
        truth(KEY, [(1, FAR, False)], import_id="imp_a"),
        removed(KEY, import_id="imp_a"),
        ended("imp_a", unlabel_others=True),
    ]
    before = [truth(KEY, TRUTH, import_id="imp_a"), import_failed("imp_a", 7), truth(OTHER, TRUTH), committed(1, 9)]
    zombie, dead = feed(*before, *late), feed(*before)
    assert same_but_for_the_marker(zombie, dead)
    assert zombie.refused() == []
    assert passed_over(zombie) == {"failed_import": len(late)}


def test_a_truth_that_was_cut_off_never_becomes_whole(feed):
    first, second = in_chunks(truth(KEY, [*TRUTH, (1, FAR, False)], import_id="imp_a"), [1, 1])
    partition = feed(first, import_failed("imp_a", 7), second)
    assert not partition.store["truths"]
    assert not partition.store["truth_chunks"]
    assert partition.refused() == []


def test_the_order_of_topics_is_all_the_same():
    truths = [
        truth(KEY, TRUTH, import_id="imp_t"),
        import_failed("imp_t", 6),
        truth(KEY, [(1, FAR, False)], import_id="imp_t"),
        truth(KEY, TRUTH, import_id="imp_a"),
    ]
    predictions = [RUN, said(0.9), FAILED, said(0.2), said(0.7, 2, import_id="imp_t")]
    partition = ends(truths, predictions)
    assert sorted(confidences(partition)) == [0.7, 0.9], "what fails in one topic is no matter of the other"
    [stored] = partition.store["truths"].values()
    assert stored["import_id"] == "imp_a"


def test_a_repeat_of_the_marker_is_one(feed):
    once, twice = feed(RUN, said(0.9), FAILED), feed(RUN, said(0.9), FAILED, FAILED)
    assert same_but_for_the_marker(twice, once)
    assert passed_over(twice) == {"repeat": 1}


def test_nothing_of_it_is_put_aside_whatever_became_of_the_run(feed):
    partition = feed(RUN, FAILED, sealed("run_a", 8), said(0.2))
    assert (partition.refused(), passed_over(partition)) == ([], {"failed_import": 1})
    partition = feed(RUN, FAILED, runs_deleted(["run_a"], 8), said(0.2))
    assert (partition.refused(), passed_over(partition)) == ([], {"deleted": 1})


def test_what_an_operator_puts_back_is_taken(feed):
    assert confidences(feed(RUN, FAILED, said(0.2, add=True))) == [0.2]
    back = truth(KEY, TRUTH, import_id="imp_a")
    back.ground_truth_replaced.only_unlabelled = True
    assert feed(import_failed("imp_a", 7), back).store["truths"]


def test_the_last_ones_are_remembered(feed):
    """Each failed after the one before; a topic has its own."""
    failed = [import_failed(f"imp_{n}", n, run="run_a") for n in range(10, 11 + MOST_FAILED)]
    partition = Partition()
    partition.feed(deliver([RUN, import_failed("imp_t", 1), *failed]))
    partition.feed(deliver([said(0.1, 1, import_id="imp_10"), said(0.2, 2, import_id="imp_11")]))
    partition.feed(deliver([truth(KEY, TRUTH, import_id="imp_t")]))
    assert confidences(partition) == [0.1]
    assert not partition.store["truths"]
    stored = partition.store["row_partitions"][memory_id(0)]["failed_imports"]
    assert {topic: len(ids) for topic, ids in stored.items()} == {"ground-truth": 1, "predictions": MOST_FAILED}


def test_the_memory_is_read_as_it_was_stored():
    memory = PartitionMemory(0)
    assert "failed_imports" not in memory.document(), "as before there were such markers"
    for event in (FAILED, import_failed("imp_b", 8, run="run_a"), import_failed("imp_t", 9)):
        memory = memory.after(topic_of(event), event.marker)
    read = PartitionMemory.of_document(0, memory.document())
    assert read == memory
    assert read.failed_imports.stored() == {"ground-truth": ["imp_t"], "predictions": ["imp_a", "imp_b"]}


def test_a_marker_that_could_not_be_applied_is_not_remembered(monkeypatch: pytest.MonkeyPatch):
    """None is ever too much; but if one were, its memory without its rows would be worse than nothing."""
    partition = Partition()
    partition.feed(deliver([said(0.9)]))
    before = dict(partition.store.collections)

    def too_much(*_: Any) -> Any:
        raise TooMuch("too much")

    with monkeypatch.context() as patched:
        patched.setattr(RunRows, "settle", too_much)
        assert partition.feed(deliver([RUN])).refused
    assert partition.store.collections == before
    partition.feed(deliver([RUN]))
    assert [row["dataset_version"] for row in partition.store["run_rows"].values()] == [1]
