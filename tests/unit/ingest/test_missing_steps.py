"""What is decided where a step is missing, or a row goes: the catalog's side of it."""

from __future__ import annotations

from typing import Any

import pytest

from services.ingest.handlers.decisions import ROW_DELETION, TRUTH_REMOVAL
from sightline.wire.events.v1.catalog_pb2 import (
    BeginImport,
    CommitDatasetVersion,
    CreateDataset,
    CreateModel,
    CreateModelRun,
    CreateOntology,
    CreateOntologyVersion,
    EndImport,
    OntologyClass,
)


@pytest.fixture
def bare(catalog: Any) -> Any:
    """A dataset and a model whose ontology has no classes yet."""
    catalog.ask(create_ontology=CreateOntology(ontology_id="o", name="o"))
    catalog.ask(create_dataset=CreateDataset(dataset_id="d", name="d", ontology_id="o"))
    catalog.ask(create_model=CreateModel(model_id="m", name="m", ontology_id="o"))
    return catalog


def test_a_run_needs_classes_and_the_same_request_is_granted_once_they_are_there(bare: Any):
    ask = {"create_model_run": CreateModelRun(run_id="r", name="r", model_id="m", dataset_id="d")}
    refused = bare.ask(id="once", **ask)
    assert (refused["status"], refused["problem"], refused["body"]["missing"]) == (409, "step-missing", "classes")
    assert refused["body"]["next"]["http"] == "POST /v1/ontologies/{ontology_id}/versions"
    classes = [OntologyClass(name="car", kind="box")]
    bare.ask(create_ontology_version=CreateOntologyVersion(ontology_id="o", classes=classes))
    assert bare.ask(id="once", **ask)["status"] == 201


def digests(catalog: Any) -> list[str | None]:
    """Of the draft, and of version 1."""
    stored = catalog.store.collections
    return [stored["datasets"]["default/d"]["draft_digest"], stored["dataset_versions"]["default/d/1"]["truth_digest"]]


@pytest.mark.parametrize(("format", "left"), [(ROW_DELETION, [None, None]), (TRUTH_REMOVAL, [None, "abc"])])
def test_digests_hold_no_more_for_what_lost_a_row(bare: Any, format: str, left: list[str | None]):
    for n in (1, 2):
        bare.ask(begin_import=BeginImport(import_id=f"i{n}", dataset_id="d", format="coco"))
        bare.ask(end_import=EndImport(import_id=f"i{n}", truth_digest="abc"))
        if n == 1:
            bare.ask(commit_dataset_version=CommitDatasetVersion(dataset_id="d"))
    assert digests(bare) == ["abc", "abc"]
    bare.ask(begin_import=BeginImport(import_id="x", dataset_id="d", format=format))
    assert bare.ask(commit_dataset_version=CommitDatasetVersion(dataset_id="d"))["problem"] == "import-open"
    bare.ask(end_import=EndImport(import_id="x", accepted=1))
    assert digests(bare) == left
