"""How each catalog request is decided. The order on the log is the order in which requests count."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.ingest.handlers.catalog_state import (
    DATASET_VERSIONS,
    DATASETS,
    IMPORTS,
    MODEL_RUNS,
    MODELS,
    ONTOLOGIES,
    CatalogState,
    Fields,
)
from sightline.domain.json_values import json_fault
from sightline.domain.kinds import KINDS
from sightline.wire.events.v1.catalog_pb2 import (
    BeginImport,
    CatalogRequest,
    CommitDatasetVersion,
    CreateDataset,
    CreateModel,
    CreateModelRun,
    CreateOntology,
    CreateOntologyVersion,
    EndImport,
    OntologyClass,
)
from sightline.wire.events.v1.markers_pb2 import Marker, RunCreated, VersionCommitted
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_REPLACE, IMPORT_MODE_UPSERT

DATA_ROWS_FORMAT = "data-rows"
"""An import in this format writes no truth."""

MODES = {IMPORT_MODE_UPSERT: "upsert", IMPORT_MODE_REPLACE: "replace"}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a request came to. `status`, `problem`, `detail` and `body` make its answer; `marker` goes to all rows."""

    outcome: Literal["created", "exists", "conflict", "refused", "done"]
    status: int
    body: Fields
    problem: str = ""
    """The stable name of the problem, where there is one."""
    detail: str = ""
    marker: Marker | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Who asks, when, and where the request lies in `catalog`."""

    project_id: str
    time_unix_ms: int
    offset: int


def _refused(status: int, detail: str) -> Decision:
    """The request can't be granted as it is."""
    problem = {404: "not-found", 409: "not-now", 422: "invalid-request"}[status]
    return Decision("refused", status, {}, problem, detail)


def _taken(detail: str, existing_id: str) -> Decision:
    """Something else has the name."""
    return Decision("conflict", 409, {"existing_id": existing_id}, "name-taken", detail)


def _import_open(detail: str, import_id: str) -> Decision:
    """An import stands in the way until it ends."""
    return Decision("conflict", 409, {"existing_id": import_id}, "import-open", detail)


def _classes(classes: Iterable[OntologyClass], taken: Sequence[Fields], first_id: int) -> list[Fields] | str:
    """Classes that are not there yet, with ids; or what is wrong with them."""
    there = {c["name"]: c for c in taken}
    new: list[Fields] = []
    seen: set[str] = set()
    for number, item in enumerate(classes, 1):
        if item.kind not in KINDS:
            return f"there is no such annotation kind: known are {', '.join(sorted(KINDS))}"
        if item.name in seen:
            return f"class {number} has the name of one before it"
        seen.add(item.name)
        if item.name in there:
            if there[item.name]["kind"] != item.kind:
                return f"class {number} is there with another kind"
        else:
            new.append({"id": first_id + len(new), "name": item.name, "kind": item.kind})
    return new


def ontology_body(ontology: Fields) -> Fields:
    """An ontology as its latest version shows it."""
    latest = ontology["versions"][-1]
    return {
        "ontology_id": ontology["ontology_id"],
        "name": ontology["name"],
        "version": latest["version"],
        "classes": latest["classes"],
    }


def _create_ontology(catalog: CatalogState, at: Place, ask: CreateOntology) -> Decision:
    if there := catalog.named(ONTOLOGIES, at.project_id, ask.name):
        return _taken("an ontology of this name exists", there["ontology_id"])
    classes = _classes(ask.classes, (), 1)
    if isinstance(classes, str):
        return _refused(422, classes)
    ontology = {
        "_id": f"{at.project_id}/{ask.ontology_id}",
        "project_id": at.project_id,
        "ontology_id": ask.ontology_id,
        "name": ask.name,
        "versions": [{"version": 1, "classes": classes}],
        "created_unix_ms": at.time_unix_ms,
    }
    catalog.put(ONTOLOGIES, ontology)
    return Decision("created", 201, ontology_body(ontology))


def _create_ontology_version(catalog: CatalogState, at: Place, ask: CreateOntologyVersion) -> Decision:
    ontology = catalog.get(ONTOLOGIES, at.project_id, ask.ontology_id)
    if ontology is None:
        return _refused(404, "there is no such ontology")
    latest = ontology["versions"][-1]
    used = [c["id"] for version in ontology["versions"] for c in version["classes"]]
    new = _classes(ask.classes, latest["classes"], max(used, default=0) + 1)
    if isinstance(new, str):
        return _refused(422, new)
    if not new:
        return Decision("exists", 200, ontology_body(ontology))
    version = {"version": latest["version"] + 1, "classes": [*latest["classes"], *new]}
    ontology = {**ontology, "versions": [*ontology["versions"], version]}
    catalog.put(ONTOLOGIES, ontology)
    return Decision("created", 201, ontology_body(ontology))


def _create_dataset(catalog: CatalogState, at: Place, ask: CreateDataset) -> Decision:
    if there := catalog.named(DATASETS, at.project_id, ask.name):
        return _taken("a dataset of this name exists", there["dataset_id"])
    if catalog.get(ONTOLOGIES, at.project_id, ask.ontology_id) is None:
        return _refused(404, "there is no such ontology")
    body = {"dataset_id": ask.dataset_id, "name": ask.name, "ontology_id": ask.ontology_id, "draft": 1}
    catalog.put(
        DATASETS,
        {
            "_id": f"{at.project_id}/{ask.dataset_id}",
            "project_id": at.project_id,
            **body,
            "draft_digest": None,
            "draft_categories": {},
            "open_imports": [],
            "created_unix_ms": at.time_unix_ms,
            "source_offset": at.offset,
        },
    )
    return Decision("created", 201, body)


def _commit_dataset_version(catalog: CatalogState, at: Place, ask: CommitDatasetVersion) -> Decision:
    dataset = catalog.get(DATASETS, at.project_id, ask.dataset_id)
    if dataset is None:
        return _refused(404, "there is no such dataset")
    version = ask.dataset_version or dataset["draft"]
    body = {"dataset_id": ask.dataset_id, "version": version}
    if version < dataset["draft"]:
        return Decision("exists", 200, body)
    if version > dataset["draft"]:
        return _refused(409, f"the draft is version {dataset['draft']}")
    if dataset["open_imports"]:
        return _import_open("an import of truth is open: commit when it has ended", dataset["open_imports"][0])
    catalog.put(
        DATASET_VERSIONS,
        {
            "_id": f"{at.project_id}/{ask.dataset_id}/{version}",
            "project_id": at.project_id,
            **body,
            "state": "committed",
            "truth_digest": dataset["draft_digest"],
            "categories": dataset["draft_categories"],
            "committed_unix_ms": at.time_unix_ms,
            "source_offset": at.offset,
        },
    )
    catalog.put(DATASETS, {**dataset, "draft": version + 1})
    committed = VersionCommitted(dataset_id=ask.dataset_id, dataset_version=version)
    return Decision("created", 201, body, marker=Marker(source_offset=at.offset, version_committed=committed))


def _create_model(catalog: CatalogState, at: Place, ask: CreateModel) -> Decision:
    if there := catalog.named(MODELS, at.project_id, ask.name):
        return _taken("a model of this name exists", there["model_id"])
    if catalog.get(ONTOLOGIES, at.project_id, ask.ontology_id) is None:
        return _refused(404, "there is no such ontology")
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


def _create_model_run(catalog: CatalogState, at: Place, ask: CreateModelRun) -> Decision:
    if there := catalog.named(MODEL_RUNS, at.project_id, ask.model_id, ask.name):
        return _taken("the model has a run of this name", there["run_id"])
    model = catalog.get(MODELS, at.project_id, ask.model_id)
    dataset = catalog.get(DATASETS, at.project_id, ask.dataset_id)
    if model is None or dataset is None:
        return _refused(404, f"there is no such {'dataset' if model else 'model'}")
    if model["ontology_id"] != dataset["ontology_id"]:
        return _refused(422, "the model and the dataset have different ontologies")
    if not 1 <= ask.dataset_version <= dataset["draft"]:
        return _refused(422, f"the dataset has no such version: its draft is version {dataset['draft']}")
    ontology = catalog.get(ONTOLOGIES, at.project_id, model["ontology_id"])
    latest = ontology["versions"][-1]["version"] if ontology else 0
    if ask.ontology_version > latest:
        return _refused(422, f"the ontology has no such version: its latest is {latest}")
    config: Any = json.loads(ask.config_json) if ask.config_json else {}
    if not isinstance(config, dict) or json_fault(config):
        return _refused(422, "the config is no JSON object that can be kept")
    body: Fields = {
        "run_id": ask.run_id,
        "name": ask.name,
        "model_id": ask.model_id,
        "dataset_id": ask.dataset_id,
        "dataset_version": ask.dataset_version,
        "ontology_id": model["ontology_id"],
        "ontology_version": ask.ontology_version or latest,
        "state": "open",
        "config": config,
    }
    catalog.put(
        MODEL_RUNS,
        {
            "_id": f"{at.project_id}/{ask.run_id}",
            "project_id": at.project_id,
            **body,
            "open_import": None,
            "created_unix_ms": at.time_unix_ms,
            "source_offset": at.offset,
        },
    )
    created = RunCreated(run_id=ask.run_id, dataset_id=ask.dataset_id, dataset_version=ask.dataset_version)
    return Decision("created", 201, body, marker=Marker(source_offset=at.offset, run_created=created))


def import_body(document: Fields) -> Fields:
    """An import as its answers show it."""
    hidden = ("_id", "project_id", "import_id")
    return {"job": document["import_id"]} | {k: v for k, v in document.items() if k not in hidden}


def _begin_import(catalog: CatalogState, at: Place, ask: BeginImport) -> Decision:
    if ask.run_id:
        run = catalog.get(MODEL_RUNS, at.project_id, ask.run_id)
        if run is None:
            return _refused(404, "there is no such model run")
        if run["state"] != "open":
            return _refused(409, "the run is sealed: it takes no more predictions")
        dataset_id, version = run["dataset_id"], run["dataset_version"]
        if ask.mode == IMPORT_MODE_REPLACE:
            if run["open_import"]:
                return _import_open("another import replaces this run's predictions", run["open_import"])
            catalog.put(MODEL_RUNS, {**run, "open_import": ask.import_id})
    else:
        dataset = catalog.get(DATASETS, at.project_id, ask.dataset_id)
        if dataset is None:
            return _refused(404, "there is no such dataset")
        dataset_id, version = ask.dataset_id, dataset["draft"]
        if ask.format != DATA_ROWS_FORMAT:
            if dataset["open_imports"]:
                return _import_open("another import writes this dataset's draft", dataset["open_imports"][0])
            # From here until it ends, nobody can say what exactly the draft's truth is.
            catalog.put(DATASETS, {**dataset, "open_imports": [ask.import_id], "draft_digest": None})
    document: Fields = {
        "_id": f"{at.project_id}/{ask.import_id}",
        "project_id": at.project_id,
        "import_id": ask.import_id,
        "dataset_id": dataset_id,
        "dataset_version": version,
        "run_id": ask.run_id or None,
        "format": ask.format,
        "mode": MODES.get(ask.mode),
        "state": "RUNNING",
        "failure": None,
        "accepted": 0,
        "rejected": 0,
        "end_offsets": {},
        "begun_unix_ms": at.time_unix_ms,
        "ended_unix_ms": None,
    }
    catalog.put(IMPORTS, document)
    return Decision("created", 201, import_body(document))


def _end_import(catalog: CatalogState, at: Place, ask: EndImport) -> Decision:
    there = catalog.get(IMPORTS, at.project_id, ask.import_id)
    if there is None:
        return _refused(404, "there is no such import")
    if there["state"] != "RUNNING":
        return Decision("exists", 200, import_body(there))
    document: Fields = {
        **there,
        "state": "FAILED" if ask.failure else "FINISHED",
        "failure": ask.failure or None,
        "accepted": ask.accepted,
        "rejected": ask.rejected,
        "end_offsets": {str(p): ask.end_offsets[p] for p in sorted(ask.end_offsets)},
        "ended_unix_ms": at.time_unix_ms,
    }
    catalog.put(IMPORTS, document)
    run = catalog.get(MODEL_RUNS, at.project_id, there["run_id"])
    dataset = catalog.get(DATASETS, at.project_id, there["dataset_id"])
    if run and run["open_import"] == ask.import_id:
        catalog.put(MODEL_RUNS, {**run, "open_import": None})
    if dataset and ask.import_id in dataset["open_imports"]:
        released: Fields = {**dataset, "open_imports": [i for i in dataset["open_imports"] if i != ask.import_id]}
        if not ask.failure:
            released["draft_digest"] = ask.truth_digest or None
            released["draft_categories"] = {str(k): ask.category_classes[k] for k in sorted(ask.category_classes)}
        catalog.put(DATASETS, released)
    return Decision("done", 200, import_body(document))


_DECIDE: dict[str, Callable[[CatalogState, Place, Any], Decision]] = {
    "create_dataset": _create_dataset,
    "commit_dataset_version": _commit_dataset_version,
    "create_ontology": _create_ontology,
    "create_ontology_version": _create_ontology_version,
    "create_model": _create_model,
    "create_model_run": _create_model_run,
    "begin_import": _begin_import,
    "end_import": _end_import,
}


def decide(catalog: CatalogState, at: Place, request: CatalogRequest) -> Decision | None:
    """What a request comes to; None for one of a kind that is not known here."""
    what = request.WhichOneof("what")
    if what is None:
        return None
    return _DECIDE[what](catalog, at, getattr(request, what))
