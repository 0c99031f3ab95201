"""How each catalog request is decided. The order on the log is the order in which requests count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.ingest.handlers.catalog_state import CatalogState
from services.ingest.handlers.decisions import datasets, imports, models, ontologies, projects, runs
from services.ingest.handlers.decisions.decision import Decision, Place, absent
from services.ingest.handlers.decisions.imports import DATA_ROWS_FORMAT, ROW_DELETION, TRUTH_REMOVAL, import_body
from sightline.domain.steps import PROJECT
from sightline.wire.events.v1.catalog_pb2 import CatalogRequest

__all__ = ["DATA_ROWS_FORMAT", "ROW_DELETION", "TRUTH_REMOVAL", "Decision", "Place", "decide", "import_body"]

_DECIDE: dict[str, Callable[[CatalogState, Place, Any], Decision]] = {
    "create_project": projects.create_project,
    "update_project": projects.update_project,
    "delete_project": projects.delete_project,
    "create_ontology": ontologies.create_ontology,
    "create_ontology_version": ontologies.create_ontology_version,
    "update_ontology": ontologies.update_ontology,
    "delete_ontology": ontologies.delete_ontology,
    "create_dataset": datasets.create_dataset,
    "update_dataset": datasets.update_dataset,
    "delete_dataset": datasets.delete_dataset,
    "commit_dataset_version": datasets.commit_dataset_version,
    "delete_dataset_version": datasets.delete_dataset_version,
    "create_model": models.create_model,
    "update_model": models.update_model,
    "delete_model": models.delete_model,
    "create_model_run": runs.create_model_run,
    "update_model_run": runs.update_model_run,
    "delete_model_run": runs.delete_model_run,
    "seal_model_run": runs.seal_model_run,
    "reopen_model_run": runs.reopen_model_run,
    "create_run_config": runs.create_run_config,
    "update_run_config": runs.update_run_config,
    "delete_run_config": runs.delete_run_config,
    "begin_import": imports.begin_import,
    "end_import": imports.end_import,
}


def decide(catalog: CatalogState, at: Place, request: CatalogRequest) -> Decision | None:
    """What a request comes to; None for one of a kind that is not known here."""
    what = request.WhichOneof("what")
    if what is None:
        return None
    if not projects.known(catalog, at.project_id):
        return absent(PROJECT)
    return _DECIDE[what](catalog, at, getattr(request, what))
