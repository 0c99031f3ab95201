"""Projects, to which everything else belongs. `default` is there without anybody making it."""

from __future__ import annotations

from services.ingest.handlers.catalog_state import (
    DATASETS,
    MODELS,
    ONTOLOGIES,
    PROJECTS,
    RUN_CONFIGS,
    CatalogState,
    Fields,
)
from services.ingest.handlers.decisions.decision import Decision, Place, absent, shown, taken
from sightline.domain.names import DEFAULT_PROJECT
from sightline.domain.steps import PROJECT
from sightline.wire.events.v1.catalog_pb2 import CreateProject, DeleteProject, UpdateProject

IMPLICIT: Fields = {
    "_id": DEFAULT_PROJECT,
    "project_id": DEFAULT_PROJECT,
    "name": DEFAULT_PROJECT,
    "description": "",
    "created_unix_ms": None,
    "source_offset": None,
}
"""`default`, until something is said of it."""

_HOLDS = (
    (DATASETS, "datasets", "DELETE /v1/datasets/{dataset_id}", "sightline datasets delete DATASET"),
    (MODELS, "models", "DELETE /v1/models/{model_id}", "sightline models delete MODEL"),
    (ONTOLOGIES, "ontologies", "DELETE /v1/ontologies/{ontology_id}", "sightline ontologies delete ONTOLOGY"),
    (RUN_CONFIGS, "saved configs", "DELETE /v1/run-configs/{run_config_id}", "sightline configs delete CONFIG"),
)
"""What a project can hold, in the order in which it can be deleted, and how."""


def known(catalog: CatalogState, project_id: str) -> bool:
    """Whether a project is there, so that something may be asked for in it."""
    return catalog.get(PROJECTS, project_id) is not None


def create_project(catalog: CatalogState, at: Place, ask: CreateProject) -> Decision:
    """Make a project. It holds nothing."""
    if there := catalog.named(PROJECTS, ask.name):
        return taken("a project of this name exists", there["project_id"])
    project: Fields = {
        "_id": ask.project_id,
        "project_id": ask.project_id,
        "name": ask.name,
        "description": ask.description,
        "created_unix_ms": at.time_unix_ms,
        "source_offset": at.offset,
    }
    catalog.put(PROJECTS, project)
    # From the first one on, lists of projects are read from the store: `default` has to be there too.
    catalog.put(PROJECTS, catalog.get(PROJECTS, DEFAULT_PROJECT) or IMPLICIT)
    return Decision("created", 201, _body(at, project))


def update_project(catalog: CatalogState, at: Place, ask: UpdateProject) -> Decision:
    """Give a project another name or description."""
    project = catalog.get(PROJECTS, ask.project_id)
    if project is None:
        return absent(PROJECT)
    changed = dict(project)
    if ask.HasField("name"):
        there = catalog.named(PROJECTS, ask.name)
        if there is not None and there["_id"] != project["_id"]:
            return taken("a project of this name exists", there["project_id"])
        changed["name"] = ask.name
    if ask.HasField("description"):
        changed["description"] = ask.description
    catalog.put(PROJECTS, changed)
    return Decision("done", 200, _body(at, changed))


def delete_project(catalog: CatalogState, at: Place, ask: DeleteProject) -> Decision:
    """Delete a project that holds nothing. Its id never returns."""
    if ask.project_id == DEFAULT_PROJECT:
        detail = "what names no project belongs to `default`: it can't be deleted"
        return Decision("refused", 409, {}, "default-project", detail)
    project = catalog.get(PROJECTS, ask.project_id)
    if project is None:
        return absent(PROJECT)
    holds = {what: len(catalog.find(collection, project_id=ask.project_id)) for collection, what, *_ in _HOLDS}
    for _, what, http, command in _HOLDS:
        if holds[what]:
            detail = (
                f"it holds {', '.join(f'{count} {of}' for of, count in holds.items() if count)}: delete these first"
            )
            body = {"holds": holds, "next": {"http": http, "command": command}}
            return Decision("refused", 409, body, "project-not-empty", detail)
    catalog.delete(PROJECTS, project)
    return Decision("done", 200, {"project_id": ask.project_id})


def _body(at: Place, project: Fields) -> Fields:
    return shown(project, "project_id", "name", "description") | {"current": project["project_id"] == at.project_id}
