"""Things of the catalog are renamed, sealed and deleted: what goes with them, what stands in the way, who is told."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS
from sightline.wire.events.v1.catalog_pb2 import (
    BeginImport,
    CommitDatasetVersion,
    CreateDataset,
    CreateModel,
    CreateModelRun,
    CreateOntology,
    CreateRunConfig,
    DeleteDataset,
    DeleteDatasetVersion,
    DeleteModel,
    DeleteModelRun,
    DeleteOntology,
    DeleteRunConfig,
    EndImport,
    OntologyClass,
    ReopenModelRun,
    SealModelRun,
    UpdateDataset,
    UpdateModel,
    UpdateModelRun,
    UpdateOntology,
    UpdateRunConfig,
)
from sightline.wire.events.v1.data_rows_pb2 import SPLIT_TEST, SPLIT_VALIDATION
from tests.unit.ingest.conftest import PARTITIONS

CREATED, DONE, EXISTS = ("created", 201, ""), ("done", 200, ""), ("exists", 200, "")
NOT_FOUND, TAKEN = ("refused", 404, "not-found"), ("conflict", 409, "name-taken")
NOT_NOW, INVALID = ("refused", 409, "not-now"), ("refused", 422, "invalid-request")
IMPORT_OPEN = ("conflict", 409, "import-open")


def outcome(decision: Any) -> tuple[str, int, str]:
    return decision["outcome"], decision["status"], decision["problem"]


@pytest.fixture
def made(catalog: Any) -> Any:
    """One ontology, two datasets (version 1 of the first is committed), two models, runs on versions 1 and 2."""
    classes = [OntologyClass(name="car", kind="box"), OntologyClass(name="person", kind="box")]
    catalog.ask(create_ontology=CreateOntology(ontology_id="o", name="street", classes=classes))
    for id, name in (("d", "crossings"), ("e", "alleys")):
        catalog.ask(create_dataset=CreateDataset(dataset_id=id, name=name, ontology_id="o"))
    catalog.ask(commit_dataset_version=CommitDatasetVersion(dataset_id="d"))
    for id, name in (("m", "yolo"), ("n", "detr")):
        catalog.ask(create_model=CreateModel(model_id=id, name=name, ontology_id="o"))
    for id, model, version in (("r1", "m", 1), ("r2", "m", 2), ("s1", "n", 1)):
        ask = CreateModelRun(run_id=id, name=id, model_id=model, dataset_id="d", dataset_version=version)
        assert outcome(catalog.ask(create_model_run=ask)) == CREATED
    return catalog


def ids(catalog: Any, collection: str) -> set[str]:
    return {id.removeprefix("default/") for id in catalog.store.collections[collection]}


def told(catalog: Any) -> tuple[str, set[tuple[str, int]], Any]:
    """What the last request told, and which partitions of which topics."""
    markers = {event.event.marker.SerializeToString(): event.event.marker for event in catalog.markers}
    assert len(markers) == 1
    (marker,) = markers.values()
    what = marker.WhichOneof("what")
    return what, {(event.topic, event.partition) for event in catalog.markers}, getattr(marker, what)


def everywhere(*topics: str) -> set[tuple[str, int]]:
    return set(itertools.product(topics, range(PARTITIONS)))


def test_things_get_other_names(made: Any) -> None:
    assert made.ask(update_dataset=UpdateDataset(dataset_id="d", name="squares"))["body"]["name"] == "squares"
    assert outcome(made.ask(update_dataset=UpdateDataset(dataset_id="e", name="squares"))) == TAKEN
    assert outcome(made.ask(update_dataset=UpdateDataset(dataset_id="e", name="crossings"))) == DONE
    assert outcome(made.ask(update_dataset=UpdateDataset(dataset_id="d", name="squares"))) == DONE, "its own name"
    assert outcome(made.ask(update_model=UpdateModel(model_id="m", name="detr"))) == TAKEN
    assert outcome(made.ask(update_ontology=UpdateOntology(ontology_id="o", name="roads"))) == DONE
    assert outcome(made.ask(update_model_run=UpdateModelRun(run_id="r1", name="r2"))) == TAKEN
    assert outcome(made.ask(update_model_run=UpdateModelRun(run_id="r1", name="s1"))) == DONE, "of another model"


def test_names_may_be_swapped_at_once(made: Any) -> None:
    names = (("m", "for a moment"), ("n", "yolo"), ("m", "detr"))
    made.ask_all(*(("default", None, {"update_model": UpdateModel(model_id=id, name=name)}) for id, name in names))
    models = made.store.collections["models"]
    assert {id: model["name"] for id, model in models.items()} == {"default/m": "detr", "default/n": "yolo"}


def test_a_run_gets_another_config_and_keeps_what_is_not_said(made: Any) -> None:
    changed = made.ask(update_model_run=UpdateModelRun(run_id="r1", config_json=b'{"epochs": 3}'))["body"]
    assert (changed["name"], changed["config"]) == ("r1", {"epochs": 3})
    assert outcome(made.ask(update_model_run=UpdateModelRun(run_id="r1", config_json=b"[]"))) == INVALID
    assert outcome(made.ask(update_model_run=UpdateModelRun(run_id="r1", config_json=b"{"))) == INVALID


def test_a_saved_config_is_copied_into_runs(made: Any) -> None:
    save = CreateRunConfig(run_config_id="c", name="small", config_json=b'{"epochs": 3}')
    assert outcome(made.ask(create_run_config=save)) == CREATED
    assert outcome(made.ask(create_run_config=CreateRunConfig(run_config_id="c2", name="small"))) == TAKEN
    ask = CreateModelRun(run_id="r3", name="r3", model_id="m", dataset_id="d", run_config_id="c")
    assert made.ask(create_model_run=ask)["body"]["config"] == {"epochs": 3}
    both = CreateModelRun(run_id="r4", name="r4", model_id="m", dataset_id="d", run_config_id="c", config_json=b"{}")
    assert outcome(made.ask(create_model_run=both)) == INVALID
    change = UpdateRunConfig(run_config_id="c", name="smaller", config_json=b'{"epochs": 1}')
    assert outcome(made.ask(update_run_config=change)) == DONE
    assert made.store.collections["run_configs"]["default/c"]["config"] == {"epochs": 1}
    assert made.store.collections["model_runs"]["default/r3"]["config"] == {"epochs": 3}
    assert outcome(made.ask(create_run_config=CreateRunConfig(run_config_id="c2", name="small"))) == CREATED
    assert outcome(made.ask(update_run_config=UpdateRunConfig(run_config_id="c2", name="smaller"))) == TAKEN
    assert outcome(made.ask(update_run_config=UpdateRunConfig(run_config_id="c2", config_json=b"[]"))) == INVALID
    assert outcome(made.ask(update_run_config=UpdateRunConfig(run_config_id="none"))) == NOT_FOUND
    assert outcome(made.ask(delete_run_config=DeleteRunConfig(run_config_id="c"))) == DONE
    assert outcome(made.ask(delete_run_config=DeleteRunConfig(run_config_id="c"))) == NOT_FOUND
    assert made.store.collections["model_runs"]["default/r3"]["config"] == {"epochs": 3}


def test_a_run_has_a_scope_and_its_classes_are_told(made: Any) -> None:
    splits = [SPLIT_TEST, SPLIT_VALIDATION, SPLIT_TEST]
    ask = CreateModelRun(run_id="r3", name="r3", model_id="m", dataset_id="d", splits=splits, accepts_new_rows=True)
    body = made.ask(create_model_run=ask)["body"]
    assert (body["dataset_version"], body["splits"], body["accepts_new_rows"]) == (2, ["test", "validation"], True)
    what, where, marker = told(made)
    assert (what, where) == ("run_created", everywhere(PREDICTIONS, DATA_ROWS))
    assert marker.highest_class_id == 2
    assert (list(marker.splits), marker.accepts_new_rows) == ([SPLIT_VALIDATION, SPLIT_TEST], True)


def test_a_sealed_run_takes_nothing_until_it_is_reopened(made: Any) -> None:
    begin = {"begin_import": BeginImport(import_id="i", run_id="r1", format="coco")}
    made.ask(**begin)
    assert outcome(made.ask(seal_model_run=SealModelRun(run_id="r1"))) == IMPORT_OPEN
    made.ask(end_import=EndImport(import_id="i"))
    assert made.ask(seal_model_run=SealModelRun(run_id="r1"))["body"]["state"] == "sealed"
    assert told(made)[:2] == ("run_sealed", everywhere(PREDICTIONS))
    assert outcome(made.ask(seal_model_run=SealModelRun(run_id="r1"))) == EXISTS
    assert not made.markers
    assert outcome(made.ask(begin_import=BeginImport(import_id="j", run_id="r1", format="coco"))) == NOT_NOW
    assert made.ask(reopen_model_run=ReopenModelRun(run_id="r1"))["body"]["state"] == "open"
    assert told(made)[:2] == ("run_reopened", everywhere(PREDICTIONS))
    assert outcome(made.ask(begin_import=BeginImport(import_id="j", run_id="r1", format="coco"))) == CREATED


def test_a_deleted_run_is_gone_and_its_imports_fail(made: Any) -> None:
    made.ask(begin_import=BeginImport(import_id="i", run_id="r1", format="coco"))
    assert outcome(made.ask(delete_model_run=DeleteModelRun(run_id="r1"))) == DONE
    what, where, marker = told(made)
    assert (what, where, list(marker.run_ids)) == ("runs_deleted", everywhere(PREDICTIONS, DATA_ROWS), ["r1"])
    failed = made.store.collections["imports"]["default/i"]
    assert (failed["state"], failed["failure"]) == ("FAILED", "the run was deleted")
    assert outcome(made.ask(delete_model_run=DeleteModelRun(run_id="r1"))) == NOT_FOUND
    again = CreateModelRun(run_id="r9", name="r1", model_id="m", dataset_id="d", dataset_version=1)
    assert outcome(made.ask(create_model_run=again)) == CREATED, "its name is free"


def test_a_model_takes_its_runs_along(made: Any) -> None:
    assert made.ask(delete_model=DeleteModel(model_id="m"))["body"]["deleted_runs"] == 2
    assert (ids(made, "models"), ids(made, "model_runs")) == ({"n"}, {"s1"})
    assert list(told(made)[2].run_ids) == ["r1", "r2"]
    made.ask(delete_model_run=DeleteModelRun(run_id="s1"))
    made.ask(delete_model=DeleteModel(model_id="n"))
    assert not made.markers, "nobody has to hear of a model without runs"


def test_a_version_takes_its_runs_along_and_its_number_never_returns(made: Any) -> None:
    drop = {"delete_dataset_version": DeleteDatasetVersion(dataset_id="d", dataset_version=1)}
    assert made.ask(**drop)["body"] == {"dataset_id": "d", "version": 1, "deleted_runs": 2}
    what, where, marker = told(made)
    assert (what, where) == ("version_deleted", everywhere(GROUND_TRUTH, PREDICTIONS, DATA_ROWS))
    assert list(marker.run_ids) == ["r1", "s1"]
    assert (ids(made, "dataset_versions"), ids(made, "model_runs")) == (set(), {"r2"})
    assert outcome(made.ask(**drop)) == NOT_FOUND
    on_it = CreateModelRun(run_id="r3", name="r3", model_id="m", dataset_id="d", dataset_version=1)
    assert outcome(made.ask(create_model_run=on_it)) == INVALID
    draft = DeleteDatasetVersion(dataset_id="d", dataset_version=2)
    assert outcome(made.ask(delete_dataset_version=draft)) == NOT_NOW
    assert made.ask(commit_dataset_version=CommitDatasetVersion(dataset_id="d"))["body"]["version"] == 2


def test_a_dataset_takes_everything_along(made: Any) -> None:
    made.ask(begin_import=BeginImport(import_id="i", dataset_id="d", format="coco"))
    assert made.ask(delete_dataset=DeleteDataset(dataset_id="d"))["body"]["deleted_runs"] == 3
    what, where, marker = told(made)
    assert (what, where) == ("dataset_deleted", everywhere(GROUND_TRUTH, PREDICTIONS, DATA_ROWS))
    assert list(marker.run_ids) == ["r1", "r2", "s1"]
    assert (ids(made, "datasets"), ids(made, "dataset_versions"), ids(made, "model_runs")) == ({"e"}, set(), set())
    ended = made.ask(end_import=EndImport(import_id="i", accepted=5))
    assert (outcome(ended), ended["body"]["state"]) == (EXISTS, "FAILED"), "whoever ends it first ends it"
    again = CreateDataset(dataset_id="d9", name="crossings", ontology_id="o")
    assert outcome(made.ask(create_dataset=again)) == CREATED, "its name is free"


def test_an_ontology_in_use_stays(made: Any) -> None:
    drop = {"delete_ontology": DeleteOntology(ontology_id="o")}
    assert outcome(made.ask(**drop)) == NOT_NOW
    for id in "de":
        made.ask(delete_dataset=DeleteDataset(dataset_id=id))
    assert outcome(made.ask(**drop)) == NOT_NOW, "models have it too"
    for id in "mn":
        made.ask(delete_model=DeleteModel(model_id=id))
    assert outcome(made.ask(**drop)) == DONE
    assert outcome(made.ask(**drop)) == NOT_FOUND


@pytest.mark.parametrize(
    "ask",
    [
        {"update_dataset": UpdateDataset(dataset_id="x", name="x")},
        {"delete_dataset": DeleteDataset(dataset_id="x")},
        {"delete_dataset_version": DeleteDatasetVersion(dataset_id="x", dataset_version=1)},
        {"update_ontology": UpdateOntology(ontology_id="x", name="x")},
        {"update_model": UpdateModel(model_id="x", name="x")},
        {"delete_model": DeleteModel(model_id="x")},
        {"update_model_run": UpdateModelRun(run_id="x", name="x")},
        {"seal_model_run": SealModelRun(run_id="x")},
        {"reopen_model_run": ReopenModelRun(run_id="x")},
    ],
)
def test_what_is_not_there_cannot_change(made: Any, ask: Any) -> None:
    assert outcome(made.ask(**ask)) == NOT_FOUND
    assert not made.markers
