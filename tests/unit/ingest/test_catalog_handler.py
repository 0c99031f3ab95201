"""What catalog requests come to. Numbers in names are those of the traces that break weaker forms."""

from __future__ import annotations

from typing import Any

import pytest

from services.common.eventlog.topics import GROUND_TRUTH, PREDICTIONS
from services.ingest.handlers.decisions import DATA_ROWS_FORMAT
from sightline.wire.events.v1.catalog_pb2 import (
    BeginImport,
    CommitDatasetVersion,
    CreateDataset,
    CreateModel,
    CreateModelRun,
    CreateOntology,
    CreateOntologyVersion,
    CreateProject,
    DeleteDatasetVersion,
    EndImport,
    OntologyClass,
)
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_REPLACE, IMPORT_MODE_UPSERT


def box(*names: str) -> list[OntologyClass]:
    return [OntologyClass(name=name, kind="box") for name in names]


ONTOLOGY = {"create_ontology": CreateOntology(ontology_id="o", name="street", classes=box("car", "person"))}
DATASET = {"create_dataset": CreateDataset(dataset_id="d", name="crossings", ontology_id="o")}
MODEL = {"create_model": CreateModel(model_id="m", name="yolo", ontology_id="o")}
COMMIT = {"commit_dataset_version": CommitDatasetVersion(dataset_id="d")}


def run(id: str = "r", name: str = "epoch 1", **other: Any) -> dict[str, Any]:
    given = {"model_id": "m", "dataset_id": "d", "dataset_version": 1, **other}
    return {"create_model_run": CreateModelRun(run_id=id, name=name, **given)}


def begin_truth(id: str) -> dict[str, Any]:
    return {"begin_import": BeginImport(import_id=id, dataset_id="d", format="coco")}


def begin(id: str, mode: Any = IMPORT_MODE_REPLACE, run_id: str = "r") -> dict[str, Any]:
    return {"begin_import": BeginImport(import_id=id, run_id=run_id, mode=mode, format="coco")}


def end(id: str, **said: Any) -> dict[str, Any]:
    return {"end_import": EndImport(import_id=id, **said)}


@pytest.fixture
def made(catalog: Any) -> Any:
    for what in (ONTOLOGY, DATASET, MODEL):
        assert catalog.ask(**what)["outcome"] == "created"
    return catalog


def outcome(decision: dict[str, Any]) -> tuple[str, int, str]:
    return decision["outcome"], decision["status"], decision["problem"]


def test_class_ids_count_from_1_and_never_return(catalog: Any) -> None:
    made = catalog.ask(**ONTOLOGY)
    assert made["body"]["classes"] == [
        {"id": 1, "name": "car", "kind": "box"},
        {"id": 2, "name": "person", "kind": "box"},
    ]
    more = catalog.ask(
        create_ontology_version=CreateOntologyVersion(ontology_id="o", classes=box("bus", "car", "tram"))
    )
    assert [(c["id"], c["name"]) for c in more["body"]["classes"]] == [
        (1, "car"),
        (2, "person"),
        (3, "bus"),
        (4, "tram"),
    ]
    assert more["body"]["version"] == 2
    same = catalog.ask(create_ontology_version=CreateOntologyVersion(ontology_id="o", classes=box("tram")))
    assert outcome(same) == ("exists", 200, "")
    assert same["body"] == more["body"]


def test_classes_that_can_not_be(catalog: Any) -> None:
    twice = catalog.ask(create_ontology=CreateOntology(ontology_id="x", name="x", classes=box("a", "a")))
    assert outcome(twice) == ("refused", 422, "invalid-request")
    blob = OntologyClass(name="a", kind="blob")
    assert outcome(catalog.ask(create_ontology=CreateOntology(ontology_id="x", name="x", classes=[blob])))[1] == 422


def test_names_are_decided_by_the_order_of_the_log(catalog: Any) -> None:
    catalog.ask(**ONTOLOGY)
    other = {"create_dataset": CreateDataset(dataset_id="d2", name="crossings", ontology_id="o")}
    first, second = catalog.ask_all(("default", None, DATASET), ("default", None, other))
    assert outcome(first) == ("created", 201, "")
    assert outcome(second) == ("conflict", 409, "name-taken")
    assert second["body"] == {"existing_id": "d"}
    later = catalog.ask(**other)
    assert later["body"] == {"existing_id": "d"}


def test_projects_do_not_see_each_other(made: Any) -> None:
    made.ask(create_project=CreateProject(project_id="other", name="other"))
    assert outcome(made.ask(project="other", **DATASET)) == ("refused", 404, "not-found")
    assert outcome(made.ask(project="other", **ONTOLOGY)) == ("created", 201, "")
    assert outcome(made.ask(project="other", **COMMIT)) == ("refused", 404, "not-found")


def test_the_same_request_again_gets_the_same_decision(made: Any) -> None:
    first = made.ask(id="key", **COMMIT)
    markers = made.markers
    assert first["body"]["version"] == 1
    again = made.ask(id="key", **COMMIT)
    assert again == first
    assert len(markers) == 2
    assert made.markers == []
    one, other = made.ask_all(("default", "k2", COMMIT), ("default", "k2", COMMIT))
    assert one == other
    assert made.store.collections["datasets"]["default/d"]["draft"] == 3


def test_what_time_may_solve_is_decided_anew(made: Any) -> None:
    made.ask(**begin_truth("i1"))
    assert outcome(made.ask(id="key", **begin_truth("i2"))) == ("conflict", 409, "import-open")
    made.ask(**end("i1"))
    assert outcome(made.ask(id="key", **begin_truth("i2"))) == ("created", 201, "")


def test_names_of_things_that_are_not_there(made: Any) -> None:
    nothing = "nothing"
    for what in (
        {"create_dataset": CreateDataset(dataset_id="x", name="x", ontology_id=nothing)},
        {"create_model": CreateModel(model_id="x", name="x", ontology_id=nothing)},
        {"create_ontology_version": CreateOntologyVersion(ontology_id=nothing)},
        {"commit_dataset_version": CommitDatasetVersion(dataset_id=nothing)},
        run(model_id=nothing),
        run(dataset_id=nothing),
        begin("i", run_id=nothing),
        {"begin_import": BeginImport(import_id="i", dataset_id=nothing, format="coco")},
        end(nothing),
    ):
        assert outcome(made.ask(**what)) == ("refused", 404, "not-found"), what


def test_3_a_commit_tells_every_partition_of_the_truth(made: Any) -> None:
    """Answered when its outbox is out: what the client sends next comes after the marker wherever it goes."""
    committed = made.ask(**COMMIT)
    assert outcome(committed) == ("created", 201, "")
    assert [(m.topic, m.partition) for m in made.markers] == [(GROUND_TRUTH, 0), (GROUND_TRUTH, 1)]
    for told in made.markers:
        marker = told.event.marker
        assert marker.source_offset == committed["source_offset"]
        assert (marker.version_committed.dataset_id, marker.version_committed.dataset_version) == ("d", 1)
        assert told.key == "default"
    assert len({told.event.event_id for told in made.markers}) == 2
    assert made.store.collections["datasets"]["default/d"]["draft"] == 2


def test_4_a_commit_is_refused_while_truth_is_imported(made: Any) -> None:
    made.ask(**begin_truth("i"))
    assert outcome(made.ask(**COMMIT)) == ("conflict", 409, "import-open")
    assert made.markers == []
    assert made.ask(**end("i"))["body"]["state"] == "FINISHED"
    assert outcome(made.ask(**COMMIT)) == ("created", 201, "")


def test_4_begin_and_commit_in_one_batch_count_in_their_order(made: Any) -> None:
    began, refused, _, committed, later = made.ask_all(
        ("default", None, begin_truth("i")),
        ("default", None, COMMIT),
        ("default", None, end("i")),
        ("default", None, COMMIT),
        ("default", None, begin_truth("j")),
    )
    assert began["body"]["dataset_version"] == 1
    assert refused["problem"] == "import-open"
    assert committed["body"]["version"] == 1
    assert later["body"]["dataset_version"] == 2, "what follows the commit belongs to the next draft"


def test_5_markers_carry_their_place_at_the_source(made: Any) -> None:
    first, second = made.ask(**COMMIT), None
    one = made.markers[0].event.marker.source_offset
    second = made.ask(**COMMIT)
    two = made.markers[0].event.marker.source_offset
    assert (one, two) == (first["source_offset"], second["source_offset"])
    assert one < two


def test_6_a_run_tells_every_partition_of_the_predictions(made: Any) -> None:
    made.ask(**COMMIT)
    created = made.ask(**run(config_json=b'{"lr": 0.1}'))
    assert created["body"]["config"] == {"lr": 0.1}
    assert [(m.topic, m.partition) for m in made.markers] == [(PREDICTIONS, 0), (PREDICTIONS, 1)]
    marker = made.markers[0].event.marker
    assert (marker.run_created.run_id, marker.run_created.dataset_id, marker.run_created.dataset_version) == (
        "r",
        "d",
        1,
    )
    assert marker.source_offset == created["source_offset"]


def test_a_run_pins_versions_that_are_there(made: Any) -> None:
    assert outcome(made.ask(**run(dataset_version=2))) == ("refused", 422, "invalid-request")
    assert outcome(made.ask(**run(ontology_version=2))) == ("refused", 422, "invalid-request")
    assert made.ask(**run("r0", "of the draft", dataset_version=0))["body"]["dataset_version"] == 1, (
        "the draft may be measured, too"
    )
    assert made.ask(**run())["body"]["ontology_version"] == 1
    made.ask(create_ontology=CreateOntology(ontology_id="o2", name="another", classes=box("car")))
    made.ask(create_model=CreateModel(model_id="m2", name="of another ontology", ontology_id="o2"))
    assert outcome(made.ask(**run("r2", model_id="m2"))) == ("refused", 422, "invalid-request")


def test_run_names_are_unique_per_model(made: Any) -> None:
    made.ask(**run())
    assert made.ask(**run("r2"))["body"] == {"existing_id": "r"}
    made.ask(create_model=CreateModel(model_id="m2", name="other", ontology_id="o"))
    assert outcome(made.ask(**run("r2", model_id="m2")))[0] == "created"


def test_one_replacing_import_of_a_run_at_a_time(made: Any) -> None:
    made.ask(**run())
    assert made.ask(**begin("i1"))["body"]["mode"] == "replace"
    assert made.ask(**begin("i2"))["body"] == {"existing_id": "i1"}
    assert outcome(made.ask(**begin("i3", IMPORT_MODE_UPSERT)))[0] == "created"
    made.ask(**end("i3"))
    assert made.ask(**begin("i2"))["problem"] == "import-open", "an end releases its own import only"
    failed = made.ask(**end("i1", failure="broke off", accepted=7, rejected=1))
    assert (failed["body"]["state"], failed["body"]["failure"], failed["body"]["accepted"]) == (
        "FAILED",
        "broke off",
        7,
    )
    assert outcome(made.ask(**begin("i4")))[0] == "created"


def test_whoever_ends_an_import_first_ends_it(made: Any) -> None:
    made.ask(**begin_truth("i"))
    made.ask(**end("i", failure="its process is gone"))
    late = made.ask(**end("i", truth_digest="abc", accepted=9))
    assert outcome(late) == ("exists", 200, "")
    assert late["body"]["state"] == "FAILED"
    assert made.store.collections["datasets"]["default/d"]["draft_digest"] is None


def test_a_version_has_the_digest_of_a_whole_import(made: Any) -> None:
    def digest(version: int) -> str | None:
        return made.store.collections["dataset_versions"][f"default/d/{version}"]["truth_digest"]

    made.ask(**begin_truth("i"))
    made.ask(**end("i", truth_digest="abc", category_classes={18: 1, 3: 2}))
    made.ask(**COMMIT)
    assert digest(1) == "abc"
    assert made.store.collections["dataset_versions"]["default/d/1"]["categories"] == {"3": 2, "18": 1}
    made.ask(**COMMIT)
    assert digest(2) == "abc", "the next draft begins with the same truth"
    made.ask(**begin_truth("j"))
    made.ask(**end("j", failure="broke off"))
    made.ask(**COMMIT)
    assert digest(3) is None, "half an import may be in it"


def test_an_import_of_rows_keeps_nobody_from_the_draft(made: Any) -> None:
    rows = {"begin_import": BeginImport(import_id="i", dataset_id="d", format=DATA_ROWS_FORMAT)}
    assert outcome(made.ask(**rows))[0] == "created"
    assert outcome(made.ask(**begin_truth("j")))[0] == "created"
    made.ask(**end("j", truth_digest="abc"))
    assert outcome(made.ask(**COMMIT))[0] == "created"
    made.ask(**end("i"))
    assert made.store.collections["datasets"]["default/d"]["draft_digest"] == "abc"


def test_end_offsets_are_kept_per_partition(made: Any) -> None:
    made.ask(**run())
    made.ask(**begin("i"))
    assert made.ask(**end("i", end_offsets={0: 5, 1: 0}))["body"]["end_offsets"] == {"0": 5, "1": 0}


def test_committing_a_version_by_number(made: Any) -> None:
    numbered = {"commit_dataset_version": CommitDatasetVersion(dataset_id="d", dataset_version=1)}
    assert outcome(made.ask(**numbered)) == ("created", 201, "")
    assert outcome(made.ask(**numbered)) == ("exists", 200, "")
    assert made.markers == []
    ahead = {"commit_dataset_version": CommitDatasetVersion(dataset_id="d", dataset_version=3)}
    assert outcome(made.ask(**ahead)) == ("refused", 409, "not-now")
    made.ask(delete_dataset_version=DeleteDatasetVersion(dataset_id="d", dataset_version=1))
    assert outcome(made.ask(**numbered)) == ("refused", 409, "not-now"), "it isn't there any more"


def test_a_request_without_an_id_or_without_a_question_is_refused(catalog: Any) -> None:
    from services.common.eventlog.topics import CATALOG
    from sightline.wire.events.v1.catalog_pb2 import CatalogRequest
    from sightline.wire.events.v1.event_pb2 import Event

    for request in (CatalogRequest(), CatalogRequest(request_id="x")):
        found = catalog.apply((CATALOG, "default", Event(project_id="default", catalog_request=request)))
        assert len(found.refused) == 1
        assert not found.writes
