"""Ingest makes the golden events, and understands those that it reads."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.common.eventlog.topics import CATALOG, DATA_ROWS, GROUND_TRUTH, PREDICTIONS, row_key
from services.ingest.importing import truth as import_truth
from services.ingest.importing.events import EventMaker
from services.ingest.importing.id_lookup import Lookup
from services.ingest.importing.rows import said_of_row
from services.ingest.importing.truth import truth_of_image
from services.ingest.importing.windows import Columns, RowNames, Windows
from sightline.formats.coco import read_truth
from sightline.formats.data_rows import DataRowReader
from sightline.wire.events.v1.data_rows_pb2 import DataRowUpserted
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_REPLACE

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
KEY = "a/ü 1.jpg"


def golden(name: str) -> Event:
    return Event.FromString((GOLDEN / f"{name}.bin").read_bytes())


def same(value: bytes, name: str) -> None:
    """Equal but for who, when and which."""
    expected, made = golden(name), Event.FromString(value)
    assert made.event_id
    assert made.time_unix_ms > 0
    made.event_id, made.time_unix_ms = expected.event_id, expected.time_unix_ms
    assert made == expected


@pytest.fixture
def events() -> EventMaker:
    return EventMaker("default", "ds_golden", "imp_golden", "run_golden", IMPORT_MODE_REPLACE)


def test_data_row(events: EventMaker) -> None:
    line = (
        '{"global_key": "a/ü 1.jpg", "ordinal": -7, "asset_url": "images/a.jpg", "width": 640, "height": 480, '
        '"split": "Validation", "metadata": {"light": "dusk", "density": 0.5}}'
    )
    reader = DataRowReader()
    blocks = [*reader.feed(line.encode()), *reader.finish()]
    message = events.data_row(said_of_row(blocks[0].rows[0]))
    same(message.value, "data_row_upserted_import")
    assert (message.topic, message.key) == (DATA_ROWS, f"default/ds_golden/{KEY}".encode())
    assert isinstance(golden("data_row_upserted").data_row_upserted, DataRowUpserted)


def test_ground_truth(events: EventMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = read_truth(
        [
            '{"images": [{"id": -7, "file_name": "a/ü 1.jpg"}], "categories": [{"id": 9, "name": "x"}, '
            '{"id": 3, "name": "y"}], "annotations": [{"id": 0, "image_id": -7, "category_id": 9, "bbox": '
            '[10, 20, 30, 40], "area": 1100.5}, {"id": 9, "image_id": -7, "category_id": 3, "bbox": '
            '[0.1, 0.2, 0, 4], "iscrowd": 1}]}'.encode()
        ]
    )
    messages = list(truth_of_image(events, truth, 0, Lookup({9: 1, 3: 2})))
    assert len(messages) == 1
    same(messages[0].value, "ground_truth_replaced")
    assert (messages[0].topic, messages[0].key) == (GROUND_TRUTH, f"default/ds_golden/{KEY}".encode())

    monkeypatch.setattr(import_truth, "ANNOTATIONS_PER_EVENT", 1)
    first, second = truth_of_image(events, truth, 0, Lookup({9: 1, 3: 2}))
    same(first.value, "ground_truth_replaced_chunk")
    assert first.key == second.key == messages[0].key
    said = Event.FromString(second.value).ground_truth_replaced
    assert (said.chunk, said.chunks, said.boxes.count, said.ordinal) == (1, 2, 1, -7)


def test_empty_ground_truth(events: EventMaker) -> None:
    file = '{"images": [{"id": -7, "file_name": "a/ü 1.jpg"}], "categories": [], "annotations": []}'
    (message,) = truth_of_image(events, read_truth([file.encode()]), 0, Lookup({}))
    same(message.value, "ground_truth_replaced_empty")


def test_predictions(events: EventMaker) -> None:
    windows = Windows(events, RowNames(["other", KEY], [0, 5]))
    windows.add(
        Columns(
            np.array([1, 1, 1], np.int32),
            np.array([1, 2, 1], np.int32),
            np.array([[11, 19, 30, 42], [0.1, 0.2, 0, 4], [11, 19, 30, 42]]),
            np.array([0.93, np.nan, 0.93]),
            np.arange(3),
        )
    )
    size, messages = windows.take()
    (message,) = messages
    assert size == 3
    same(message.value, "predictions_upserted")
    assert (message.topic, message.key, message.partition) == (PREDICTIONS, f"default/ds_golden/{KEY}".encode(), 5)
    same(events.predictions(KEY, 5, None).value, "predictions_upserted_empty")


def test_what_an_import_takes_away(events: EventMaker) -> None:
    same(events.predictions_deleted(KEY, 5, bytes(range(16))).value, "predictions_deleted_import")
    same(events.row_deleted(KEY).value, "data_row_deleted_import")
    same(events.truth_removed(KEY).value, "ground_truth_removed_import")


def test_a_single_write_is_of_no_import() -> None:
    made = [EventMaker("default", "ds_golden", "").data_row(DataRowUpserted(global_key=KEY)) for _ in range(2)]
    said = [Event.FromString(message.value) for message in made]
    assert [event.data_row_upserted.import_id for event in said] == ["", ""]
    assert len({event.event_id for event in said}) == 2


def test_ends(events: EventMaker) -> None:
    same(events.ended(PREDICTIONS, 0).value, "import_ended_predictions")
    truth = EventMaker("default", "ds_golden", "imp_golden")
    same(truth.ended(GROUND_TRUTH, 0, unlabel_others=True).value, "import_ended_truth")


def test_the_catalog_understands_its_requests_and_tells_by_markers(catalog: Any) -> None:
    order = (
        "create_ontology",
        "create_ontology_version",
        "create_dataset",
        "commit_dataset_version",
        "create_model",
        "create_model_run",
        "begin_import",
        "end_import",
        "update_ontology",
        "update_dataset",
        "update_model",
        "update_model_run",
        "create_run_config",
        "update_run_config",
        "delete_run_config",
        "seal_model_run",
        "reopen_model_run",
        "create_project",
        "update_project",
        "delete_project",
    )
    told = apply_requests(catalog, order)
    decisions = catalog.store.collections["catalog_decisions"].values()
    outcomes = {d["request_id"].removeprefix("key-golden-"): d["outcome"] for d in decisions}
    made = ("create_", "commit_", "begin_")
    assert outcomes == {name: "created" if name.startswith(made) else "done" for name in order}
    for name in ("delete_model_run", "delete_model", "delete_dataset_version", "delete_dataset"):
        told |= apply_requests(copy.deepcopy(catalog), [name])
    told.pop("run_created", None)
    for what, event in told.items():
        expected = golden(f"marker_{what}")
        assert (event.producer, event.schema_version) == (expected.producer, expected.schema_version)
        event.marker.source_offset = expected.marker.source_offset
        assert event.marker == expected.marker


def test_a_new_run_is_told_with_its_classes(catalog: Any) -> None:
    names = ("create_ontology", "create_ontology_version", "create_dataset", "create_model", "create_model_run")
    marker = apply_requests(catalog, names)["run_created"].marker
    marker.source_offset = 17
    assert marker == golden("marker_run_created_classes").marker


def test_an_import_may_have_a_name(catalog: Any) -> None:
    names = ["create_ontology", "create_ontology_version", "create_dataset", "create_model", "create_model_run"]
    apply_requests(catalog, [*names, "begin_import", "begin_import_named"])
    imports = catalog.store.collections["imports"].values()
    assert {each["import_id"]: each["name"] for each in imports} == {
        "imp_golden": None,
        "imp_named": "époque 12.ndjson",
    }


def test_an_import_that_fails_is_told(catalog: Any) -> None:
    names = ["create_ontology", "create_ontology_version", "create_dataset", "create_model", "create_model_run"]
    names += ["begin_import", "end_import_failed"]
    deleted = copy.deepcopy(catalog)
    marker = apply_requests(catalog, names)["import_failed"].marker
    marker.source_offset = 17
    assert marker == golden("marker_import_failed").marker

    names[-1] = "delete_model_run"
    marker = apply_requests(deleted, names)["runs_deleted"].marker
    marker.source_offset = 17
    assert marker == golden("marker_runs_deleted_import").marker


def apply_requests(catalog: Any, names: Iterable[str]) -> dict[str, Event]:
    """Apply golden requests; the last marker of each kind that they gave rise to."""
    told: dict[str, Event] = {}
    for name in names:
        event = golden(f"catalog_{name}")
        outcome = catalog.apply((CATALOG, event.project_id, event))
        assert not outcome.refused
        told |= {e.event.marker.WhichOneof("what"): e.event for e in outcome.events}
    return told


def test_rows_understand_what_they_read(rows: Any) -> None:
    key = row_key("default", "ds_golden", KEY)
    for topic, name in (
        (DATA_ROWS, "data_row_upserted"),
        (GROUND_TRUTH, "ground_truth_replaced"),
        (GROUND_TRUTH, "import_ended_truth"),
        (GROUND_TRUTH, "marker_version_committed"),
        (GROUND_TRUTH, "ground_truth_replaced_empty"),
    ):
        event = golden(name)
        keyed = event.WhichOneof("payload") in ("data_row_upserted", "ground_truth_replaced")
        assert not rows.apply((topic, key if keyed else "default", event)).refused
    row = rows.store.collections["data_rows"][key]
    assert (row["width"], row["split"], row["metadata"]) == (640, "validation", {"light": "dusk", "density": 0.5})
    assert [(i["from"], i["to"], i["ordinal"]) for i in row["labelled"]] == [(1, 2, -7), (2, None, -7)]


@pytest.mark.parametrize(
    ("cause", "name"), [(DATA_ROWS, "marker_row_ordered"), (GROUND_TRUTH, "marker_row_ordered_cleared")]
)
def test_rows_tell_the_order_of_truth(rows: Any, cause: str, name: str) -> None:
    """A row moves after its truth came; truth says a place that its row doesn't have."""
    key = row_key("default", "ds_golden", KEY)
    truth, row = golden("ground_truth_replaced"), golden("data_row_upserted")
    if cause == DATA_ROWS:
        truth.ground_truth_replaced.ordinal = 1
        rows.apply((GROUND_TRUTH, key, truth))
    else:
        row.data_row_upserted.ClearField("ordinal")
        rows.apply((DATA_ROWS, key, row))
    rows.offsets[cause] = 41
    outcome = rows.apply((cause, key, row if cause == DATA_ROWS else truth))
    assert [(out.topic, out.key, out.partition) for out in outcome.events] == [(GROUND_TRUTH, key, 0)]
    assert outcome.events[0].event.marker == golden(name).marker
    assert not rows.apply((GROUND_TRUTH, key, golden(name))).refused
