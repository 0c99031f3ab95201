"""What is known of data rows, and in which versions each is labelled."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from services.common.documents import Delete, DeleteMany, Read, Replace, State, Write
from services.common.eventlog.placement import partitions_of
from services.common.eventlog.topics import GROUND_TRUTH, PREDICTIONS, RUN_TOUCHED, row_key
from services.common.groups import INGEST_ROWS
from services.common.markers import SOURCES
from services.common.readmodel import collections
from services.common.row_checks import Invalid, checked_row, truth_faults
from services.common.runloop.handling import (
    Batch,
    Delivery,
    Handler,
    Outcome,
    Outgoing,
    PassedOver,
    Refused,
    derived_event,
)
from services.common.splits import SPLIT_NAMES
from services.common.truth_chunks import ChunkRefused, follow
from services.ingest.handlers.row_memory import RowsMemory
from sightline.domain.json_values import json_fault
from sightline.domain.splits import UNASSIGNED
from sightline.wire.events.v1.data_rows_pb2 import DataRowDeleted, DataRowUpserted
from sightline.wire.events.v1.ground_truth_pb2 import GroundTruthRemoved, GroundTruthReplaced
from sightline.wire.events.v1.imports_pb2 import ImportEnded
from sightline.wire.events.v1.markers_pb2 import Marker, RowDeleted, RowOrdered
from sightline.wire.events.v1.runs_pb2 import RunTouched

DATA_ROWS = collections.DATA_ROWS.name
SCOPE_TOUCHES = collections.SCOPE_TOUCHES.name
ROW_PARTITIONS = collections.ROW_PARTITIONS.name

PRODUCER = "ingest"

Fields = dict[str, Any]

_UNKNOWN: Fields = {
    "known": False,
    "ordinal": None,
    "asset_url": None,
    "width": None,
    "height": None,
    "split": UNASSIGNED,
    "metadata": {},
}
"""What is said of a row that only truth has named."""

_CLEARABLE = frozenset(field for field, value in _UNKNOWN.items() if value is None)


class _Rows:
    """The rows of a batch: as read, and as the batch leaves them."""

    def __init__(self, partition: int, documents: Sequence[Mapping[str, Any]]) -> None:
        self._partition = partition
        self._rows: dict[str, Fields] = {document["_id"]: dict(document) for document in documents}
        self._stored = frozenset(self._rows)
        self._changed: set[str] = set()
        self._general: list[Write] = []

    def get(self, project_id: str, dataset_id: str, global_key: str) -> Fields:
        key = row_key(project_id, dataset_id, global_key)
        return self._rows.get(key) or {
            "_id": key,
            "project_id": project_id,
            "dataset_id": dataset_id,
            "global_key": global_key,
            "partition": self._partition,
            **_UNKNOWN,
            "labelled": [],
        }

    def put(self, row: Fields) -> None:
        """Keep a row; one that nobody knows and that has no truth is none."""
        key = row["_id"]
        if not row["known"] and not row["labelled"]:
            if self._rows.pop(key, None) is not None:
                self._changed.add(key)
        elif self._rows.get(key) != row:
            self._rows[key] = row
            self._changed.add(key)

    def of_dataset(self, project_id: str, dataset_id: str) -> list[Fields]:
        mine = (project_id, dataset_id)
        return [row for row in self._rows.values() if (row["project_id"], row["dataset_id"]) == mine]

    def drop_dataset(self, project_id: str, dataset_id: str) -> None:
        """Take away all rows of a dataset in this partition, also those that the batch doesn't name."""
        mine = {"project_id": project_id, "dataset_id": dataset_id, "partition": self._partition}
        self._general.append(DeleteMany(DATA_ROWS, mine, for_good=True))
        for row in self.of_dataset(project_id, dataset_id):
            del self._rows[row["_id"]]
            self._changed.discard(row["_id"])

    def writes(self) -> list[Write]:
        """What has to be stored: first what concerns many rows."""
        return [*self._general, *map(self._write, sorted(self._changed))]

    def _write(self, key: str) -> Write:
        row = self._rows.get(key)
        return Delete(DATA_ROWS, key) if row is None else Replace(DATA_ROWS, row, new=key not in self._stored)


class RowsHandler(Handler):
    """Keeps `data_rows` from the events of data rows and of ground truth."""

    def __init__(self, row_partitions: int) -> None:
        self._row_partitions = row_partitions

    def recall(self, partition: int) -> Sequence[Read]:
        """What markers have told."""
        return [Read(ROW_PARTITIONS, {"_id": f"{INGEST_ROWS}/{partition}"})]

    def remember(self, partition: int, state: State) -> RowsMemory:
        """What markers have told."""
        return next(map(RowsMemory.of_document, state.get(ROW_PARTITIONS, ())), RowsMemory())

    def reads(self, batch: Batch, memory: Any) -> Sequence[Read]:
        """The rows that the batch names, and those that an import of truth leaves behind."""
        keys: set[str] = set()
        ended: list[tuple[str, ImportEnded]] = []
        for delivery in batch.deliveries:
            event = delivery.event
            match event.WhichOneof("payload"):
                case "data_row_upserted" | "data_row_deleted" | "ground_truth_replaced" | "ground_truth_removed":
                    keys.add(delivery.key)
                case "marker" if event.marker.HasField("row_deleted"):
                    gone = event.marker.row_deleted
                    keys.add(row_key(event.project_id, gone.dataset_id, gone.global_key))
                case "marker" if event.marker.HasField("row_ordered"):
                    moved = event.marker.row_ordered
                    keys.add(row_key(event.project_id, moved.dataset_id, moved.global_key))
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
        deliveries = batch.deliveries
        payloads = [delivery.event.WhichOneof("payload") for delivery in deliveries]
        partitions = partitions_of([delivery.key.encode() for delivery in deliveries], self._row_partitions)
        faults = truth_faults(deliveries, payloads)
        work = _Work(_Rows(batch.partition, state.get(DATA_ROWS, ())), memory, batch)
        refused: list[Refused] = []
        for position, (delivery, payload) in enumerate(zip(deliveries, payloads, strict=True)):
            event = delivery.event
            try:
                match payload:
                    case "data_row_upserted":
                        checked_row(delivery, event.data_row_upserted, partitions[position])
                        if not work.passes_over(delivery, event.data_row_upserted.dataset_id):
                            work.upsert(delivery, event.data_row_upserted)
                    case "data_row_deleted":
                        checked_row(delivery, event.data_row_deleted, partitions[position])
                        if not work.passes_over(delivery, event.data_row_deleted.dataset_id):
                            work.delete(delivery, event.data_row_deleted)
                    case "ground_truth_replaced":
                        checked_row(delivery, event.ground_truth_replaced, partitions[position])
                        if not work.passes_over(delivery, event.ground_truth_replaced.dataset_id):
                            work.label(delivery, event.ground_truth_replaced, faults.get(position))
                    case "ground_truth_removed":
                        checked_row(delivery, event.ground_truth_removed, partitions[position])
                        if not work.passes_over(delivery, event.ground_truth_removed.dataset_id):
                            work.unlabel(delivery, event.ground_truth_removed)
                    case "import_ended":
                        if event.import_ended.run_id:
                            raise Invalid("an import of truth names no run")
                        if not work.passes_over(delivery, event.import_ended.dataset_id):
                            work.end_import(event.project_id, event.import_ended)
                    case "marker":
                        work.mark(delivery)
                    case _:
                        raise Invalid(f"{payload or 'an event without payload'} is not known here")
            except (Invalid, ChunkRefused) as reason:
                refused.append(Refused(delivery, str(reason)))
        return work.outcome(refused)


class _Work:
    """One batch under way."""

    def __init__(self, rows: _Rows, memory: RowsMemory, batch: Batch) -> None:
        self._rows = rows
        self._before = self._memory = memory
        self._partition = batch.partition
        self._rev = batch.rev
        self._markers: list[Outgoing] = []
        self._touched: dict[str, tuple[Delivery, bool]] = {}
        self._passed_over = Counter[PassedOver]()

    def passes_over(self, delivery: Delivery, dataset_id: str) -> bool:
        """Whether an event is about a dataset that was deleted, or comes from an import that had failed."""
        if dataset_id in self._memory.deleted_datasets:
            self._passed_over["deleted"] += 1
            return True
        if self._memory.failed_imports.speak(delivery.topic, delivery.event):
            self._passed_over["failed_import"] += 1
            return True
        return False

    def upsert(self, delivery: Delivery, said: DataRowUpserted) -> None:
        """Make or change a row."""
        if said.HasField("source_offset"):
            made = said.source_offset, delivery.key
            if made <= self._memory.made_row:
                self._passed_over["repeat"] += 1
                return
            self._memory = self._memory.after_made_row(*made)
        project_id = delivery.event.project_id
        before = self._rows.get(project_id, said.dataset_id, said.global_key)
        if (said.only_new and before["known"]) or (said.only_known and not before["known"]):
            return
        if not _CLEARABLE.issuperset(said.cleared):
            raise Invalid(f"what can be cleared are {', '.join(sorted(_CLEARABLE))}")
        row: Fields = {**before, "known": True, **dict.fromkeys(said.cleared)}
        for field in ("ordinal", "width", "height"):
            if said.HasField(field):
                row[field] = getattr(said, field)
        if said.asset_url:
            row["asset_url"] = said.asset_url
        if said.split in SPLIT_NAMES:
            row["split"] = SPLIT_NAMES[said.split]
        if said.metadata_json:
            row["metadata"] = _metadata(said.metadata_json)
        self._rows.put(row)
        self._split_changed(delivery, project_id, said.dataset_id, before["split"], row["split"])
        self._put_in_order(delivery, row, moved=before["known"] and before["ordinal"] != row["ordinal"])

    def delete(self, delivery: Delivery, said: DataRowDeleted) -> None:
        """Delete a row: what is said of it here, truth and predictions by markers in their topics."""
        project_id = delivery.event.project_id
        row = self._rows.get(project_id, said.dataset_id, said.global_key)
        self._rows.put({**row, **_UNKNOWN})
        self._split_changed(delivery, project_id, said.dataset_id, row["split"], UNASSIGNED)
        deleted = RowDeleted(dataset_id=said.dataset_id, global_key=said.global_key)
        marker = Marker(source_offset=delivery.offset, source=SOURCES[delivery.topic], row_deleted=deleted)
        for topic in (GROUND_TRUTH, PREDICTIONS):
            event = derived_event(delivery, f"{delivery.event.event_id}/{topic}", PRODUCER)
            event.marker.CopyFrom(marker)
            self._markers.append(Outgoing(topic, delivery.key, event, self._partition))

    def label(self, delivery: Delivery, said: GroundTruthReplaced, fault: str | None) -> None:
        """Take one more event of a row's truth. A fault of one chunk is one of the whole."""
        before = self._memory.incomplete.get(delivery.key)
        come = follow(before, said)
        fault = fault or come.fault
        if come is not before:
            whole = fault is not None or come.complete
            self._memory = self._memory.with_chunks(delivery.key, None if whole else come)
            if fault is None and come.complete:
                self._put_label(delivery, said)
        if fault is not None:
            raise Invalid(fault)

    def unlabel(self, delivery: Delivery, said: GroundTruthRemoved) -> None:
        """A row is no longer labelled in the draft."""
        self._memory = self._memory.with_chunks(delivery.key, None)
        row = self._rows.get(delivery.event.project_id, said.dataset_id, said.global_key)
        self._rows.put({**row, "labelled": _closed(row["labelled"], self._memory.draft(said.dataset_id))})

    def end_import(self, project_id: str, said: ImportEnded) -> None:
        """An import of truth has ended: where it was the whole truth, other rows are labelled no more."""
        import_id = None if said.unlabel_others else said.import_id
        self._memory = self._memory.without_chunks(project_id, said.dataset_id, import_id)
        if not said.unlabel_others:
            return
        draft = self._memory.draft(said.dataset_id)
        for row in self._rows.of_dataset(project_id, said.dataset_id):
            if any(i["to"] is None and i["import_id"] != said.import_id for i in row["labelled"]):
                self._rows.put({**row, "labelled": _closed(row["labelled"], draft)})

    def mark(self, delivery: Delivery) -> None:
        """Apply a marker, unless it repeats one."""
        topic, project_id, marker = delivery.topic, delivery.event.project_id, delivery.event.marker
        if self._memory.passed(topic, marker):
            self._passed_over["repeat"] += 1
            return
        self._memory = self._memory.after_marker(topic, project_id, marker)
        match marker.WhichOneof("what"):
            case "run_created" if marker.run_created.run_id in self._memory.scoped_runs:
                # Splits that were set before weren't told: who measured the run already may have missed them.
                self._touched[marker.run_created.run_id] = delivery, True
            case "dataset_deleted":
                self._rows.drop_dataset(project_id, marker.dataset_deleted.dataset_id)
            case "row_deleted":
                gone = marker.row_deleted
                row = self._rows.get(project_id, gone.dataset_id, gone.global_key)
                self._rows.put({**row, "labelled": []})
            case "row_ordered":
                said = marker.row_ordered
                row = self._rows.get(project_id, said.dataset_id, said.global_key)
                ordinal = said.ordinal if said.HasField("ordinal") else None
                draft = self._memory.draft(said.dataset_id)
                row = {**row, "labelled": _ordered(row["labelled"], draft, ordinal)}
                self._rows.put(row)
                self._put_in_order(delivery, row)
            case _:
                pass

    def outcome(self, refused: Sequence[Refused]) -> Outcome:
        """What the batch amounts to."""
        writes = self._rows.writes()
        if self._memory is not self._before:
            writes.append(Replace(ROW_PARTITIONS, self._memory.document(f"{INGEST_ROWS}/{self._partition}")))
        writes += self._scopes()
        events = [*self._markers, *self._touches()]
        return Outcome(writes, events, refused, self._memory, passed_over=self._passed_over)

    def _put_label(self, delivery: Delivery, said: GroundTruthReplaced) -> None:
        row = self._rows.get(delivery.event.project_id, said.dataset_id, said.global_key)
        if said.only_unlabelled and _open(row["labelled"]) is not None:
            return
        draft = self._memory.draft(said.dataset_id)
        ordinal = said.ordinal if said.HasField("ordinal") else None
        opened = {"from": draft, "to": None, "ordinal": ordinal, "import_id": said.import_id or None}
        row = {**row, "labelled": [*_closed(row["labelled"], draft), opened]}
        self._rows.put(row)
        self._put_in_order(delivery, row)

    def _put_in_order(self, cause: Delivery, row: Fields, *, moved: bool = False) -> None:
        """See to it that the draft's truth of a known row has the row's ordinal. `moved`: that was another one before.

        It is told among truth and commits, and done when that comes back: so who was first is clear there, on a replay
        too. A row that moves is told though its truth be in place: what was told before may be on its way.
        """
        there = _open(row["labelled"])
        if not row["known"] or there is None or (there["ordinal"] == row["ordinal"] and not moved):
            return
        ordered = RowOrdered(dataset_id=row["dataset_id"], global_key=row["global_key"], ordinal=row["ordinal"])
        event = derived_event(cause, f"{INGEST_ROWS}/{self._partition}/{cause.topic}/{cause.offset}/order", PRODUCER)
        event.marker.CopyFrom(Marker(source_offset=cause.offset, source=SOURCES[cause.topic], row_ordered=ordered))
        self._markers.append(Outgoing(GROUND_TRUTH, row["_id"], event, self._partition))

    def _split_changed(self, cause: Delivery, project_id: str, dataset_id: str, before: str, after: str) -> None:
        """Wake the owners of runs whose scope has another row now, or one less."""
        if before == after:
            return
        for run_id, run in self._memory.scoped_runs.items():
            here = (run.project_id, run.dataset_id) == (project_id, dataset_id)
            if here and (before in run.splits) != (after in run.splits):
                _, settled = self._touched.get(run_id, (cause, False))
                self._touched[run_id] = cause, settled

    def _scopes(self) -> Iterator[Write]:
        """For each run, as of when its scope changed here: a summary that rests on less is behind."""
        there = self._memory.scoped_runs
        for run_id in [each for each in self._touched if each in there]:
            id = f"{there[run_id].project_id}/{run_id}/{self._partition}"
            yield Replace(SCOPE_TOUCHES, {"_id": id, "rev": self._rev})
        for run_id, run in self._before.scoped_runs.items():
            if run_id not in there:
                yield Delete(SCOPE_TOUCHES, f"{run.project_id}/{run_id}/{self._partition}")

    def _touches(self) -> list[Outgoing]:
        events: list[Outgoing] = []
        for run_id, (cause, settled) in self._touched.items():
            event = derived_event(
                cause, f"{INGEST_ROWS}/{self._partition}/{cause.topic}/{cause.offset}/{run_id}", PRODUCER
            )
            event.run_touched.CopyFrom(RunTouched(run_id=run_id, row_partition=self._partition, settled=settled))
            events.append(Outgoing(RUN_TOUCHED, run_id, event))
        return events


def _metadata(text: bytes) -> Fields:
    """Metadata from an event. Raises `Invalid`."""
    try:
        metadata = json.loads(text)
    except ValueError:
        raise Invalid("the metadata is not JSON") from None
    if not isinstance(metadata, dict):
        raise Invalid("the metadata is no JSON object")
    if fault := json_fault(metadata):
        raise Invalid(f"the metadata can't be kept: {fault}")
    return cast(Fields, metadata)


def _open(labelled: Sequence[Fields]) -> Fields | None:
    """The interval that holds in the draft."""
    return next((interval for interval in labelled if interval["to"] is None), None)


def _ordered(labelled: Sequence[Fields], draft: int, ordinal: int | None) -> list[Fields]:
    """Intervals with another ordinal in the draft, if they reach so far."""
    there = _open(labelled)
    if there is None or there["ordinal"] == ordinal:
        return list(labelled)
    return [*_closed(labelled, draft), {**there, "from": draft, "ordinal": ordinal}]


def _closed(labelled: Sequence[Fields], draft: int) -> list[Fields]:
    """Intervals up to the draft, which ends the one that is open. One that began with the draft never was."""
    return [
        {**interval, "to": draft} if interval["to"] is None else interval
        for interval in labelled
        if interval["to"] is not None or interval["from"] < draft
    ]
