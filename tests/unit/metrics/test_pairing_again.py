"""Another truth of a row: pairs alone are written, and all is as if it had come first."""

from __future__ import annotations

import pytest

from services.common.documents import Replace, Update, Write
from services.common.eventlog.topics import GROUND_TRUTH, PREDICTIONS
from services.metrics.rows import NO_PAIRS, RUN_ROWS
from sightline.wire.events.v1.event_pb2 import Event
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import committed, created, deliveries, ended, keys_of, truth, upsert, uuid

A, B = keys_of(0, 2)
BOX, FAR = (0.0, 0.0, 10.0, 10.0), (1.0, 0.0, 10.0, 10.0)
SAID = [(1, BOX, 0.5), (2, BOX, 0.25)]
NAMES = [uuid(1), uuid(2)]


def said(partition: Partition, truths: list[Event], predictions: list[Event]) -> list[Write]:
    """Feed a batch; what it writes of run rows."""
    batch = [*deliveries(GROUND_TRUTH, 0, truths), *deliveries(PREDICTIONS, 0, predictions)]
    return [write for write in partition.feed(batch).writes if write.collection == RUN_ROWS]


def known() -> Partition:
    """Two runs say something of two rows that are labelled."""
    partition = Partition()
    runs = [created("run_1", 1, 10), created("run_2", 1, 20)]
    told = [upsert(key, run, SAID, uuids=NAMES, import_id="imp_1") for run in ("run_1", "run_2") for key in (A, B)]
    said(partition, [truth(A, [(1, BOX, False)]), truth(B, [(1, BOX, False)])], [*runs, *told])
    return partition


def test_a_changed_truth_writes_the_pairs_of_its_rows_alone() -> None:
    partition = known()
    before = {id: dict(row) for id, row in partition.store[RUN_ROWS].items()}

    writes = said(partition, [truth(A, [(1, FAR, False)])], [])

    assert [type(write) for write in writes] == [Update, Update]
    for write in writes:
        assert isinstance(write, Update)
        assert write.fields.keys() == NO_PAIRS.keys()
        after = partition.store[RUN_ROWS][write.id]
        assert after["pair_overlaps"] != before[write.id]["pair_overlaps"]
        assert {name for name in after if after[name] != before[write.id][name]} == {"pair_overlaps"}
    clean = Partition()
    runs = [created("run_1", 1, 10), created("run_2", 1, 20)]
    told = [upsert(key, run, SAID, uuids=NAMES, import_id="imp_1") for run in ("run_1", "run_2") for key in (A, B)]
    said(clean, [truth(A, [(1, FAR, False)]), truth(B, [(1, BOX, False)])], [*runs, *told])
    assert partition.store[RUN_ROWS] == clean.store[RUN_ROWS]


@pytest.mark.parametrize(
    ("predictions", "pairs_alone"),
    [
        ([upsert(A, "run_1", SAID, uuids=NAMES, import_id="imp_1")], True),  # the same again
        ([upsert(A, "run_1", SAID[:1], uuids=[uuid(3)])], False),  # one more
        ([upsert(A, "run_1", SAID, uuids=NAMES, import_id="imp_2")], False),  # the same, of another import
    ],
)
def test_what_says_something_of_a_row_besides_is_written_whole(predictions: list[Event], pairs_alone: bool) -> None:
    writes = said(known(), [truth(A, [(1, FAR, False)])], predictions)

    assert len(writes) == 2
    assert isinstance(writes[0], Update if pairs_alone else Replace)
    assert isinstance(writes[1], Update)


def test_a_row_that_loses_its_truth_and_gets_it_again_in_one_batch_keeps_its_pairs() -> None:
    """What is written of many rows comes first: what stands there before isn't what was read."""
    partition = known()
    before = {id: dict(row) for id, row in partition.store[RUN_ROWS].items()}

    said(partition, [ended("imp_t", unlabel_others=True), *(truth(key, [(1, BOX, False)]) for key in (A, B))], [])

    assert partition.store[RUN_ROWS] == before


def test_a_truth_of_the_next_version_writes_nothing_of_runs_on_the_one_before() -> None:
    partition = known()

    assert said(partition, [committed(1, 30), truth(A, [(1, FAR, False)])], []) == []


@pytest.mark.parametrize("unlabel_others", [True, False])
def test_the_end_of_an_import_of_truth_lets_the_runs_of_its_draft_be_measured(unlabel_others: bool) -> None:
    partition = known()
    before = len(partition.touched())
    said(partition, [truth(A, [(1, FAR, False)], import_id="imp_t")], [])
    said(partition, [ended("imp_t", unlabel_others=unlabel_others)], [])

    assert partition.touched()[before:] == [("run_1", False), ("run_2", False), ("run_1", True), ("run_2", True)]


def test_it_touches_no_run_on_an_earlier_version() -> None:
    partition = known()
    said(partition, [committed(1, 30)], [])
    before = len(partition.touched())

    said(partition, [truth(A, [(1, FAR, False)], import_id="imp_t"), ended("imp_t", unlabel_others=True)], [])

    assert partition.touched()[before:] == []
