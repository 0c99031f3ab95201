"""How an upload meets what a row holds: imports again, halves of them, equal detections, uuids, deletions."""

from __future__ import annotations

import numpy as np
import pytest

from services.common.eventlog.topics import PREDICTIONS
from services.metrics.heard import MOST_IMPORTS
from sightline.identity import content_identities, identities_said
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import NAN, created, delete, deliveries, keys_of, upsert, uuid

[KEY] = keys_of(0, 1)
A, B = (0.0, 0.0, 10.0, 10.0), (5.0, 5.0, 20.0, 20.0)


class Row:
    """One row of one run, fed event by event."""

    def __init__(self) -> None:
        self.partition = Partition()
        self.offset = 0
        self.feed(created("run_a", 1, 1))

    def feed(self, *events):
        outcome = self.partition.feed(deliveries(PREDICTIONS, 0, events))
        assert not outcome.refused
        return outcome

    def say(self, *boxes, **how):
        return self.feed(upsert(KEY, "run_a", boxes, **how))

    @property
    def document(self) -> dict:
        [document] = self.partition.store["run_rows"].values()
        return document

    @property
    def confidences(self) -> list[float]:
        return np.frombuffer(self.document["confidences"]).tolist()

    @property
    def places(self) -> list[int]:
        return np.frombuffer(self.document["places"], "<i4").tolist()

    @property
    def uuids(self) -> list[bytes]:
        return [self.document["uuids"][i : i + 16] for i in range(0, len(self.document["uuids"]), 16)]


@pytest.fixture
def row() -> Row:
    return Row()


def test_predictions_are_kept_in_canonical_order(row):
    row.say((2, A, 0.9), (1, A, 0.3), (1, B, NAN), (1, B, 0.3))
    assert np.frombuffer(row.document["class_ids"], "<i4").tolist() == [1, 1, 1, 2]
    assert row.confidences[1:] == [0.3, 0.3, 0.9]
    assert np.isnan(row.confidences[0])
    assert row.places == [2, 1, 3, 0]
    assert row.document["next_place"] == 4


def test_importing_again_replaces_and_ends_the_same(row):
    row.say((1, A, 0.9), (1, B, 0.8), import_id="one", replace=True)
    row.say((1, A, 0.1), import_id="one", replace=True)
    before = row.document
    row.say((1, A, 0.9), (1, B, 0.8), import_id="two", replace=True)
    row.say((1, A, 0.1), import_id="two", replace=True)
    assert row.document == {**before, "imports": ("two",), "replaced_by": "two"}


def test_half_an_import_and_then_the_whole(row):
    row.say((1, A, 0.9), import_id="one", replace=True)
    row.say((1, A, 0.9), (1, B, 0.8), import_id="two", replace=True)
    assert row.confidences == [0.9, 0.8]


def test_others_that_speak_between_its_words_do_not_make_a_replacing_import_begin_again(row):
    row.say((1, A, 0.9), import_id="old")
    row.say((1, A, 0.8), import_id="new", replace=True)
    for number in range(MOST_IMPORTS + 1):
        row.say((1, B, number / 100), import_id=f"beside-{number}")
    row.say((1, A, 0.7), import_id="new", replace=True)
    others = [number / 100 for number in range(MOST_IMPORTS + 1)]
    assert sorted(row.confidences) == [*others, 0.7, 0.8]


def test_equal_detections_of_two_imports_at_once_are_told_apart(row):
    row.say((1, A, 0.5), import_id="one")
    row.say((1, A, 0.5), (1, A, 0.5), (1, A, 0.5), import_id="two")
    row.say((1, A, 0.5), import_id="one")
    assert row.confidences == [0.5] * 3, "the second of one is the second of two"
    row.say((1, A, 0.5), (1, A, 0.5), import_id="one")
    assert row.confidences == [0.5] * 4


def test_the_import_is_forgotten_that_was_silent_longest(row):
    row.say((1, A, 0.5), import_id="first")
    for number in range(1, MOST_IMPORTS):
        row.say((1, A, 0.5), import_id=f"import-{number}")
    row.say((1, B, 0.1), import_id="first")
    row.say((1, A, 0.5), import_id="one-too-many")
    assert "import-1" not in row.document["imports"]
    assert (row.document["imports"][0], row.document["imports"][-2:]) == ("import-2", ("first", "one-too-many"))
    assert sorted(row.document["import_bits"]) == [*range(MOST_IMPORTS)]
    row.say((1, A, 0.5), import_id="one-too-many")
    assert row.confidences == [0.1, 0.5, 0.5][::-1], "its bit was cleared of what the forgotten one had said"


def test_what_was_stored_when_rows_remembered_one_import_is_read(row):
    row.say((1, A, 0.9), import_id="one", replace=True)
    stored = {k: v for k, v in row.document.items() if k not in ("imports", "import_bits", "replaced_by")}
    row.partition.store["run_rows"][stored["_id"]] = {**stored, "import_id": "one"}
    row.say((1, A, 0.9), import_id="one", replace=True)
    assert row.confidences == [0.9, 0.9]


def test_a_named_row_without_predictions_is_there_and_empty(row):
    row.say((1, A, 0.9), import_id="one", replace=True)
    row.say(import_id="two", replace=True)
    assert (row.document["count"], row.document["next_place"], row.document["replaced_by"]) == (0, 0, "two")


def test_equal_detections_stay_and_sending_them_again_adds_none(row):
    row.say((1, A, 0.5), (1, A, 0.5), import_id="one")
    row.say((1, A, 0.5), import_id="one")
    assert row.confidences == [0.5] * 3
    outcome = row.say((1, A, 0.5), (1, A, 0.5), import_id="two")
    assert row.confidences == [0.5] * 3
    row.say((1, A, 0.5), (1, A, 0.5), import_id="two")
    assert row.confidences == [0.5] * 4
    assert len(outcome.events) == 1


def test_a_write_outside_any_import_is_an_upload_of_its_own(row):
    row.say((1, A, 0.5), (1, B, 0.5))
    outcome = row.say((1, A, 0.5))
    assert outcome.writes == []
    assert outcome.events == []
    row.say((1, A, 0.5), (1, A, 0.5))
    assert row.places == [0, 1, 2]


def test_a_single_write_does_not_disturb_a_replacing_import(row):
    row.say((1, A, 0.9), import_id="one", replace=True)
    row.say((1, B, 0.2))
    row.say((1, A, 0.8), import_id="one", replace=True)
    assert row.confidences == [0.9, 0.8, 0.2]


def test_the_same_uuid_replaces_and_keeps_its_place(row):
    row.say((1, A, 0.5), (1, A, 0.5), uuids=[uuid(1), uuid(2)])
    outcome = row.say((1, B, 0.5), uuids=[uuid(1)])
    assert outcome.events
    assert row.uuids == [uuid(1), uuid(2)]
    assert row.places == [0, 1]
    assert np.frombuffer(row.document["boxes"])[:4].tolist() == list(B)
    assert row.say((1, B, 0.5), uuids=[uuid(1)]).writes == []


def test_deleted_predictions_are_gone_and_others_keep_their_places(row):
    row.say((1, A, 0.9), (1, A, 0.8), (1, A, 0.7), uuids=[uuid(1), uuid(2), uuid(3)])
    row.feed(delete(KEY, "run_a", [uuid(2), uuid(8)]))
    assert (row.confidences, row.places) == ([0.9, 0.7], [0, 2])
    row.say((1, A, 0.8), uuids=[uuid(2)])
    assert (row.confidences, row.places) == ([0.9, 0.8, 0.7], [0, 3, 2])
    assert row.feed(delete(KEY, "run_a", [uuid(8)])).writes == []


def test_a_row_is_the_same_however_batches_are_cut(row):
    """Places begin anew with a replacement, also where all was taken back before."""
    first, together = upsert(KEY, "run_a", [(1, A, 0.5)], uuids=[uuid(1)]), Row()
    then = delete(KEY, "run_a", [uuid(1)]), upsert(KEY, "run_a", [], replace=True)
    for event in (first, *then):
        row.feed(event)
    together.feed(first)
    together.feed(*then)
    assert row.document == together.document
    assert row.document["next_place"] == 0


def test_made_identities_can_be_deleted_too(row):
    row.say((1, A, 0.5), (1, A, 0.5), import_id="one")
    row.feed(delete(KEY, "run_a", row.uuids[:1]))
    assert row.places == [1]
    row.say((1, A, 0.5), import_id="one")
    assert row.places == [1, 2]


def test_thousands_of_equal_detections_cost_no_more_than_others(row):
    count = 20_000
    row.say(*[(1, A, 0.5)] * count, import_id="one")
    assert row.document["count"] == count
    row.say(*[(1, A, 0.5)] * count, import_id="two")
    assert row.document["count"] == count


def test_the_identity_of_content_never_changes():
    """Identities are stored and given out: a new hash would double every prediction that is imported again."""
    classes = np.array([1, 1, 80], np.int32)
    boxes = np.array([[0.0, -0.0, 10.0, 10.0], [-0.0, 0.0, 10.0, 10.0], [1.5, 2.5, 3.25, 1e6]])
    found = content_identities(classes, boxes, np.array([NAN, -NAN, 0.5])).tobytes()
    assert found[:16] == found[16:32]
    assert found[16:].hex() == "f0a3c33c33cfd39f230a5a93d5408e4125fdf40f85a8412cec3485ee1cac22f9"


def test_identities_of_what_is_said_together_are_those_that_a_row_then_has(row):
    said = [(1, A, 0.9), (1, B, NAN), (1, A, 0.9), (2, A, -0.0), (1, A, 0.9)]
    row.say(*said, import_id="imp")
    columns = (np.array([box[i] for box in said], kind) for i, kind in enumerate(("i4", "f8", "f8")))
    identities = identities_said(*columns)
    assert sorted(identity.tobytes() for identity in identities) == sorted(row.uuids)
