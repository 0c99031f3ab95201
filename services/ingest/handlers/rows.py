"""What is known of data rows, and in which versions each is labelled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from services.common.documents import Read, Replace, State
from services.common.eventlog.handling import Batch, Delivery, Handler, Outcome, Refused
from services.common.eventlog.placement import partitions_of
from services.common.eventlog.topics import row_key
from services.common.readmodel import collections
from services.common.row_checks import Invalid, checked_row, truth_faults
from services.common.truth_chunks import ChunkedTruth, ChunkRefused, follow
from sightline.domain.json_values import json_fault
from sightline.domain.splits import SPLITS, UNASSIGNED
from sightline.wire.events.v1.data_rows_pb2 import (
    SPLIT_TEST,
    SPLIT_TRAINING,
    SPLIT_UNASSIGNED,
    SPLIT_VALIDATION,
    DataRowUpserted,
)
from sightline.wire.events.v1.ground_truth_pb2 import GroundTruthReplaced
from sightline.wire.events.v1.imports_pb2 import ImportEnded
from sightline.wire.events.v1.markers_pb2 import Marker

ROWS_GROUP = "ingest.rows"

DATA_ROWS = collections.DATA_ROWS.name
ROW_PARTITIONS = collections.ROW_PARTITIONS.name

SPLIT_NAMES = dict(zip((SPLIT_TRAINING, SPLIT_VALIDATION, SPLIT_TEST, SPLIT_UNASSIGNED), SPLITS, strict=True))
"""By their numbers in events."""

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowsMemory:
    """What markers have told in this partition."""

    markers: Mapping[str, int]
    """The place at the source of the latest marker of each topic."""
    drafts: Mapping[str, int]
    """Version number of each dataset's draft; absent: 1."""
    incomplete: Mapping[str, ChunkedTruth]
    """What has come of truths that come in chunks, by row, until they are complete."""

    def draft(self, dataset_id: str) -> int:
        """Version number of a dataset's draft."""
        return self.drafts.get(dataset_id, 1)


class _Rows:
    """The rows of a batch: as read, and as the batch leaves them."""

    def __init__(self, partition: int, documents: Sequence[Mapping[str, Any]]) -> None:
        self._partition = partition
        self._rows: dict[str, Fields] = {document["_id"]: dict(document) for document in documents}
        self._stored = frozenset(self._rows)
        self._changed: set[str] = set()

    def get(self, project_id: str, dataset_id: str, global_key: str) -> Fields:
        key = row_key(project_id, dataset_id, global_key)
        return self._rows.get(key) or {
            "_id": key,
            "project_id": project_id,
            "dataset_id": dataset_id,
            "global_key": global_key,
            "partition": self._partition,
            "known": False,
            "ordinal": None,
            "asset_url": None,
            "width": None,
            "height": None,
            "split": UNASSIGNED,
            "metadata": {},
            "labelled": [],
        }

    def put(self, row: Fields) -> None:
        if self._rows.get(row["_id"]) != row:
            self._rows[row["_id"]] = row
            self._changed.add(row["_id"])

    def of_dataset(self, project_id: str, dataset_id: str) -> list[Fields]:
        mine = (project_id, dataset_id)
        return [row for row in self._rows.values() if (row["project_id"], row["dataset_id"]) == mine]

    def writes(self) -> list[Replace]:
        return [Replace(DATA_ROWS, self._rows[key], new=key not in self._stored) for key in sorted(self._changed)]


class RowsHandler(Handler):
    """Keeps `data_rows` from the events of data rows and of ground truth."""

    def __init__(self, row_partitions: int) -> None:
        self._row_partitions = row_partitions

    def recall(self, partition: int) -> Sequence[Read]:
        """What markers have told."""
        return [Read(ROW_PARTITIONS, {"_id": f"{ROWS_GROUP}/{partition}"})]

    def remember(self, partition: int, state: State) -> RowsMemory:
        """What markers have told."""
        for document in state.get(ROW_PARTITIONS, ()):
            waiting = {each["row"]: _chunked(each) for each in document.get("incomplete", ())}
            return RowsMemory(dict(document["markers"]), dict(document["drafts"]), waiting)
        return RowsMemory({}, {}, {})

    def reads(self, batch: Batch, memory: Any) -> Sequence[Read]:
        """The rows that the batch names, and those that an import of truth leaves behind."""
        keys: set[str] = set()
        ended: list[tuple[str, ImportEnded]] = []
        for delivery in batch.deliveries:
            event = delivery.event
            match event.WhichOneof("payload"):
                case "data_row_upserted" | "ground_truth_replaced":
                    keys.add(delivery.key)
                case "import_ended" if event.import_ended.unlabel_others:
                    ended.append((event.project_id, event.import_ended))
                case _:
                    pass
        reads = [Read(DATA_ROWS, {"_id": {"$in": sorted(keys)}})] if keys else []
        for project_id, end in ended:
            others = {"to": None, "import_id": {"$ne": end.import_id}}
            where = {"project_id": project_id, "dataset_id": end.dataset_id, "partition": batch.partition}
            reads.append(Read(DATA_ROWS, {**where, "labelled": {"$elemMatch": others}}))
        return reads

    def handle(self, batch: Batch, state: State, memory: RowsMemory) -> Outcome:
        """Apply the batch."""
        rows = _Rows(batch.partition, state.get(DATA_ROWS, ()))
        deliveries = batch.deliveries
        payloads = [delivery.event.WhichOneof("payload") for delivery in deliveries]
        partitions = partitions_of([delivery.key.encode() for delivery in deliveries], self._row_partitions)
        faults = truth_faults(deliveries, payloads)
        refused: list[Refused] = []
        after = memory
        for position, (delivery, payload) in enumerate(zip(deliveries, payloads, strict=True)):
            event = delivery.event
            reason = _unfit(delivery, partitions[position])
            if reason is None:
                match payload:
                    case "data_row_upserted":
                        reason = _upsert(rows, event.project_id, event.data_row_upserted)
                    case "ground_truth_replaced":
                        after, reason = _label(rows, after, delivery, faults.get(position))
                    case "import_ended":
                        after = _end_import(rows, after, event.project_id, event.import_ended)
                    case "marker":
                        after = _marked(after, delivery.topic, event.project_id, event.marker)
                    case _:
                        reason = f"{payload or 'an event without payload'} is not known here"
            if reason is not None:
                refused.append(Refused(delivery, reason))
        writes = rows.writes()
        if after is not memory:
            writes.append(
                Replace(
                    ROW_PARTITIONS,
                    {
                        "_id": f"{ROWS_GROUP}/{batch.partition}",
                        "markers": dict(after.markers),
                        "runs": {},
                        "drafts": dict(after.drafts),
                        "incomplete": [_waiting(row, come) for row, come in after.incomplete.items()],
                    },
                )
            )
        return Outcome(writes, refused=refused, memory=after)


def _unfit(delivery: Delivery, right_partition: int) -> str | None:
    """Why an event can't be taken as it is."""
    event = delivery.event
    match event.WhichOneof("payload"):
        case "data_row_upserted":
            said = event.data_row_upserted
        case "ground_truth_replaced":
            said = event.ground_truth_replaced
        case _:
            return None
    try:
        checked_row(delivery, said, right_partition)
    except Invalid as reason:
        return str(reason)
    return None


def _upsert(rows: _Rows, project_id: str, said: DataRowUpserted) -> str | None:
    row = {**rows.get(project_id, said.dataset_id, said.global_key), "known": True}
    for field in ("ordinal", "width", "height"):
        if said.HasField(field):
            row[field] = getattr(said, field)
    if said.asset_url:
        row["asset_url"] = said.asset_url
    if said.split in SPLIT_NAMES:
        row["split"] = SPLIT_NAMES[said.split]
    if said.metadata_json:
        try:
            metadata = json.loads(said.metadata_json)
        except ValueError:
            return "the metadata is not JSON"
        if not isinstance(metadata, dict):
            return "the metadata is no JSON object"
        if fault := json_fault(metadata):
            return f"the metadata can't be kept: {fault}"
        row["metadata"] = metadata
    rows.put(row)
    return None


def _label(rows: _Rows, memory: RowsMemory, delivery: Delivery, fault: str | None) -> tuple[RowsMemory, str | None]:
    """Take one more event of a row's truth. What is remembered then, and why it can't be taken.

    A fault of one chunk is one of the whole.
    """
    said = delivery.event.ground_truth_replaced
    before = memory.incomplete.get(delivery.key)
    try:
        come = follow(before, said)
    except ChunkRefused as reason:
        return memory, str(reason)
    fault = fault or come.fault
    if come is before:
        return memory, fault
    incomplete = {row: each for row, each in memory.incomplete.items() if row != delivery.key}
    if fault is None:
        if come.complete:
            _put_label(rows, memory, delivery.event.project_id, said)
        else:
            incomplete[delivery.key] = come
    if incomplete != memory.incomplete:
        memory = replace(memory, incomplete=incomplete)
    return memory, fault


def _put_label(rows: _Rows, memory: RowsMemory, project_id: str, said: GroundTruthReplaced) -> None:
    row = rows.get(project_id, said.dataset_id, said.global_key)
    draft = memory.draft(said.dataset_id)
    ordinal = said.ordinal if said.HasField("ordinal") else None
    opened = {"from": draft, "to": None, "ordinal": ordinal, "import_id": said.import_id or None}
    rows.put({**row, "labelled": [*_closed(row["labelled"], draft), opened]})


def _closed(labelled: Sequence[Fields], draft: int) -> list[Fields]:
    """Intervals up to the draft, which ends the one that is open. One that began with the draft never was."""
    return [
        {**interval, "to": draft} if interval["to"] is None else interval
        for interval in labelled
        if interval["to"] is not None or interval["from"] < draft
    ]


def _end_import(rows: _Rows, memory: RowsMemory, project_id: str, said: ImportEnded) -> RowsMemory:
    memory = _forget(memory, project_id, said.dataset_id, None if said.unlabel_others else said.import_id)
    if not said.unlabel_others:
        return memory
    draft = memory.draft(said.dataset_id)
    for row in rows.of_dataset(project_id, said.dataset_id):
        if any(i["to"] is None and i["import_id"] != said.import_id for i in row["labelled"]):
            rows.put({**row, "labelled": _closed(row["labelled"], draft)})
    return memory


def _forget(memory: RowsMemory, project_id: str, dataset_id: str, import_id: str | None = None) -> RowsMemory:
    """What has come of a dataset (by one import) will never be complete."""
    if not memory.incomplete:
        return memory
    prefix = row_key(project_id, dataset_id, "")
    kept = {
        row: come
        for row, come in memory.incomplete.items()
        if not row.startswith(prefix) or import_id not in (None, come.import_id)
    }
    return replace(memory, incomplete=kept) if len(kept) < len(memory.incomplete) else memory


def _waiting(row: str, come: ChunkedTruth) -> Fields:
    return {"row": row, **asdict(come)}


def _chunked(document: Mapping[str, Any]) -> ChunkedTruth:
    return ChunkedTruth(document["import_id"], document["chunks"], document["come"], document["annotations"])


def _marked(memory: RowsMemory, topic: str, project_id: str, marker: Marker) -> RowsMemory:
    if marker.source_offset <= memory.markers.get(topic, -1):
        return memory
    drafts = memory.drafts
    if marker.HasField("version_committed"):
        committed = marker.version_committed
        drafts = {**drafts, committed.dataset_id: committed.dataset_version + 1}
        memory = _forget(memory, project_id, committed.dataset_id)
    return RowsMemory({**memory.markers, topic: marker.source_offset}, drafts, memory.incomplete)
