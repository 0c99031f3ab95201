"""A row holds so much and no more: what is beyond is refused, event by event, and the partition goes on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from services.common.eventlog.topics import GROUND_TRUTH, PREDICTIONS
from services.common.runloop.handling import Delivery
from services.metrics import pairing, rows
from services.metrics.rows import TooMuch
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import created, delete, deliveries, keys_of, truth, upsert, uuid

KEY, OTHER = keys_of(0, 2)
BOX = (0.0, 0.0, 10.0, 10.0)
RUN = created("run_a", 1, 3)


def some(*numbers: int, key: str = KEY, **how):
    return upsert(key, "run_a", [(1, BOX, 0.5)] * len(numbers), uuids=[uuid(n) for n in numbers], **how)


def apply(partition: Partition, batch: Sequence[Delivery]) -> None:
    """As the run loop does: what can't be applied at once is halved."""
    try:
        partition.feed(batch)
    except TooMuch:
        apply(partition, batch[: len(batch) // 2])
        apply(partition, batch[len(batch) // 2 :])


def fed(events, size: int) -> Partition:
    partition = Partition()
    said = deliveries(PREDICTIONS, 0, events)
    for start in range(0, len(said), size):
        apply(partition, said[start : start + size])
    return partition


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_what_overfills_a_row_is_refused_and_nothing_else(monkeypatch, size):
    monkeypatch.setattr(rows, "MOST_PREDICTIONS", 4)
    events = [
        RUN,
        some(1, 2, 3),
        some(4, 5),  # refused: five
        some(1, 2, key=OTHER),
        some(2, 4),
        some(9),  # refused: five
        delete(KEY, "run_a", [uuid(1)]),
        some(8),
        some(*range(20, 25), import_id="imp", replace=True),  # refused: five by itself
        some(6, import_id="imp", replace=True),
        some(1, 2, 3, 4, key=OTHER, replace=True),
    ]
    partition = fed(events, size)
    assert [r.delivery.offset for outcome in partition.outcomes for r in outcome.refused] == [2, 5, 8]
    assert all("at most 4 predictions" in reason for reason in partition.refused())
    found = {d["global_key"]: d for d in partition.store["run_rows"].values()}
    assert (found[KEY]["uuids"], found[KEY]["replaced_by"]) == (uuid(6), "imp")
    assert found[OTHER]["count"] == 4


def test_a_full_row_can_be_deleted_from(monkeypatch):
    partition = fed([RUN, some(1, 2, 3, 4)], 1)
    monkeypatch.setattr(rows, "MOST_PREDICTIONS", 2)
    apply(partition, deliveries(PREDICTIONS, 0, [delete(KEY, "run_a", [uuid(1)])]))
    [row] = partition.store["run_rows"].values()
    assert (row["count"], partition.refused()) == (3, [])


def limit_pairs(monkeypatch, most: int) -> None:
    monkeypatch.setattr(pairing, "most_pairs", lambda predictions: np.full(len(predictions), most, np.int64))


def test_of_too_many_pairs_those_that_overlap_least_are_left_out_and_the_row_says_so(monkeypatch):
    """Overlaps of a prediction with truths: 1, 0.5, 0.4, 0.25 and 0.1."""
    marked = [(1, (0.0, 0.0, 10.0 * share, 10.0), False) for share in (1, 0.5, 0.4, 0.25, 0.1)]
    found = [(1, BOX, 0.9), (1, BOX, 0.8)]
    kept: dict[int, tuple[float | None, list[float]]] = {}
    for most in (10, 9, 8, 7, 6, 5, 4, 3, 2, 1):
        limit_pairs(monkeypatch, most)
        partition = Partition()
        partition.feed(deliveries(GROUND_TRUTH, 0, [truth(KEY, marked), truth(OTHER, marked[:1])]))
        said = [upsert(key, "run_a", found[: 1 if key == OTHER else 2]) for key in (KEY, OTHER)]
        partition.feed(deliveries(PREDICTIONS, 0, [RUN, *said]))
        by_key = {d["global_key"]: d for d in partition.store["run_rows"].values()}
        assert (by_key[OTHER]["least_overlap"], by_key[OTHER]["pair_count"]) == (0.05, 1)
        row = by_key[KEY]
        overlaps = np.frombuffer(row["pair_overlaps"]).tolist()
        assert np.frombuffer(row["pair_predictions"], "<i4").tolist() == [
            p for p in range(2) for _ in range(len(overlaps) // 2)
        ]
        kept[most] = row["least_overlap"], overlaps[: len(overlaps) // 2]
        assert bool(partition.refused()) == (row["least_overlap"] is None)
    assert kept[10] == (0.05, [1, 0.5, 0.4, 0.25, 0.1])
    assert kept[9] == kept[8] == (0.2, [1, 0.5, 0.4, 0.25])
    assert kept[7] == kept[6] == (0.3, [1, 0.5, 0.4])
    assert kept[5] == kept[4] == (0.5, [1, 0.5])
    assert kept[3] == kept[2] == kept[1] == (None, [])


@pytest.mark.parametrize("order", ["truth first", "predictions first", "run last"])
def test_too_many_pairs_are_told_and_the_row_is_kept_without_them_whatever_came_first(monkeypatch, order):
    limit_pairs(monkeypatch, 5)
    said = {
        "truth": (GROUND_TRUTH, truth(KEY, [(1, BOX, False)] * 2)),
        "run": (PREDICTIONS, RUN),
        "predictions": (PREDICTIONS, some(1, 2, 3)),
        "other": (PREDICTIONS, some(1, 2, 3, key=OTHER)),
        "other's truth": (GROUND_TRUTH, truth(OTHER, [(1, BOX, False)])),
    }
    names = {
        "truth first": ["truth", "run", "predictions", "other", "other's truth"],
        "predictions first": ["run", "predictions", "other's truth", "other", "truth"],
        "run last": ["predictions", "other", "other's truth", "truth", "run"],
    }[order]
    partition = Partition()
    for name in names:
        topic, event = said[name]
        partition.feed(deliveries(topic, 0, [event]))
    [reason] = partition.refused()
    assert "more pairs" in reason
    found = {d["global_key"]: d for d in partition.store["run_rows"].values()}
    assert (found[KEY]["count"], found[KEY]["pair_count"], found[KEY]["pair_overlaps"]) == (3, 0, b"")
    assert found[KEY]["least_overlap"] is None
    assert (found[OTHER]["count"], found[OTHER]["pair_count"]) == (3, 3)

    partition.feed(deliveries(GROUND_TRUTH, 0, [truth(KEY, [(1, BOX, False)])]))
    found = {d["global_key"]: d for d in partition.store["run_rows"].values()}
    assert found[KEY]["pair_count"] == 3
    assert len(partition.refused()) == 1


def test_a_batch_that_writes_too_much_at_once_is_halved(monkeypatch):
    events = [RUN, *(some(1, 2, 3, key=key) for key in keys_of(0, 8))]
    whole = fed(events, 100)
    monkeypatch.setattr(rows, "BATCH_BYTES", 2 * 3 * 73)
    halved = fed(events, 100)
    assert len(halved.outcomes) > 3 > len(whole.outcomes)
    for name in ("run_rows", "row_partitions"):
        assert halved.store[name] == whole.store[name]
