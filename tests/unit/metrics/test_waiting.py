"""Much that waited for a run is pinned to it piece by piece; all is as if it had been at once."""

from __future__ import annotations

import pytest

from services.common import row_limits
from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS
from services.common.runloop.handling import Delivery
from services.metrics.memory import memory_id
from services.metrics.rows import RUN_ROWS, TooMuch
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import created, deliveries, key_of, keys_of, truth, upsert

KEYS = keys_of(0, 7)
OTHER_KEYS = keys_of(0, 2, "ds_b")
BOX, FAR = (0.0, 0.0, 10.0, 10.0), (1.0, 0.0, 10.0, 10.0)
SAID = [(1, BOX, 0.5), (2, BOX, 0.25)]
MADE = created("run_1", 1, 10, accepts_new_rows=True, highest_class_id=1)


def marker(offset: int = 100) -> Delivery:
    return Delivery(PREDICTIONS, 0, offset, key_of(MADE), MADE)


def waiting(*, forgetful: bool = False) -> Partition:
    """Rows of its dataset, and of another, wait for a run."""
    partition = Partition(forgetful=forgetful)
    partition.feed(deliveries(GROUND_TRUTH, 0, [truth(key, [(1, BOX, False)]) for key in KEYS]))
    told = [upsert(key, "run_1", SAID, import_id="imp_1") for key in KEYS]
    told += [upsert(key, "run_1", SAID, import_id="imp_1", dataset="ds_b") for key in OTHER_KEYS]
    partition.feed(deliveries(PREDICTIONS, 0, told))
    return partition


def rows_made(partition: Partition) -> list[str]:
    return [out.key for outcome in partition.outcomes for out in outcome.events if out.topic == DATA_ROWS]


@pytest.mark.parametrize("forgetful", [False, True])
@pytest.mark.parametrize(
    ("rows", "size", "pieces"), [(3, 10**6, 3), (4, 10**6, 3), (100, 300, 5), (100, 1, 9), (9, 10**6, 1)]
)
def test_pieces_leave_what_one_transaction_leaves(
    monkeypatch: pytest.MonkeyPatch, rows: int, size: int, pieces: int, forgetful: bool
) -> None:
    whole, some = waiting(), waiting(forgetful=forgetful)
    whole.feed([marker()])
    monkeypatch.setattr(row_limits, "PINNED_ROWS", rows)
    monkeypatch.setattr(row_limits, "PINNED_BYTES", size)
    before = len(some.outcomes)

    some.feed([marker()])

    assert len(some.outcomes) - before == pieces
    assert some.store.collections == whole.store.collections
    assert rows_made(some) == rows_made(whole) == sorted(rows_made(some))
    assert [touch for touch in some.touched() if touch[0]] == [touch for touch in whole.touched() if touch[0]]
    classes = [reason for reason in some.refused() if "of classes it doesn't have" in reason]
    assert sum(int(reason.split("but ")[1].split()[0]) for reason in classes) == len(KEYS)


def test_a_marker_among_others_is_applied_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_limits, "PINNED_ROWS", 3)
    partition = waiting()

    with pytest.raises(TooMuch):
        partition.feed([marker(), *deliveries(PREDICTIONS, 0, [upsert(KEYS[0], "run_1", SAID)])])


def test_another_truth_between_pieces_is_paired_and_the_run_is_not_measured_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who takes over between two pieces may find new truth before the marker."""
    truths = deliveries(GROUND_TRUTH, 0, [truth(key, [(1, FAR, False)]) for key in KEYS])
    clean, partition = waiting(), waiting()
    clean.feed(truths)
    clean.feed([marker()])
    monkeypatch.setattr(row_limits, "PINNED_ROWS", 3)

    partition.feed_once([marker()])
    markers = partition.store["row_partitions"][memory_id(0)]["markers"]
    partition.feed(truths)
    partition.feed([marker()])

    assert PREDICTIONS not in markers
    assert partition.store[RUN_ROWS] == clean.store[RUN_ROWS]
    assert partition.store["row_partitions"] == clean.store["row_partitions"]
