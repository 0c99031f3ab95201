"""Models, which have runs."""

from __future__ import annotations

from services.ingest.handlers.catalog_state import MODEL_RUNS, MODELS, ONTOLOGIES, CatalogState
from services.ingest.handlers.decisions.decision import Decision, Place, absent, fail_open_imports, shown, taken
from services.ingest.handlers.decisions.runs import drop_runs
from sightline.domain.steps import MODEL, ONTOLOGY
from sightline.wire.events.v1.catalog_pb2 import CreateModel, DeleteModel, UpdateModel
from sightline.wire.events.v1.markers_pb2 import Marker, RunsDeleted


def create_model(catalog: CatalogState, at: Place, ask: CreateModel) -> Decision:
    """Make a model."""
    if there := catalog.named(MODELS, at.project_id, ask.name):
        return taken("a model of this name exists", there["model_id"])
    if catalog.get(ONTOLOGIES, at.project_id, ask.ontology_id) is None:
        return absent(ONTOLOGY)
    body = {"model_id": ask.model_id, "name": ask.name, "ontology_id": ask.ontology_id}
    catalog.put(
        MODELS,
        {
            "_id": f"{at.project_id}/{ask.model_id}",
            "project_id": at.project_id,
            **body,
            "created_unix_ms": at.time_unix_ms,
            "source_offset": at.offset,
        },
    )
    return Decision("created", 201, body)


def update_model(catalog: CatalogState, at: Place, ask: UpdateModel) -> Decision:
    """Give a model another name."""
    model = catalog.get(MODELS, at.project_id, ask.model_id)
    if model is None:
        return absent(MODEL)
    there = catalog.named(MODELS, at.project_id, ask.name)
    if there is not None and there["_id"] != model["_id"]:
        return taken("a model of this name exists", there["model_id"])
    renamed = {**model, "name": ask.name}
    catalog.put(MODELS, renamed)
    return Decision("done", 200, shown(renamed, "model_id", "name", "ontology_id"))


def delete_model(catalog: CatalogState, at: Place, ask: DeleteModel) -> Decision:
    """Delete a model with its runs. What they predicted goes by the marker."""
    model = catalog.get(MODELS, at.project_id, ask.model_id)
    if model is None:
        return absent(MODEL)
    runs = catalog.find(MODEL_RUNS, project_id=at.project_id, model_id=ask.model_id)
    reason = "the model was deleted"
    failed = [id for run in runs for id in fail_open_imports(catalog, at, reason, run_id=run["run_id"])]
    run_ids = drop_runs(catalog, runs)
    catalog.delete(MODELS, model)
    deleted = RunsDeleted(run_ids=run_ids, failed_imports=failed)
    marker = Marker(source_offset=at.offset, runs_deleted=deleted) if run_ids else None
    return Decision("done", 200, {"model_id": ask.model_id, "deleted_runs": len(run_ids)}, marker=marker)
