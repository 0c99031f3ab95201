"""Group `metrics.rows`: what truth and predictions amount to, row by row.

Pure: events and state in, writes and events out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from services.common import markers
from services.common.documents import DeleteMany, Document, Read, Replace, State, UpdateMany, Write
from services.common.eventlog.placement import partitions_of
from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS, row_key
from services.common.readmodel import collections
from services.common.readmodel.collections import under
from services.common.row_checks import Invalid, Misplaced, check_id, checked_row, truth_faults
from services.common.row_limits import BATCH_BYTES
from services.common.runloop.handling import Batch, Delivery, Handler, Outcome, Outgoing, PassedOver, Refused
from services.common.versions import FIRST_DRAFT
from services.metrics.chunks import TRUTH_CHUNKS, ChunkBook
from services.metrics.columns import prediction_table
from services.metrics.memory import KnownRun, PartitionMemory, memory_id
from services.metrics.needs import first_reads, further_reads
from services.metrics.rows import NO_PAIRS, RUN_ROWS, RunRows, TooMuch
from services.metrics.touches import Touches, new_row_event
from services.metrics.truths import TRUTHS, TruthBook
from sightline.wire.events.v1.event_pb2 import Event, Place
from sightline.wire.events.v1.markers_pb2 import RowOrdered
from sightline.wire.events.v1.predictions_pb2 import PredictionsUpserted

ROW_PARTITIONS = collections.ROW_PARTITIONS.name
_ROWS_AN_UPDATE = 10_000

TOPICS = (GROUND_TRUTH, PREDICTIONS)
"""In the order in which a batch presents them."""


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
        """What the batch names."""
        return first_reads(batch, memory)

    def further_reads(self, batch: Batch, state: State) -> Sequence[Read]:
        """What the batch doesn't name, and markers in it change."""
        return further_reads(batch, state)

    def handle(self, batch: Batch, state: State, memory: PartitionMemory) -> Outcome:
        """Apply the batch: each event in its order to what is known, then all changed rows at once."""
        deliveries = batch.deliveries
        payloads = [delivery.event.WhichOneof("payload") for delivery in deliveries]
        found = state.get(RUN_ROWS, ())
        run_rows = list({document["_id"]: document for document in found if "boxes" in document}.values())
        if len({document["_id"] for document in found}) > len(run_rows):
            if len(deliveries) > 1:
                raise TooMuch("more waits for a run than can be pinned to it at once")
            if _makes_known(deliveries[0], memory):
                return self._pin_some(batch, state, memory, run_rows)
        table = prediction_table(deliveries, payloads, run_rows)
        truth_fault = truth_faults(deliveries, payloads)
        partitions = partitions_of([delivery.key.encode() for delivery in deliveries], self._row_partitions)
        work = _Work(
            memory,
            ChunkBook(batch.partition, state.get(TRUTH_CHUNKS, ())),
            TruthBook(batch.partition, state.get(TRUTHS, ())),
            RunRows(batch.partition, table, run_rows, one_event=len(deliveries) == 1),
            batch.rev,
        )
        refused: list[Refused] = []
        moved: list[Outgoing] = []
        for position, (delivery, payload) in enumerate(zip(deliveries, payloads, strict=True)):
            event = delivery.event
            try:
                match payload:
                    case "predictions_upserted":
                        said = event.predictions_upserted
                        row = checked_row(delivery, said, partitions[position])
                        if work.repeats_a_move(event):
                            continue
                        _refuse(table.faults.get(position) or _unnamed(said))
                        if not work.passes_over(delivery, said.dataset_id, said.run_id):
                            run = work.run_of(event.project_id, said.dataset_id, said.run_id)
                            if run and not run.has_class(table.highest_class.get(position, 0)):
                                raise Invalid(f"a class id is above {run.highest_class}, the last that the run has")
                            work.rows.say(delivery, said, row, table.said[position], run)
                    case "predictions_deleted":
                        taken = event.predictions_deleted
                        checked_row(delivery, taken, partitions[position])
                        if work.repeats_a_move(event):
                            continue
                        _refuse(table.faults.get(position))
                        if not work.passes_over(delivery, taken.dataset_id, taken.run_id):
                            run = work.run_of(event.project_id, taken.dataset_id, taken.run_id)
                            work.rows.take_back(delivery, taken, table.said[position], run)
                    case "ground_truth_replaced":
                        truth = event.ground_truth_replaced
                        row = checked_row(delivery, truth, partitions[position])
                        if not work.passes_over(delivery, truth.dataset_id):
                            work.replace_truth(delivery, row, truth_fault.get(position))
                    case "ground_truth_removed":
                        removed = event.ground_truth_removed
                        row = checked_row(delivery, removed, partitions[position])
                        if not work.passes_over(delivery, removed.dataset_id):
                            work.remove_truth(delivery, row)
                    case "import_ended":
                        work.end_import(delivery)
                    case "marker":
                        work.mark(delivery)
                    case _:
                        raise Invalid(f"{payload or 'an event without payload'} means nothing here")
            except Invalid as reason:
                if isinstance(reason, Misplaced) and delivery.topic == PREDICTIONS:
                    # Producers put events there themselves, and not every client places keys by murmur2.
                    moved.append(_moved(delivery, reason.partition))
                else:
                    refused.append(Refused(delivery, str(reason)))
        if work.copied > BATCH_BYTES and len(deliveries) > 1:
            raise TooMuch(f"{work.copied:,} bytes of truths at once")
        try:
            return work.outcome(refused, moved)
        except TooMuch as reason:
            if len(deliveries) > 1:
                raise
            return work.refusal(Refused(deliveries[0], str(reason)))

    def _pin_some(self, batch: Batch, state: State, memory: PartitionMemory, run_rows: Sequence[Document]) -> Outcome:
        """A run got known for which too much had waited: some of it is pinned, and the marker comes again.

        The run is known from here on, so that another truth is paired with what is pinned; the marker is not noted yet,
        so nobody takes the run for measured.
        """
        (delivery,) = batch.deliveries
        marker = delivery.event.marker
        made = marker.run_created
        table = prediction_table((), (), run_rows)
        rows = RunRows(batch.partition, table, run_rows, one_event=True)
        truths = TruthBook(batch.partition, state.get(TRUTHS, ()))
        known = memory.with_run(delivery.event.project_id, marker.source_offset, made)
        rows.pin(delivery, made.run_id, known.runs[made.run_id])
        writes, _ = rows.settle(truths)
        return Outcome(
            writes=[*writes, Replace(ROW_PARTITIONS, known.document())],
            events=_new_rows(rows, batch.partition),
            refused=[*rows.unknown_classes(), *rows.without_pairs()],
            memory=known,
            more=True,
        )


def _makes_known(delivery: Delivery, memory: PartitionMemory) -> bool:
    """Whether a marker tells of a run that isn't deleted since."""
    made = delivery.event.marker.run_created
    gone = made.run_id in memory.deleted_runs or made.dataset_id in memory.deleted_datasets
    return bool(made.run_id) and delivery.topic == PREDICTIONS and not gone


def _new_rows(rows: RunRows, partition: int) -> list[Outgoing]:
    """Rows that are made because a run that may do so predicted something there."""
    return [
        Outgoing(DATA_ROWS, row.row, new_row_event(cause, row.dataset_id, row.global_key), partition)
        for cause, row in rows.new_rows()
    ]


def _moved(delivery: Delivery, partition: int) -> Outgoing:
    """An event on its way to the right partition. It says where it lay, so that a repeat changes nothing there."""
    event = Event()
    event.CopyFrom(delivery.event)
    event.moved_from.CopyFrom(Place(partition=delivery.partition, offset=delivery.offset))
    return Outgoing(delivery.topic, delivery.key, event, partition)


def _unnamed(said: PredictionsUpserted) -> str | None:
    """Outside an import nobody can tell a repeat from another prediction of the same content."""
    if said.boxes.count and not said.boxes.uuids and not said.import_id:
        return "predictions outside an import need uuids: 16 bytes for each"
    return None


def _refuse(fault: str | None) -> None:
    if fault is not None:
        raise Invalid(fault)


class _Work:
    """One batch under way."""

    def __init__(self, memory: PartitionMemory, chunks: ChunkBook, truths: TruthBook, rows: RunRows, rev: int) -> None:
        self.rows = rows
        self._chunks = chunks
        self._truths = truths
        self._before = self._memory = memory
        self._touches = Touches(memory.partition, rev)
        self._general: list[Write] = []
        self._passed_over = Counter[PassedOver]()

    @property
    def copied(self) -> int:
        """Bytes of truths that are written again, though no event of the batch holds them."""
        return self._truths.copied

    def repeats_a_move(self, event: Event) -> bool:
        """Whether an event came here from another partition, and came before. If it is the first time, remember it."""
        if not event.HasField("moved_from"):
            return False
        if self._memory.has_moved(event.moved_from):
            self._passed_over["repeat"] += 1
            return True
        self._memory = self._memory.after_move(event.moved_from)
        return False

    def run_of(self, project_id: str, dataset_id: str, run_id: str) -> KnownRun | None:
        """The run that a prediction event names; None while no marker has told of it."""
        run = self._memory.runs.get(run_id)
        if run is None:
            check_id("run_id", run_id)
        elif run.project_id != project_id or run.dataset_id != dataset_id:
            raise Invalid("the run is measured on another dataset")
        elif run.sealed:
            raise Invalid("the run is sealed: it takes no more predictions")
        return run

    def passes_over(self, delivery: Delivery, dataset_id: str, run_id: str = "") -> bool:
        """Whether an event is about something that was deleted, or comes from an import that had failed."""
        if self._is_gone(dataset_id, run_id):
            self._passed_over["deleted"] += 1
            return True
        if self._memory.failed_imports.speak(delivery.topic, delivery.event):
            self._passed_over["failed_import"] += 1
            return True
        return False

    def _is_gone(self, dataset_id: str, run_id: str = "") -> bool:
        """Whether something was deleted. That wins, whatever still comes for it."""
        return dataset_id in self._memory.deleted_datasets or run_id in self._memory.deleted_runs

    def replace_truth(self, delivery: Delivery, row: str, fault: str | None) -> None:
        """Apply `GroundTruthReplaced`, once it is complete."""
        columns = self._chunks.take(delivery, row, fault)
        if columns is None:
            return
        said = delivery.event.ground_truth_replaced
        draft = self._memory.draft(said.dataset_id)
        if said.only_unlabelled and self._truths.at(row, draft.version) is not None:
            return
        self._truths.replace(delivery, row, columns, draft)
        self._truth_changed(delivery, said.dataset_id, row, draft.version)

    def remove_truth(self, delivery: Delivery, row: str) -> None:
        """Apply `GroundTruthRemoved`."""
        dataset_id = delivery.event.ground_truth_removed.dataset_id
        draft = self._memory.draft(dataset_id)
        self._chunks.forget_row(row)
        self._truths.remove(row, draft)
        self._truth_changed(delivery, dataset_id, row, draft.version)

    def _truth_changed(
        self, delivery: Delivery, dataset_id: str, row: str, since: int, *, settled: bool = False
    ) -> None:
        """Pair a row again for every run that is measured on it from a version on."""
        runs = self._memory.runs_from(dataset_id, since)
        if runs:
            self.rows.truth_changed(delivery, row, since)
        for run_id in runs:
            self._touches.touch(run_id, delivery, settled=settled)

    def end_import(self, delivery: Delivery) -> None:
        """Apply `ImportEnded`: it touches its run, or all that are measured on its draft, whatever it changed."""
        event, ended = delivery.event, delivery.event.import_ended
        if (delivery.topic == PREDICTIONS) != bool(ended.run_id) or (ended.run_id and ended.unlabel_others):
            raise Invalid("an import of predictions names its run, and one of truth names none")
        if self.passes_over(delivery, ended.dataset_id, ended.run_id):
            return
        if ended.run_id:
            self._touches.touch(ended.run_id, delivery, settled=True)
            return
        self._chunks.forget(event.project_id, ended.dataset_id, None if ended.unlabel_others else ended.import_id)
        draft = self._memory.draft(ended.dataset_id)
        runs = self._memory.runs_from(ended.dataset_id, draft.version)
        for run_id in runs:
            self._touches.touch(run_id, delivery, settled=True)
        if not ended.unlabel_others:
            return
        lost = self._truths.unlabel_others(event.project_id, ended.dataset_id, ended.import_id, draft)
        if not runs:
            return
        for start in range(0, len(lost), _ROWS_AN_UPDATE):
            rows = {"row": {"$in": lost[start : start + _ROWS_AN_UPDATE]}, "dataset_version": {"$gte": draft.version}}
            self._general.append(UpdateMany(RUN_ROWS, rows, {"$set": NO_PAIRS}))

    def mark(self, delivery: Delivery) -> None:
        """Apply a marker, unless it repeats one: what it is about is measured again."""
        project_id, topic, marker = delivery.event.project_id, delivery.topic, delivery.event.marker
        what = marker.WhichOneof("what") or ""
        if topic not in markers.TOPICS.get(what, ()):
            raise Invalid(f"{what or 'a marker that says nothing'} means nothing in {topic}")
        if self._memory.passed(topic, marker):
            self._passed_over["repeat"] += 1
            return
        self._memory = self._memory.after(topic, marker)
        match what:
            case "run_created":
                made = marker.run_created
                if not self._is_gone(made.dataset_id, made.run_id):
                    self._memory = self._memory.with_run(project_id, marker.source_offset, made)
                    self.rows.pin(delivery, made.run_id, self._memory.runs[made.run_id])
                    self._touches.touch(made.run_id, delivery, settled=True)
            case "run_sealed":
                self._memory = self._memory.with_sealed(marker.run_sealed.run_id, sealed=True)
            case "run_reopened":
                self._memory = self._memory.with_sealed(marker.run_reopened.run_id, sealed=False)
            case "runs_deleted":
                self._drop_runs(delivery, marker.runs_deleted.run_ids)
            case "version_committed":
                committed = marker.version_committed
                self._memory = self._memory.with_committed(committed)
                self._chunks.forget(project_id, committed.dataset_id)
                for run_id in self._memory.runs_on(committed.dataset_id, committed.dataset_version):
                    self._touches.touch(run_id, delivery, settled=True)
            case "version_deleted":
                gone = marker.version_deleted
                self._drop_runs(delivery, gone.run_ids)
                if topic == GROUND_TRUTH:
                    self._drop_version(project_id, gone.dataset_id, gone.dataset_version)
            case "dataset_deleted":
                self._drop_dataset(delivery, marker.dataset_deleted.dataset_id, marker.dataset_deleted.run_ids)
            case "import_failed" if topic == GROUND_TRUTH:
                ended = marker.import_failed
                self._chunks.forget(project_id, ended.dataset_id, ended.import_id)
            case "row_deleted":
                self._drop_row(delivery, marker.row_deleted.dataset_id, marker.row_deleted.global_key)
            case "row_ordered":
                self._order_row(delivery, marker.row_ordered)
            case _:
                pass

    def _drop_runs(self, delivery: Delivery, run_ids: Sequence[str]) -> None:
        self._memory = self._memory.without_runs(run_ids)
        self.rows.drop_runs(set(run_ids))
        if run_ids:
            of_runs = {"run_id": {"$in": list(run_ids)}, "partition": self._memory.partition}
            self._general.append(DeleteMany(RUN_ROWS, of_runs, for_good=True))
        for run_id in run_ids:
            self._touches.deleted(run_id, delivery)

    def _drop_version(self, project_id: str, dataset_id: str, version: int) -> None:
        """Truth that no other version has."""
        if not self._is_gone(dataset_id):
            self._memory = self._memory.without_version(dataset_id, version)
        self._truths.drop_versions(project_id, dataset_id, self._memory.deleted_with(dataset_id, version))

    def _drop_dataset(self, delivery: Delivery, dataset_id: str, run_ids: Sequence[str]) -> None:
        """Truth, and what runs say: also of runs that nobody has told of yet."""
        project_id = delivery.event.project_id
        self._drop_runs(delivery, run_ids)
        self._memory = self._memory.without_dataset(dataset_id)
        self.rows.drop_dataset(project_id, dataset_id)
        self._truths.drop_dataset(project_id, dataset_id)
        self._chunks.forget(project_id, dataset_id)
        rows = {"row": under(project_id, dataset_id), "partition": self._memory.partition}
        self._general.append(DeleteMany(RUN_ROWS, rows, for_good=True))

    def _drop_row(self, delivery: Delivery, dataset_id: str, global_key: str) -> None:
        """In the topic of truth the row's truth, in that of predictions what runs say of it."""
        row = row_key(delivery.event.project_id, dataset_id, global_key)
        if delivery.topic == GROUND_TRUTH:
            self._chunks.forget_row(row)
            self._truths.drop_row(row)
            self._truth_changed(delivery, dataset_id, row, FIRST_DRAFT, settled=True)
        else:
            self.rows.drop_row(row)
            self._general.append(DeleteMany(RUN_ROWS, {"row": row}))
            for run_id in self._memory.runs_from(dataset_id, FIRST_DRAFT):
                self._touches.touch(run_id, delivery, settled=True)

    def _order_row(self, delivery: Delivery, said: RowOrdered) -> None:
        """The truth of a row has another place in the draft. Its pairs are as they were."""
        row = row_key(delivery.event.project_id, said.dataset_id, said.global_key)
        draft = self._memory.draft(said.dataset_id)
        if self._truths.order(row, said.ordinal if said.HasField("ordinal") else None, draft):
            for run_id in self._memory.runs_from(said.dataset_id, draft.version):
                self._touches.touch(run_id, delivery)

    def outcome(self, refused: Sequence[Refused], moved: Sequence[Outgoing]) -> Outcome:
        """What the batch amounts to. What concerns many rows is written first: rows that it names are known better."""
        row_writes, changed = self.rows.settle(self._truths)
        for run_id, cause in changed:
            self._touches.touch(run_id, cause)
        writes = [*self._general, *self._chunks.writes(), *self._truths.writes(), *row_writes, *self._touches.writes()]
        writes += self._memory_writes()
        refused = [*refused, *self.rows.unknown_classes(), *self.rows.without_pairs()]
        events = [*moved, *self._touches.events(), *_new_rows(self.rows, self._memory.partition)]
        return Outcome(writes, events, refused, self._memory, moved=len(moved), passed_over=self._passed_over)

    def refusal(self, refused: Refused) -> Outcome:
        """What comes of one event that can't be applied: nothing that it says is remembered, whatever it is.

        Only that it was moved here, if it was: a repeat of it is passed over too.
        """
        self._memory = self._before
        self.repeats_a_move(refused.delivery.event)
        return Outcome(self._memory_writes(), refused=[refused], memory=self._memory)

    def _memory_writes(self) -> list[Write]:
        return [] if self._memory is self._before else [Replace(ROW_PARTITIONS, self._memory.document())]
