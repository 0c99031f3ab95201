"""Datasets: one draft, and committed versions that never change."""

from __future__ import annotations

from services.ingest.handlers.catalog_state import DATASET_VERSIONS, DATASETS, MODEL_RUNS, ONTOLOGIES, CatalogState
from services.ingest.handlers.decisions.decision import (
    Decision,
    Place,
    absent,
    fail_open_imports,
    import_open,
    refused,
    shown,
    taken,
)
from services.ingest.handlers.decisions.runs import drop_runs
from sightline.domain.steps import DATASET, ONTOLOGY
from sightline.wire.events.v1.catalog_pb2 import (
    CommitDatasetVersion,
    CreateDataset,
    DeleteDataset,
    DeleteDatasetVersion,
    UpdateDataset,
)
from sightline.wire.events.v1.markers_pb2 import DatasetDeleted, Marker, VersionCommitted, VersionDeleted


def create_dataset(catalog: CatalogState, at: Place, ask: CreateDataset) -> Decision:
    """Make a dataset, with an empty draft."""
    if there := catalog.named(DATASETS, at.project_id, ask.name):
        return taken("a dataset of this name exists", there["dataset_id"])
    if catalog.get(ONTOLOGIES, at.project_id, ask.ontology_id) is None:
        return absent(ONTOLOGY)
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


def commit_dataset_version(catalog: CatalogState, at: Place, ask: CommitDatasetVersion) -> Decision:
    """Make a version of the draft; what follows belongs to the next one."""
    dataset = catalog.get(DATASETS, at.project_id, ask.dataset_id)
    if dataset is None:
        return absent(DATASET)
    version = ask.dataset_version or dataset["draft"]
    body = {"dataset_id": ask.dataset_id, "version": version}
    if version < dataset["draft"]:
        if catalog.get(DATASET_VERSIONS, at.project_id, ask.dataset_id, version) is None:
            return refused(409, "this version was deleted: its number never returns")
        return Decision("exists", 200, body)
    if version > dataset["draft"]:
        return refused(409, f"the draft is version {dataset['draft']}")
    if dataset["open_imports"]:
        return import_open("an import of truth is open: commit when it has ended", dataset["open_imports"][0])
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


def update_dataset(catalog: CatalogState, at: Place, ask: UpdateDataset) -> Decision:
    """Give a dataset another name."""
    dataset = catalog.get(DATASETS, at.project_id, ask.dataset_id)
    if dataset is None:
        return absent(DATASET)
    there = catalog.named(DATASETS, at.project_id, ask.name)
    if there is not None and there["_id"] != dataset["_id"]:
        return taken("a dataset of this name exists", there["dataset_id"])
    renamed = {**dataset, "name": ask.name}
    catalog.put(DATASETS, renamed)
    return Decision("done", 200, shown(renamed, "dataset_id", "name", "ontology_id", "draft"))


def delete_dataset(catalog: CatalogState, at: Place, ask: DeleteDataset) -> Decision:
    """Delete a dataset, its versions, and the runs that are measured on it. Rows and truth go by the marker."""
    dataset = catalog.get(DATASETS, at.project_id, ask.dataset_id)
    if dataset is None:
        return absent(DATASET)
    of_dataset = {"project_id": at.project_id, "dataset_id": ask.dataset_id}
    run_ids = drop_runs(catalog, catalog.find(MODEL_RUNS, **of_dataset))
    for version in catalog.find(DATASET_VERSIONS, **of_dataset):
        catalog.delete(DATASET_VERSIONS, version)
    fail_open_imports(catalog, at, "the dataset was deleted", dataset_id=ask.dataset_id)
    catalog.delete(DATASETS, dataset)
    deleted = DatasetDeleted(dataset_id=ask.dataset_id, run_ids=run_ids)
    body = {"dataset_id": ask.dataset_id, "deleted_runs": len(run_ids)}
    return Decision("done", 200, body, marker=Marker(source_offset=at.offset, dataset_deleted=deleted))


def delete_dataset_version(catalog: CatalogState, at: Place, ask: DeleteDatasetVersion) -> Decision:
    """Delete a committed version, and the runs that are measured on it. Its number never returns."""
    dataset = catalog.get(DATASETS, at.project_id, ask.dataset_id)
    if dataset is None:
        return absent(DATASET)
    if ask.dataset_version == dataset["draft"]:
        return refused(409, "this version is the draft: it can't be deleted, only the dataset can")
    version = catalog.get(DATASET_VERSIONS, at.project_id, ask.dataset_id, ask.dataset_version)
    if version is None:
        return refused(404, "the dataset has no such version")
    on_version = {"project_id": at.project_id, "dataset_id": ask.dataset_id, "dataset_version": ask.dataset_version}
    runs = catalog.find(MODEL_RUNS, **on_version)
    reason = "the dataset version was deleted"
    failed = [id for run in runs for id in fail_open_imports(catalog, at, reason, run_id=run["run_id"])]
    run_ids = drop_runs(catalog, runs)
    catalog.delete(DATASET_VERSIONS, version)
    deleted = VersionDeleted(
        dataset_id=ask.dataset_id, dataset_version=ask.dataset_version, run_ids=run_ids, failed_imports=failed
    )
    body = {"dataset_id": ask.dataset_id, "version": ask.dataset_version, "deleted_runs": len(run_ids)}
    return Decision("done", 200, body, marker=Marker(source_offset=at.offset, version_deleted=deleted))
