"""What the row handler has to read before it can apply a batch.

Most is found by the rows that the batch names. Only a marker and the end of a truth import concern rows that it
doesn't name: rows that wait for a run, and rows that lose their truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.common import row_limits
from services.common.documents import Document, Read, State
from services.common.eventlog.topics import row_key
from services.common.row_limits import PREDICTION_BYTES
from services.common.runloop.handling import Batch
from services.metrics.chunks import TRUTH_CHUNKS
from services.metrics.memory import PartitionMemory
from services.metrics.rows import RUN_ROWS, run_row_id
from services.metrics.truths import SUMMARY_FIELDS, TRUTHS

WAITING = {"row": 1, "count": 1}
"""What has to be known of rows that wait for a run, to choose some of them."""


def first_reads(batch: Batch, memory: PartitionMemory) -> list[Read]:
    """What the batch names: truths of its rows, what its runs say of them, and what waits for a run."""
    rows: set[str] = set()
    run_rows: set[str] = set()
    truth_rows: dict[str, set[str]] = {}
    ended: list[tuple[str, str, str]] = []
    created: set[str] = set()
    deleted_rows: set[str] = set()
    for delivery in batch.deliveries:
        event = delivery.event
        match event.WhichOneof("payload"):
            case "predictions_upserted":
                said = event.predictions_upserted
                rows.add(row_key(event.project_id, said.dataset_id, said.global_key))
                run = memory.runs.get(said.run_id)
                run_rows.add(run_row_id(event.project_id, said.dataset_id, said.run_id, said.global_key, run))
            case "predictions_deleted":
                taken = event.predictions_deleted
                rows.add(row_key(event.project_id, taken.dataset_id, taken.global_key))
                run = memory.runs.get(taken.run_id)
                run_rows.add(run_row_id(event.project_id, taken.dataset_id, taken.run_id, taken.global_key, run))
            case "ground_truth_replaced":
                truth = event.ground_truth_replaced
                row = row_key(event.project_id, truth.dataset_id, truth.global_key)
                rows.add(row)
                truth_rows.setdefault(truth.dataset_id, set()).add(row)
            case "ground_truth_removed":
                removed = event.ground_truth_removed
                row = row_key(event.project_id, removed.dataset_id, removed.global_key)
                rows.add(row)
                truth_rows.setdefault(removed.dataset_id, set()).add(row)
            case "import_ended" if event.import_ended.unlabel_others:
                ended.append((event.project_id, event.import_ended.dataset_id, event.import_ended.import_id))
            case "marker" if event.marker.HasField("run_created"):
                if not memory.passed(delivery.topic, event.marker):
                    created.add(event.marker.run_created.run_id)
            case "marker" if event.marker.HasField("row_deleted"):
                gone = event.marker.row_deleted
                row = row_key(event.project_id, gone.dataset_id, gone.global_key)
                rows.add(row)
                deleted_rows.add(row)
            case "marker" if event.marker.HasField("row_ordered"):
                moved = event.marker.row_ordered
                rows.add(row_key(event.project_id, moved.dataset_id, moved.global_key))
            case _:
                pass

    # An event may name a row of another partition: what is known of that is none of ours.
    here = {"partition": batch.partition}
    reads: list[Read] = []
    if rows:
        reads.append(Read(TRUTHS, {"row": {"$in": sorted(rows)}, **here}))
    if run_rows:
        reads.append(Read(RUN_ROWS, {"_id": {"$in": sorted(run_rows)}, **here}))
    if deleted_rows:
        named = {"row": {"$in": sorted(deleted_rows)}, **here}
        reads += [Read(RUN_ROWS, named), Read(TRUTH_CHUNKS, named)]
    if truth_rows:
        named = sorted(row for rows in truth_rows.values() for row in rows)
        reads.append(Read(TRUTH_CHUNKS, {"row": {"$in": named}, **here}))
    for dataset_id, named in truth_rows.items():
        draft = memory.draft(dataset_id).version
        if memory.runs_from(dataset_id, draft):
            reads.append(Read(RUN_ROWS, {"row": {"$in": sorted(named)}, "dataset_version": {"$gte": draft}, **here}))
    if created:
        reads.append(Read(RUN_ROWS, {"run_id": {"$in": sorted(created)}, "dataset_version": None, **here}, WAITING))
    for project_id, dataset_id, import_id in ended:
        if memory.runs_from(dataset_id, memory.draft(dataset_id).version):
            others: dict[str, Any] = {
                "partition": batch.partition,
                "dataset_id": dataset_id,
                "to": None,
                "import_id": {"$ne": import_id},
                "project_id": project_id,
            }
            reads.append(Read(TRUTHS, others, SUMMARY_FIELDS))
    return reads


def further_reads(batch: Batch, state: State) -> list[Read]:
    """Rows that the first reads brought up and the batch doesn't name, and their truths: what waited for a run.

    Of what waited, no more than can be pinned at once.
    """
    if not any(d.event.WhichOneof("payload") == "marker" for d in batch.deliveries):
        return []
    found = state.get(RUN_ROWS, ())
    whole = {row["_id"]: row["row"] for row in found if "boxes" in row}
    waiting = {row["_id"]: row["row"] for row in pinned_together(row for row in found if row["_id"] not in whole)}
    known = {truth["row"] for truth in state.get(TRUTHS, ()) if "boxes" in truth}
    rows = {*whole.values(), *waiting.values()} - known
    reads: list[Read] = []
    if waiting:
        reads.append(Read(RUN_ROWS, {"_id": {"$in": sorted(waiting)}}))
    if rows:
        reads.append(Read(TRUTHS, {"row": {"$in": sorted(rows)}}))
    return reads


def pinned_together(waiting: Iterable[Document]) -> list[Document]:
    """Of what waits for a run, what is pinned in one transaction. In the order of rows: new ones are told in that."""
    chosen: list[Document] = []
    size = 0
    for row in sorted(waiting, key=lambda row: (row["row"], row["_id"])):
        size += PREDICTION_BYTES * row["count"]
        if chosen and (len(chosen) >= row_limits.PINNED_ROWS or size > row_limits.PINNED_BYTES):
            break
        chosen.append(row)
    return chosen
