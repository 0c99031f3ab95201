"""The read model, as data: each collection has one owner and indexes, and says what a replay makes of it.

Of `rebuilt` collections and of `progress` every generation has its own (see `generations.py`): a replay makes the first
the same again, byte by byte, and the second as it goes. `operational` ones are not on the log: generations share them.

Documents
---------
Ids of documents begin with the project, so `under(...)` names all rows of a dataset, or of a run, by a range of `_id`
(an index less, and each index costs every write). `row` is `project/dataset/global_key`, the key of the row's events.
Packed arrays are little-endian `bytes`, as on the wire. What belongs to a project has `project_id`, listed here
or not; touches alone have none.

``projects, datasets, dataset_versions, ontologies, models, model_runs, run_configs, imports, catalog_decisions``
(ingest, catalog)
    projects          _id project; project_id, name (unique), description, created_unix_ms (null: `default`, which is
                      there without an event, and stored from the first event about a project on), source_offset
    datasets          _id project/dataset_id; dataset_id, name, ontology_id, draft (version number of the draft,
                      from 1), draft_digest (or null), draft_categories {str(COCO category id): class id},
                      open_imports [import ids], created_unix_ms, source_offset
    dataset_versions  _id project/dataset_id/version; dataset_id, version, state committed, truth_digest (or null),
                      categories (the draft's, then), committed_unix_ms, source_offset (of the commit in `catalog`)
    ontologies        _id project/ontology_id; ontology_id, name, versions [{version, classes [{id, name, kind}]}]
                      (the last is the latest; class ids count from 1 and are never used again), created_unix_ms
    models            _id project/model_id; model_id, name, ontology_id, created_unix_ms, source_offset
    model_runs        _id project/run_id; run_id, name, model_id, dataset_id, dataset_version, ontology_id,
                      ontology_version, splits [split] (its scope; none: all), accepts_new_rows, state open|sealed,
                      config, open_import (or null), created_unix_ms, source_offset
    run_configs       _id project/run_config_id; run_config_id, name, config, created_unix_ms
    imports           _id project/import_id; import_id, name (or null), dataset_id, dataset_version, run_id (or null),
                      format, mode, state RUNNING|FINISHED|FAILED, failure, accepted, rejected, end_offsets
                      {str(partition): offset}, begun_unix_ms, ended_unix_ms
    catalog_decisions _id project/request_id; outcome created|exists|conflict|refused|done, status (HTTP), problem,
                      detail, body, fingerprint (of the request), source_offset, request_id

``data_rows`` (ingest, rows): what is known of a row, and in which versions it is labelled
    _id row; dataset_id, global_key, partition, known (false: only truth named it), ordinal (or null),
    asset_url, width, height, split, metadata, labelled [{from, to (exclusive, or null), ordinal (or null), import_id}]

``truths`` (metrics, rows): the truth of a row from one version on, copy on write
    _id row@from; row, project_id, dataset_id, global_key, partition, from, to (exclusive; null: still so in the draft),
    ordinal (or null), import_id, count, class_ids, boxes, areas, crowds, annotation_ids

``truth_chunks`` (metrics, rows): what has come of a truth that comes in chunks, until the last of them is there
    _id row#chunk; row, project_id, dataset_id, partition, import_id, chunk, chunks, and columns as in truths

``run_rows`` (metrics, rows): what a run says of a row, with its pairs
    _id project/run_id/global_key (project/run_id@dataset_id/global_key while the run is not known); row, project_id,
    dataset_id, run_id, global_key, partition, dataset_version (null while the run is not known), imports (the last
    eight that spoke of it, who was silent longest first; single writes leave them as they are), import_bits (uint8, one
    for each of them), replaced_by (the last import that replaced), next_place, count, class_ids, boxes, confidences,
    areas, places (int32), uuids (given, or made from content), import_marks (uint8: the bits of who said it),
    least_overlap (from which on all pairs are there; null: they are too many, and none is), pair_count,
    pair_predictions (int32), pair_truths (int32), pair_overlaps (float64);
    predictions in canonical order (class, confidence descending with NaN as 1, place), pairs by (prediction, truth)

``row_partitions`` (`ingest.rows` and `metrics.rows`; written by a partition's owner): what they remember
    _id group/partition. Both groups: markers {topic, or topic<source: highest source_offset handled}, runs, drafts
    {dataset_id: draft version number (absent: 1)}, deleted_datasets [dataset_id], failed_imports {topic: [import_id]}
    (the last 1,000 of a topic; absent where there is none).
    Of metrics: runs {run_id: {project_id, dataset_id, dataset_version, source_offset, highest_class, accepts_new_rows,
    sealed, splits}}, deleted_runs [run_id], deleted_versions {dataset_id: [version]}, moved {str(partition): offset}
    (of the latest event that came here from another partition, where it lay).
    Of ingest: runs {run_id: {project_id, dataset_id, splits}} (those with splits alone), incomplete [{row, import_id,
    chunks, come, annotations}] (truths of which not all chunks have come), made_row [source_offset, row] (the latest
    row that a run made)

``run_summaries`` (metrics, run owner): the default numbers of a run and what they rest on
    _id project/run_id; run_id, version {str(partition): {rev, offsets {topic: next}, markers {topic: source_offset}}},
    scope_version (the same of data rows, where the run's scope rests on their splits; or null),
    coco {name: value or null}, coco_classes {str(class id): {...}}, counts (at the operating point: {iou,
    confidence, true_positive, false_positive, false_negative, classes {str(class id): the same three}}), rows,
    rows_predicted, predictions, truths, computed_unix_ms, cost_ms

``run_touches`` (progress; metrics, rows): the last batch of a row partition that changed what a run's numbers rest on
    _id project/run_id/partition; rev (of the partition's progress)

``scope_touches`` (progress; ingest, rows): the same for data rows: the last batch that changed a run's scope
    _id project/run_id/partition; rev (of the partition's progress)

``progress`` (every group writes its own, through the run loop only)
    _id group/partition; group, partition, rev (compare-and-set), writer, log_id, offsets {topic: next},
    outbox [{topic, partition, key, value, headers [[name, value]]}]

``import_jobs`` (operational; ingest): the live side of an import
    _id project/import_id; project_id, import_id, state RUNNING|FINISHED|FAILED, owner {host, pid, started},
    lease_until_unix_ms, bytes, accepted, rejected, place (in the file, from 1, of the last item before which all are
    decided), warnings {name: count}, content {bytes, sha256} (of what was read; null or absent: not known)
``import_errors`` (operational; ingest): one document per rejected item, the first 100,000 of an import
    _id project/import_id/n (n from 1, six digits); project_id, import_id, number (place), uuid (if any), code, message,
    where
``row_requests`` (operational; ingest): writes of single rows that came under an Idempotency-Key
    _id project/request_id; project_id, fingerprint (of the request), status (HTTP; null: not answered yet), body (JSON)
``dead_letters`` (operational; ingest): what consumers have put aside; the bytes stay on the log
    _id project/dl_offset; project_id, dead_letter_id, offset (in the topic of dead letters), topic, partition,
    record_offset (where the record lies), group, reason, bug, key, size, time_unix_ms, payload (or null), event_id,
    dataset_id, run_id (or null), event (a preview, or null), begins (the first bytes, where no event can be read),
    headers [{name, value}], state open|replaying|replayed|dropped, claim {token, until_unix_ms} (while replaying),
    bytes_gone, replays [event_id of each], outcome (or null: what was done last) {what replayed|refused|dropped,
    event_id, at_unix_ms, note, added, there, identities, refused_as (dead_letter_id, or null)}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


def under(*parts: str) -> dict[str, str]:
    """The range of `_id` of all that begins with these parts: `{"_id": under(project, run)}` are the rows of a run."""
    prefix = "/".join(parts)
    return {"$gt": f"{prefix}/", "$lt": f"{prefix}0"}  # 0 follows the slash


@dataclass(frozen=True, slots=True)
class Index:
    """An index: field names in order."""

    fields: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection of the read model."""

    name: str
    owner: str
    kind: Literal["rebuilt", "progress", "operational"]
    indexes: tuple[Index, ...] = ()


_BY_NAME = (Index(("project_id", "name"), unique=True),)

PROJECTS = Collection("projects", "ingest", "rebuilt", (Index(("name",), unique=True),))
DATASETS = Collection("datasets", "ingest", "rebuilt", _BY_NAME)
DATASET_VERSIONS = Collection(
    "dataset_versions", "ingest", "rebuilt", (Index(("project_id", "dataset_id", "version")),)
)
ONTOLOGIES = Collection("ontologies", "ingest", "rebuilt", _BY_NAME)
MODELS = Collection("models", "ingest", "rebuilt", _BY_NAME)
MODEL_RUNS = Collection(
    "model_runs",
    "ingest",
    "rebuilt",
    (
        Index(("project_id", "model_id", "name"), unique=True),
        Index(("project_id", "name")),
        Index(("project_id", "created_unix_ms")),
    ),
)
RUN_CONFIGS = Collection("run_configs", "ingest", "rebuilt", _BY_NAME)
IMPORTS = Collection(
    "imports",
    "ingest",
    "rebuilt",
    (Index(("state",)), Index(("project_id", "run_id")), Index(("project_id", "begun_unix_ms", "_id"))),
)
CATALOG_DECISIONS = Collection("catalog_decisions", "ingest", "rebuilt")
DATA_ROWS = Collection("data_rows", "ingest", "rebuilt", (Index(("dataset_id", "partition")),))
TRUTHS = Collection("truths", "metrics", "rebuilt", (Index(("row",)), Index(("dataset_id", "partition", "to"))))
TRUTH_CHUNKS = Collection("truth_chunks", "metrics", "rebuilt", (Index(("row",)), Index(("dataset_id", "partition"))))
RUN_ROWS = Collection("run_rows", "metrics", "rebuilt", (Index(("row",)), Index(("run_id", "partition"))))
ROW_PARTITIONS = Collection("row_partitions", "each group", "rebuilt")
RUN_SUMMARIES = Collection("run_summaries", "metrics", "rebuilt")
RUN_TOUCHES = Collection("run_touches", "metrics", "progress")
SCOPE_TOUCHES = Collection("scope_touches", "ingest", "progress")
PROGRESS = Collection("progress", "each group", "progress")
IMPORT_JOBS = Collection("import_jobs", "ingest", "operational", (Index(("state",)),))
IMPORT_ERRORS = Collection("import_errors", "ingest", "operational", (Index(("import_id", "number")),))
ROW_REQUESTS = Collection("row_requests", "ingest", "operational")
DEAD_LETTERS = Collection("dead_letters", "ingest", "operational", (Index(("project_id", "state", "offset")),))

COLLECTIONS: tuple[Collection, ...] = (
    PROJECTS,
    DATASETS,
    DATASET_VERSIONS,
    ONTOLOGIES,
    MODELS,
    MODEL_RUNS,
    RUN_CONFIGS,
    IMPORTS,
    CATALOG_DECISIONS,
    DATA_ROWS,
    TRUTHS,
    TRUTH_CHUNKS,
    RUN_ROWS,
    ROW_PARTITIONS,
    RUN_SUMMARIES,
    RUN_TOUCHES,
    SCOPE_TOUCHES,
    PROGRESS,
    IMPORT_JOBS,
    IMPORT_ERRORS,
    ROW_REQUESTS,
    DEAD_LETTERS,
)
