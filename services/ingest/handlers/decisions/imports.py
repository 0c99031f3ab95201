"""Imports: one at a time writes a dataset's draft, or replaces a run's predictions."""

from __future__ import annotations

from services.ingest.handlers.catalog_state import (
    DATASET_VERSIONS,
    DATASETS,
    IMPORTS,
    MODEL_RUNS,
    CatalogState,
    Fields,
)
from services.ingest.handlers.decisions.decision import Decision, Place, absent, import_open, refused
from sightline.domain.steps import DATASET, REOPENED, RUN
from sightline.wire.events.v1.catalog_pb2 import BeginImport, EndImport
from sightline.wire.events.v1.markers_pb2 import ImportFailed, Marker
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_ADD, IMPORT_MODE_REPLACE, IMPORT_MODE_UPSERT

DATA_ROWS_FORMAT = "data-rows"
"""An import in this format writes no truth."""

ROW_DELETION = "row-deletion"
"""An import in this format takes a row away, from versions too: what is known of their whole truth holds no more."""

TRUTH_REMOVAL = "truth-removal"
"""An import in this format takes one row's truth out of the draft."""

MODES = {IMPORT_MODE_UPSERT: "upsert", IMPORT_MODE_REPLACE: "replace", IMPORT_MODE_ADD: "add"}


def import_body(document: Fields) -> Fields:
    """An import as its answers show it."""
    hidden = ("_id", "project_id", "import_id")
    return {"job": document["import_id"]} | {k: v for k, v in document.items() if k not in hidden}


def begin_import(catalog: CatalogState, at: Place, ask: BeginImport) -> Decision:
    """Let an import begin, or say which other has to end first."""
    if ask.run_id:
        run = catalog.get(MODEL_RUNS, at.project_id, ask.run_id)
        if run is None:
            return absent(RUN)
        if run["state"] != "open":
            return refused(409, "the run is sealed: it takes no more predictions", REOPENED)
        dataset_id, version = run["dataset_id"], run["dataset_version"]
        if ask.mode == IMPORT_MODE_REPLACE:
            if run["open_import"]:
                return import_open("another import replaces this run's predictions", run["open_import"])
            catalog.put(MODEL_RUNS, {**run, "open_import": ask.import_id})
    else:
        dataset = catalog.get(DATASETS, at.project_id, ask.dataset_id)
        if dataset is None:
            return absent(DATASET)
        dataset_id, version = ask.dataset_id, dataset["draft"]
        if ask.format != DATA_ROWS_FORMAT:
            if dataset["open_imports"]:
                return import_open("another import writes this dataset's draft", dataset["open_imports"][0])
            # From here until it ends, nobody can say what exactly the draft's truth is.
            catalog.put(DATASETS, {**dataset, "open_imports": [ask.import_id], "draft_digest": None})
        if ask.format == ROW_DELETION:
            for committed in catalog.find(DATASET_VERSIONS, project_id=at.project_id, dataset_id=dataset_id):
                catalog.put(DATASET_VERSIONS, {**committed, "truth_digest": None})
    document: Fields = {
        "_id": f"{at.project_id}/{ask.import_id}",
        "project_id": at.project_id,
        "import_id": ask.import_id,
        "name": ask.name or None,
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


def end_import(catalog: CatalogState, at: Place, ask: EndImport) -> Decision:
    """End an import; whoever ends it first ends it. All rows are told of one that failed and may write still."""
    there = catalog.get(IMPORTS, at.project_id, ask.import_id)
    if there is None:
        return refused(404, "there is no such import")
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
            if there["format"] == "coco":
                released["draft_categories"] = {str(k): ask.category_classes[k] for k in sorted(ask.category_classes)}
        catalog.put(DATASETS, released)
    if not ask.failure or ask.nothing_follows:
        return Decision("done", 200, import_body(document))
    failed = ImportFailed(import_id=ask.import_id, dataset_id=there["dataset_id"], run_id=there["run_id"] or "")
    marker = Marker(source_offset=at.offset, import_failed=failed)
    return Decision("done", 200, import_body(document), marker=marker)
