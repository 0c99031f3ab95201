"""Group `metrics.rows`: what truth and predictions amount to, row by row.

Pure: events and state in, writes and events out.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.common.eventlog.handling import (
    Batch,
    Delivery,
    Document,
    Handler,
    Outcome,
    Read,
    Refused,
    Replace,
    State,
    UpdateMany,
    Write,
)
from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.topics import GROUND_TRUTH, PREDICTIONS, row_key
from services.common.readmodel import collections
from services.metrics.columns import PredictionTable, prediction_table, truth_faults
from services.metrics.memory import KnownRun, PartitionMemory, memory_id
from services.metrics.needs import first_reads
from services.metrics.rows import NO_PAIRS, RUN_ROWS, RunRows
from services.metrics.touches import Touches
from services.metrics.truths import TRUTHS, TruthBook

ROW_PARTITIONS = collections.ROW_PARTITIONS.name
SCHEMA_VERSION = 1
LONGEST_GLOBAL_KEY = 200
_ROWS_AN_UPDATE = 10_000

TOPICS = (GROUND_TRUTH, PREDICTIONS)
"""In the order in which a batch presents them."""

_PAYLOADS = {
    GROUND_TRUTH: {"ground_truth_replaced", "import_ended", "marker"},
    PREDICTIONS: {"predictions_upserted", "predictions_deleted", "import_ended", "marker"},
}


class Invalid(Exception):
    """An event can never become valid; the message says why."""


class RowsHandler(Handler):
    """Keeps `truths`, `run_rows` and the memory of a row partition."""

    def __init__(self, row_partitions: int) -> None:
        self._row_partitions = row_partitions

    def recall(self, partition: int) -> Sequence[Read]:
        """The partition's memory."""
        return [Read(ROW_PARTITIONS, {"_id": memory_id(partition)})]

    def remember(self, partition: int, state: State) -> PartitionMemory:
        """The memory as it was stored."""
        return PartitionMemory.of_document(partition, next(iter(state.get(ROW_PARTITIONS, ())), None))

    def reads(self, batch: Batch, memory: PartitionMemory) -> Sequence[Read]:
        """What the batch names. `needs.two_step_loader` reads on from there."""
        return first_reads(batch, memory)

    def handle(self, batch: Batch, state: State, memory: PartitionMemory) -> Outcome:
        """Apply the batch: each event in its order to what is known, then all changed rows at once."""
        run_rows = list({document["_id"]: document for document in state.get(RUN_ROWS, ())}.values())
        table = prediction_table(batch.deliveries, run_rows)
        faults = {**table.faults, **truth_faults(batch.deliveries)}
        work = _Work(batch.partition, table, TruthBook(batch.partition, state.get(TRUTHS, ())), run_rows, memory)
        refused: list[Refused] = []
        for position, delivery in enumerate(batch.deliveries):
            try:
                self._check(delivery, faults.get(position))
                work.apply(position, delivery)
            except Invalid as reason:
                refused.append(Refused(delivery, str(reason)))
        return work.outcome(refused)

    def _check(self, delivery: Delivery, fault: str | None) -> None:
        """What can be said of an event by itself."""
        event = delivery.event
        payload = event.WhichOneof("payload")
        if event.schema_version != SCHEMA_VERSION:
            raise Invalid(f"schema version {event.schema_version} is not known here, only {SCHEMA_VERSION}")
        if payload not in _PAYLOADS[delivery.topic]:
            raise Invalid(f"a {payload or 'missing'} payload does not belong on {delivery.topic}")
        _check_ids(project_id=event.project_id)
        match payload:
            case "ground_truth_replaced":
                said = event.ground_truth_replaced
                if said.chunk != 0 or said.chunks > 1:
                    raise Invalid("truth in several chunks is not taken: a row's truth is one event")
            case "predictions_upserted":
                said = event.predictions_upserted
                _check_ids(run_id=said.run_id)
            case "predictions_deleted":
                said = event.predictions_deleted
                _check_ids(run_id=said.run_id)
            case _:
                return
        _check_ids(dataset_id=said.dataset_id)
        if not 0 < len(said.global_key) <= LONGEST_GLOBAL_KEY:
            raise Invalid(f"global_key has not 1 to {LONGEST_GLOBAL_KEY} characters")
        if delivery.key != row_key(event.project_id, said.dataset_id, said.global_key):
            raise Invalid("the key is not project/dataset/global_key of the payload")
        right = partition_of(delivery.key.encode(), self._row_partitions)
        if right != delivery.partition:
            raise Invalid(f"the key belongs to partition {right}: producers place it by murmur2 (murmur2_random)")
        if fault is not None:
            raise Invalid(fault)


class _Work:
    """One batch under way."""

    def __init__(
        self,
        partition: int,
        table: PredictionTable,
        truths: TruthBook,
        run_rows: Sequence[Document],
        memory: PartitionMemory,
    ) -> None:
        self._table = table
        self._truths = truths
        self._rows = RunRows(partition, table, run_rows)
        self._before = self._memory = memory
        self._touches = Touches(partition)
        self._general: list[Write] = []

    def apply(self, position: int, delivery: Delivery) -> None:
        """Apply one event."""
        event = delivery.event
        match event.WhichOneof("payload"):
            case "ground_truth_replaced":
                self._replace_truth(delivery)
            case "predictions_upserted":
                said = event.predictions_upserted
                run = self._run(event.project_id, said.dataset_id, said.run_id)
                self._rows.say(delivery, self._table.said[position], run)
            case "predictions_deleted":
                taken = event.predictions_deleted
                run = self._run(event.project_id, taken.dataset_id, taken.run_id)
                self._rows.take_back(delivery, self._table.said[position], run)
            case "import_ended":
                self._end_import(delivery)
            case _:
                self._mark(delivery)

    def outcome(self, refused: Sequence[Refused]) -> Outcome:
        """What the batch amounts to. General writes come first: rows that the batch names know better."""
        writes, changed = self._rows.settle(self._truths)
        for row in changed:
            if row.cause is not None:
                self._touches.touch(row.run_id, row.cause)
        writes = [*self._general, *self._truths.writes(), *writes]
        if self._memory is not self._before:
            writes.append(Replace(ROW_PARTITIONS, self._memory.document()))
        return Outcome(writes, self._touches.events(), refused, self._memory)

    def _run(self, project_id: str, dataset_id: str, run_id: str) -> KnownRun | None:
        run = self._memory.runs.get(run_id)
        if run is not None and (run.project_id != project_id or run.dataset_id != dataset_id):
            raise Invalid("the run is measured on another dataset")
        return run

    def _replace_truth(self, delivery: Delivery) -> None:
        event = delivery.event
        said = event.ground_truth_replaced
        draft = self._memory.draft(said.dataset_id)
        self._truths.replace(delivery, draft)
        self._rows.truth_changed(delivery, row_key(event.project_id, said.dataset_id, said.global_key), draft)
        for run_id in self._memory.runs_from(said.dataset_id, draft):
            self._touches.touch(run_id, delivery)

    def _end_import(self, delivery: Delivery) -> None:
        event = delivery.event
        ended = event.import_ended
        if ended.run_id:
            self._touches.touch(ended.run_id, delivery, settled=True)
        if not ended.unlabel_others:
            return
        draft = self._memory.draft(ended.dataset_id)
        runs = self._memory.runs_from(ended.dataset_id, draft)
        lost = self._truths.unlabel_others(event.project_id, ended.dataset_id, ended.import_id, draft)
        for row in lost:
            self._rows.truth_changed(delivery, row, draft)
        if runs:
            for start in range(0, len(lost), _ROWS_AN_UPDATE):
                rows = {"row": {"$in": lost[start : start + _ROWS_AN_UPDATE]}, "dataset_version": {"$gte": draft}}
                self._general.append(UpdateMany(RUN_ROWS, rows, {"$set": NO_PAIRS}))
        for run_id in runs:
            self._touches.touch(run_id, delivery, settled=True)

    def _mark(self, delivery: Delivery) -> None:
        marker = delivery.event.marker
        topic, source_offset = delivery.topic, marker.source_offset
        if self._memory.passed(topic, source_offset):
            return
        match marker.WhichOneof("what"):
            case "run_created":
                made = marker.run_created
                self._memory = self._memory.after_run_created(topic, source_offset, delivery.event.project_id, made)
                self._rows.pin(delivery, made.run_id, self._memory.runs[made.run_id])
                self._touches.touch(made.run_id, delivery, settled=True)
            case "version_committed":
                committed = marker.version_committed
                self._memory = self._memory.after_version_committed(topic, source_offset, committed)
                for run_id in self._memory.runs_on(committed.dataset_id, committed.dataset_version):
                    self._touches.touch(run_id, delivery, settled=True)
            case _:
                raise Invalid("a marker that says nothing known here")


def _check_ids(**ids: str) -> None:
    for name, id in ids.items():
        if not id or "/" in id:
            raise Invalid(f"{name} is empty or holds a slash")
