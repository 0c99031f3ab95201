"""Of an import that failed all rows are told, and what it says after that makes, changes and labels none."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS
from services.common.failed_imports import MOST_FAILED
from services.ingest.handlers import RowsHandler
from sightline.wire.events.v1.catalog_pb2 import (
    BeginImport,
    CommitDatasetVersion,
    CreateDataset,
    CreateModel,
    CreateModelRun,
    CreateOntology,
    DeleteDatasetVersion,
    DeleteModel,
    DeleteModelRun,
    EndImport,
    OntologyClass,
)
from sightline.wire.events.v1.event_pb2 import Event
from tests.unit.ingest.conftest import PARTITIONS

Said = tuple[str, str, Event]


@pytest.fixture
def made(catalog: Any) -> Any:
    """A dataset whose version 1 is committed, and a run on it."""
    classes = [OntologyClass(name="car", kind="box")]
    catalog.ask(create_ontology=CreateOntology(ontology_id="o", name="o", classes=classes))
    catalog.ask(create_dataset=CreateDataset(dataset_id="d", name="d", ontology_id="o"))
    catalog.ask(commit_dataset_version=CommitDatasetVersion(dataset_id="d"))
    catalog.ask(create_model=CreateModel(model_id="m", name="m", ontology_id="o"))
    run = CreateModelRun(run_id="r", model_id="m", name="r", dataset_id="d", dataset_version=1)
    assert catalog.ask(create_model_run=run)["outcome"] == "created"
    return catalog


def begin(catalog: Any, **what: Any) -> None:
    decision = catalog.ask(begin_import=BeginImport(import_id="imp", **what))
    assert decision["outcome"] == "created"
    assert not catalog.markers


def told(catalog: Any) -> set[tuple[str, int | None]]:
    return {(outgoing.topic, outgoing.partition) for outgoing in catalog.markers}


@pytest.mark.parametrize(
    ("what", "topic"),
    [
        ({"run_id": "r", "format": "coco"}, PREDICTIONS),
        ({"dataset_id": "d", "format": "coco"}, GROUND_TRUTH),
        ({"dataset_id": "d", "format": "data-rows"}, GROUND_TRUTH),
    ],
)
def test_every_partition_of_what_it_writes_is_told(made: Any, what: dict[str, str], topic: str) -> None:
    begin(made, **what)
    assert made.ask(end_import=EndImport(import_id="imp", failure="gone"))["outcome"] == "done"
    assert told(made) == {(name, partition) for name in (topic, DATA_ROWS) for partition in range(PARTITIONS)}
    failed = {outgoing.event.marker.import_failed.import_id for outgoing in made.markers}
    assert failed == {"imp"}
    made.ask(end_import=EndImport(import_id="imp", failure="again"))
    assert not made.markers, "whoever ends it first ends it"


def test_of_one_of_which_nothing_more_can_come_nobody_is_told(made: Any) -> None:
    begin(made, run_id="r")
    made.ask(end_import=EndImport(import_id="imp", failure="a broken file", nothing_follows=True))
    assert not made.markers
    made.ask(end_import=EndImport(import_id="imp", failure="gone"))
    assert not made.markers


def test_of_one_that_finished_nobody_is_told(made: Any) -> None:
    begin(made, run_id="r")
    made.ask(end_import=EndImport(import_id="imp"))
    assert not made.markers
    made.ask(end_import=EndImport(import_id="imp", failure="late"))
    assert not made.markers
    made.ask(end_import=EndImport(import_id="imp_never", failure="gone"))
    assert not made.markers


@pytest.mark.parametrize(
    "ask",
    [
        {"delete_model_run": DeleteModelRun(run_id="r")},
        {"delete_model": DeleteModel(model_id="m")},
        {"delete_dataset_version": DeleteDatasetVersion(dataset_id="d", dataset_version=1)},
    ],
)
def test_with_what_is_deleted_its_open_imports_are_told(made: Any, ask: dict[str, Any]) -> None:
    begin(made, run_id="r", format="ndjson")
    made.ask(**ask)
    markers = [outgoing.event.marker for outgoing in made.markers if outgoing.topic == DATA_ROWS]
    assert len(markers) == PARTITIONS
    rows = RowsHandler(1)
    memory = rows.remember(0, {}).after_marker(DATA_ROWS, "default", markers[0])
    assert memory.failed_imports.stored() == {DATA_ROWS: ["imp"]}


def failed(topic: str, import_id: str, source: int) -> Said:
    event = Event(project_id="p", schema_version=1)
    event.marker.source_offset = source
    event.marker.import_failed.dataset_id, event.marker.import_failed.import_id = "d", import_id
    return topic, "p", event


def deleted(key: str, import_id: str) -> Said:
    event = Event(project_id="p", schema_version=1)
    said = event.data_row_deleted
    said.dataset_id, said.global_key, said.import_id = "d", key, import_id
    return DATA_ROWS, f"p/d/{key}", event


def removed(key: str, import_id: str) -> Said:
    event = Event(project_id="p", schema_version=1)
    said = event.ground_truth_removed
    said.dataset_id, said.global_key, said.import_id = "d", key, import_id
    return GROUND_TRUTH, f"p/d/{key}", event


def test_what_it_says_of_rows_later_changes_nothing(rows: Any) -> None:
    rows.apply(rows.data_row("a", width=1, import_id="imp"), failed(DATA_ROWS, "imp", 3))
    before = dict(rows.store.collections["data_rows"])
    outcome = rows.apply(
        rows.data_row("a", width=2, import_id="imp"),
        rows.data_row("b", only_new=True, import_id="imp"),
        deleted("a", "imp"),
    )
    assert rows.store.collections["data_rows"] == before
    assert (outcome.refused, outcome.events, outcome.passed_over) == ([], [], {"failed_import": 3})
    rows.apply(rows.data_row("a", width=3, import_id="imp_again"))
    assert rows.row("a")["width"] == 3


def test_what_it_says_of_truth_later_labels_nothing(rows: Any) -> None:
    rows.apply(rows.truth("a", "imp"), failed(GROUND_TRUTH, "imp", 3), rows.truth("b", "imp_again"))
    rows.apply(rows.ended("imp_again", unlabel_others=False), rows.committed(1, 5))
    before = dict(rows.store.collections["data_rows"])
    late = [rows.truth("a", "imp"), rows.truth("c", "imp"), removed("b", "imp"), rows.ended("imp")]
    outcome = rows.apply(*late)
    assert rows.store.collections["data_rows"] == before
    assert (outcome.refused, outcome.passed_over) == ([], {"failed_import": len(late)})


def test_each_topic_has_its_own_marker(rows: Any) -> None:
    """Between topics there is no order: who comes first must not matter."""
    rows.apply(failed(DATA_ROWS, "imp", 3), rows.truth("a", "imp"))
    assert rows.labelled("a") == [(1, None, "imp")]
    rows.apply(failed(GROUND_TRUTH, "imp", 3), rows.truth("a", "imp"), rows.data_row("a", import_id="imp"))
    assert rows.labelled("a") == [(1, None, "imp")]
    assert not rows.row("a")["known"]


def test_chunks_that_wait_for_the_rest_are_forgotten(rows: Any) -> None:
    rows.apply(rows.truth("a", "imp", chunks=2), rows.truth("b", "imp_b", chunks=2))
    rows.apply(failed(DATA_ROWS, "imp", 3))
    assert [*rows.memory.incomplete] == ["p/d/a", "p/d/b"], "they are a matter of another topic"
    rows.apply(failed(GROUND_TRUTH, "imp", 3))
    assert [*rows.memory.incomplete] == ["p/d/b"]


def test_repeats_are_counted_and_the_last_are_remembered(rows: Any) -> None:
    outcome = rows.apply(*[failed(DATA_ROWS, f"imp_{n}", n) for n in [*range(MOST_FAILED + 1), 0]])
    assert outcome.passed_over == Counter(repeat=1)
    assert len(rows.memory.failed_imports.stored()[DATA_ROWS]) == MOST_FAILED
    rows.apply(rows.data_row("a", import_id="imp_0"), rows.data_row("b", import_id="imp_1"))
    assert [*rows.store.collections["data_rows"]] == ["p/d/a"]
