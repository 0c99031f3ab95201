"""What lay in a wrong partition comes to the right one at least once, and is applied there once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from services.common.eventlog.topics import PREDICTIONS
from services.common.runloop.handling import Delivery
from services.metrics import rows
from services.metrics.memory import PartitionMemory, memory_id
from sightline.wire.events.v1.event_pb2 import Event
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import PARTITIONS, created, delete, key_of, keys_of, row_deleted, sealed, upsert, uuid

KEY, OTHER = keys_of(0, 2)
BOX = (0.0, 0.0, 10.0, 10.0)


def said(confidence: float, number: int = 1, *, key: str = KEY, replace: bool = False) -> Event:
    """One prediction."""
    return upsert(key, "run_a", [(1, BOX, confidence)], uuids=[uuid(number)], replace=replace)


def moved(event: Event, offset: int, source: int = 1) -> Event:
    """The event as it comes out of another partition: from what is done with it there."""
    wrong = Partition(source)
    outcome = wrong.feed([Delivery(PREDICTIONS, source, offset, key_of(event), event)])
    [out] = outcome.events
    assert (out.topic, out.key, out.partition, outcome.moved) == (PREDICTIONS, key_of(event), 0, 1)
    assert not event.HasField("moved_from"), "what was delivered may be tried again: it is never changed"
    assert not wrong.store["run_rows"]
    return out.event


def confidences(partition: Partition, key: str = KEY) -> list[float]:
    rows = [row for row in partition.store["run_rows"].values() if row["global_key"] == key]
    return np.frombuffer(rows[0]["confidences"]).tolist() if rows else []


@pytest.fixture(params=["remembers", "forgetful", "in one batch"])
def feed(request: pytest.FixtureRequest):
    """Feeds events to a new partition: each as a batch of its own, read anew each time, or all at once."""

    def fed(*events: Event) -> Partition:
        partition = Partition(forgetful=request.param == "forgetful")
        batch = [Delivery(PREDICTIONS, 0, offset, key_of(event), event) for offset, event in enumerate(events)]
        cuts: Sequence[Sequence[Delivery]] = [batch] if request.param == "in one batch" else [[each] for each in batch]
        for cut in cuts:
            partition.feed(cut)
        return partition

    return fed


def test_a_repeat_after_a_replacement(feed):
    late = moved(said(0.2), 7)
    assert confidences(feed(late, said(0.9), late)) == [0.9]
    assert confidences(feed(late, said(0.9, 2, replace=True), late)) == [0.9]


def test_a_repeat_after_a_deletion(feed):
    late = moved(said(0.2), 7)
    assert confidences(feed(late, delete(KEY, "run_a", [uuid(1)]), late)) == []
    assert confidences(feed(late, row_deleted(KEY, 1), late)) == []


def test_a_repeat_of_a_deletion(feed):
    late = moved(delete(KEY, "run_a", [uuid(1)]), 7)
    assert confidences(feed(said(0.2), late, said(0.9), late)) == [0.9]


def test_a_repeat_touches_nothing_and_is_no_second_dead_letter(feed):
    late, refused = moved(said(0.2), 7), moved(said(1.5), 8)
    events = (late, created("run_a", 1, 5), sealed("run_a", 6), refused)
    once, twice = feed(*events), feed(*events, late, refused)
    assert once.store.collections == twice.store.collections
    assert once.refused() == twice.refused() != []
    assert once.touched() == twice.touched()


def test_each_source_has_an_order_of_its_own(feed):
    first = [moved(said(0.1), 7), moved(said(0.2, 2), 8)]
    second = [moved(said(0.3, 3), 3, source=2), moved(said(0.4, 4), 4, source=2)]
    # The outbox of either partition comes once more, across the other's.
    partition = feed(first[0], second[0], first[0], first[1], delete(KEY, "run_a", [uuid(1), uuid(3)]), *second, *first)
    assert sorted(confidences(partition)) == [0.2, 0.4]
    assert partition.store["row_partitions"][memory_id(0)]["moved"] == {"1": 8, "2": 4}


def test_one_that_was_refused_for_what_was_there_does_not_come_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rows, "MOST_PREDICTIONS", 4)
    full = upsert(KEY, "run_a", [(1, BOX, 0.5)] * 4, uuids=[uuid(n) for n in range(4)])
    late = moved(said(0.2, 4), 7)
    partition = Partition()
    for offset, event in enumerate([full, late, said(0.9, replace=True), late]):
        partition.feed([Delivery(PREDICTIONS, 0, offset, key_of(event), event)])
    assert len(partition.refused()) == 1
    assert confidences(partition) == [0.9]


def test_who_lies_wrong_again_says_where_it_lay_last():
    """Only a producer that copies events does this."""
    copied = moved(said(0.2), 7)
    again = Partition(2).feed([Delivery(PREDICTIONS, 2, 30, key_of(copied), copied)]).events[0].event
    assert (again.moved_from.partition, again.moved_from.offset) == (2, 30)


def test_a_memory_that_was_stored_before_events_were_moved_is_read():
    old = {"_id": memory_id(0), "markers": {}, "runs": {}, "drafts": {}}
    memory = PartitionMemory.of_document(0, old)
    for source in range(1, PARTITIONS):
        place = moved(said(0.2), 0, source).moved_from
        assert not memory.has_moved(place)
        memory = memory.after_move(place)
        assert memory.has_moved(place)
    assert PartitionMemory.of_document(0, memory.document()) == memory


def test_what_waits_for_a_run_in_another_partition_stays_there() -> None:
    """A misplaced event names a row of another partition; a marker beside it is about our own rows alone."""
    theirs = Partition(0)
    theirs.feed([Delivery(PREDICTIONS, 0, 0, key_of(said(0.5)), said(0.5))])
    before = dict(theirs.store["run_rows"])
    assert [row["partition"] for row in before.values()] == [0]

    ours = Partition(1)
    ours.store.collections = theirs.store.collections
    misplaced, marker = said(0.7, number=2), created("run_a", 1, 5)
    ours.feed([Delivery(PREDICTIONS, 1, n, key_of(each), each) for n, each in enumerate((misplaced, marker))])
    assert theirs.store["run_rows"] == before
