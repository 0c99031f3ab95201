"""Model runs, and the configs that are saved for them."""

from __future__ import annotations

from collections.abc import Sequence

from services.common.splits import SPLIT_NAMES
from services.ingest.handlers.catalog_state import (
    DATASET_VERSIONS,
    DATASETS,
    IMPORTS,
    MODEL_RUNS,
    MODELS,
    ONTOLOGIES,
    RUN_CONFIGS,
    CatalogState,
    Fields,
)
from services.ingest.handlers.decisions.decision import (
    Decision,
    Place,
    absent,
    fail_open_imports,
    import_open,
    parsed_config,
    refused,
    shown,
    step_missing,
    taken,
)
from sightline.domain.steps import CLASSES, CONFIG, DATASET, MODEL, RUN
from sightline.wire.events.v1.catalog_pb2 import (
    CreateModelRun,
    CreateRunConfig,
    DeleteModelRun,
    DeleteRunConfig,
    ReopenModelRun,
    SealModelRun,
    UpdateModelRun,
    UpdateRunConfig,
)
from sightline.wire.events.v1.markers_pb2 import Marker, RunCreated, RunReopened, RunsDeleted, RunSealed

_NO_CONFIG = "the config is no JSON object that can be kept"
_SHOWN = (
    "run_id",
    "name",
    "model_id",
    "dataset_id",
    "dataset_version",
    "ontology_id",
    "ontology_version",
    "splits",
    "accepts_new_rows",
    "state",
    "config",
)


def create_model_run(catalog: CatalogState, at: Place, ask: CreateModelRun) -> Decision:
    """Make a run, pinned to one version of a dataset and one of its ontology."""
    if there := catalog.named(MODEL_RUNS, at.project_id, ask.model_id, ask.name):
        return taken("the model has a run of this name", there["run_id"])
    model = catalog.get(MODELS, at.project_id, ask.model_id)
    dataset = catalog.get(DATASETS, at.project_id, ask.dataset_id)
    if model is None or dataset is None:
        return absent(DATASET if model else MODEL)
    if model["ontology_id"] != dataset["ontology_id"]:
        return refused(422, "the model and the dataset have different ontologies")
    dataset_version = ask.dataset_version or dataset["draft"]
    if dataset_version > dataset["draft"]:
        return refused(422, f"the dataset has no such version: its draft is version {dataset['draft']}")
    committed = catalog.get(DATASET_VERSIONS, at.project_id, ask.dataset_id, dataset_version)
    if dataset_version < dataset["draft"] and committed is None:
        return refused(422, "this version of the dataset was deleted")
    ontology = catalog.get(ONTOLOGIES, at.project_id, model["ontology_id"])
    latest = ontology["versions"][-1]["version"] if ontology else 0
    if ask.ontology_version > latest:
        return refused(422, f"the ontology has no such version: its latest is {latest}")
    ontology_version = ask.ontology_version or latest
    classes: list[Fields] = ontology["versions"][ontology_version - 1]["classes"] if ontology else []
    if not classes:
        return step_missing(CLASSES, "the ontology has no classes in this version, so the run could predict none")
    config = _config(catalog, at, ask)
    if isinstance(config, Decision):
        return config
    body: Fields = {
        "run_id": ask.run_id,
        "name": ask.name,
        "model_id": ask.model_id,
        "dataset_id": ask.dataset_id,
        "dataset_version": dataset_version,
        "ontology_id": model["ontology_id"],
        "ontology_version": ontology_version,
        "splits": sorted(SPLIT_NAMES[split] for split in set(ask.splits) if split in SPLIT_NAMES),
        "accepts_new_rows": ask.accepts_new_rows,
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
    created = RunCreated(
        run_id=ask.run_id,
        dataset_id=ask.dataset_id,
        dataset_version=dataset_version,
        highest_class_id=max((item["id"] for item in classes), default=0),
        splits=sorted(set(ask.splits)),
        accepts_new_rows=ask.accepts_new_rows,
    )
    return Decision("created", 201, body, marker=Marker(source_offset=at.offset, run_created=created))


def _config(catalog: CatalogState, at: Place, ask: CreateModelRun) -> Fields | Decision:
    """The config of a new run: its own, or a copy of a saved one."""
    if not ask.run_config_id:
        config = parsed_config(ask.config_json)
        return refused(422, _NO_CONFIG) if config is None else config
    if ask.config_json:
        return refused(422, "a run has a config of its own or a saved one, not both")
    saved = catalog.get(RUN_CONFIGS, at.project_id, ask.run_config_id)
    return absent(CONFIG) if saved is None else saved["config"]


def update_model_run(catalog: CatalogState, at: Place, ask: UpdateModelRun) -> Decision:
    """Give a run another name or config."""
    run = catalog.get(MODEL_RUNS, at.project_id, ask.run_id)
    if run is None:
        return absent(RUN)
    changed = dict(run)
    if ask.HasField("name"):
        there = catalog.named(MODEL_RUNS, at.project_id, run["model_id"], ask.name)
        if there is not None and there["_id"] != run["_id"]:
            return taken("the model has a run of this name", there["run_id"])
        changed["name"] = ask.name
    if ask.HasField("config_json"):
        config = parsed_config(ask.config_json)
        if config is None:
            return refused(422, _NO_CONFIG)
        changed["config"] = config
    catalog.put(MODEL_RUNS, changed)
    return Decision("done", 200, shown(changed, *_SHOWN))


def drop_runs(catalog: CatalogState, runs: Sequence[Fields]) -> list[str]:
    """Take runs out of the catalog; their ids, for the marker that takes the rest."""
    for run in runs:
        catalog.delete(MODEL_RUNS, run)
    return sorted(run["run_id"] for run in runs)


def delete_model_run(catalog: CatalogState, at: Place, ask: DeleteModelRun) -> Decision:
    """Delete a run. What it predicted goes by the marker."""
    run = catalog.get(MODEL_RUNS, at.project_id, ask.run_id)
    if run is None:
        return absent(RUN)
    failed = fail_open_imports(catalog, at, "the run was deleted", run_id=ask.run_id)
    deleted = RunsDeleted(run_ids=drop_runs(catalog, [run]), failed_imports=failed)
    marker = Marker(source_offset=at.offset, runs_deleted=deleted)
    return Decision("done", 200, {"run_id": ask.run_id}, marker=marker)


def seal_model_run(catalog: CatalogState, at: Place, ask: SealModelRun) -> Decision:
    """Let a run take no more predictions."""
    run = catalog.get(MODEL_RUNS, at.project_id, ask.run_id)
    if run is None:
        return absent(RUN)
    if run["state"] == "sealed":
        return Decision("exists", 200, shown(run, *_SHOWN))
    for document in catalog.find(IMPORTS, project_id=at.project_id, run_id=ask.run_id, state="RUNNING"):
        return import_open("an import into this run is open: seal it when that has ended", document["import_id"])
    sealed = {**run, "state": "sealed"}
    catalog.put(MODEL_RUNS, sealed)
    marker = Marker(source_offset=at.offset, run_sealed=RunSealed(run_id=ask.run_id))
    return Decision("done", 200, shown(sealed, *_SHOWN), marker=marker)


def reopen_model_run(catalog: CatalogState, at: Place, ask: ReopenModelRun) -> Decision:
    """Let a sealed run take predictions again."""
    run = catalog.get(MODEL_RUNS, at.project_id, ask.run_id)
    if run is None:
        return absent(RUN)
    if run["state"] == "open":
        return Decision("exists", 200, shown(run, *_SHOWN))
    opened = {**run, "state": "open"}
    catalog.put(MODEL_RUNS, opened)
    marker = Marker(source_offset=at.offset, run_reopened=RunReopened(run_id=ask.run_id))
    return Decision("done", 200, shown(opened, *_SHOWN), marker=marker)


def create_run_config(catalog: CatalogState, at: Place, ask: CreateRunConfig) -> Decision:
    """Save a config under a name."""
    if there := catalog.named(RUN_CONFIGS, at.project_id, ask.name):
        return taken("a config of this name is saved", there["run_config_id"])
    config = parsed_config(ask.config_json)
    if config is None:
        return refused(422, _NO_CONFIG)
    body: Fields = {"run_config_id": ask.run_config_id, "name": ask.name, "config": config}
    catalog.put(
        RUN_CONFIGS,
        {
            "_id": f"{at.project_id}/{ask.run_config_id}",
            "project_id": at.project_id,
            **body,
            "created_unix_ms": at.time_unix_ms,
        },
    )
    return Decision("created", 201, body)


def update_run_config(catalog: CatalogState, at: Place, ask: UpdateRunConfig) -> Decision:
    """Give a saved config another name or content. Runs that were made with it have their copies."""
    saved = catalog.get(RUN_CONFIGS, at.project_id, ask.run_config_id)
    if saved is None:
        return absent(CONFIG)
    changed = dict(saved)
    if ask.HasField("name"):
        there = catalog.named(RUN_CONFIGS, at.project_id, ask.name)
        if there is not None and there["_id"] != saved["_id"]:
            return taken("a config of this name is saved", there["run_config_id"])
        changed["name"] = ask.name
    if ask.HasField("config_json"):
        config = parsed_config(ask.config_json)
        if config is None:
            return refused(422, _NO_CONFIG)
        changed["config"] = config
    catalog.put(RUN_CONFIGS, changed)
    return Decision("done", 200, shown(changed, "run_config_id", "name", "config"))


def delete_run_config(catalog: CatalogState, at: Place, ask: DeleteRunConfig) -> Decision:
    """Forget a saved config. Runs that were made with it have their copies."""
    saved = catalog.get(RUN_CONFIGS, at.project_id, ask.run_config_id)
    if saved is None:
        return absent(CONFIG)
    catalog.delete(RUN_CONFIGS, saved)
    return Decision("done", 200, {"run_config_id": ask.run_config_id})
