"""What runs say of the rows of a batch: told event by event, settled for all rows at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.common.documents import Delete, Document, Replace, Update, Write
from services.common.readmodel import collections
from services.common.row_limits import BATCH_BYTES, MOST_PREDICTIONS, PAIR_BYTES, PREDICTION_BYTES
from services.common.runloop.handling import Delivery, Refused
from services.metrics.columns import Block, PredictionTable
from services.metrics.heard import NOBODY, HeardImports
from services.metrics.memory import KnownRun
from services.metrics.merging import ADD, ALONE, BIT, CLASSES, CLEAR, NEW_IMPORT, Merged, Statements, merge
from services.metrics.pairing import pair
from services.metrics.truths import Truth, TruthBook
from sightline.evaluation import canonical_order
from sightline.evaluation.evidence import MINIMUM_OVERLAP, Spans
from sightline.wire.events.v1.predictions_pb2 import (
    IMPORT_MODE_ADD,
    IMPORT_MODE_REPLACE,
    PredictionsDeleted,
    PredictionsUpserted,
)

RUN_ROWS = collections.RUN_ROWS.name
NO_PAIRS = {
    "pair_count": 0,
    "pair_predictions": b"",
    "pair_truths": b"",
    "pair_overlaps": b"",
    "least_overlap": MINIMUM_OVERLAP,
}
"""The pairs of a run row without any. These fields are all that another truth changes of it."""


class TooMuch(Exception):
    """A batch is more than can be applied at once: it has to be halved. If it is one event, that can't be applied."""


def run_row_id(project_id: str, dataset_id: str, run_id: str, global_key: str, run: KnownRun | None) -> str:
    """The `_id` of what a run says of a row.

    Until the run is known, nobody can say of which dataset it speaks, and rows of two datasets may lie in different
    partitions under one name: so the dataset is part of the id of what is pending.
    """
    return f"{project_id}/{run_id}/{global_key}" if run else f"{project_id}/{run_id}@{dataset_id}/{global_key}"


@dataclass(slots=True)
class RunRow:
    """What a run says of a row while a batch is applied."""

    id: str
    row: str
    project_id: str
    dataset_id: str
    run_id: str
    global_key: str
    stored: Document | None
    dataset_version: int | None
    imports: HeardImports = NOBODY
    replaced_by: str = ""
    """The last replacing import that spoke of it: only the first of its words clears."""
    statements: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    """Blocks, with how they meet what the row holds in their flags."""
    cause: Delivery | None = None
    """The last delivery that may have changed it."""
    must_write: bool = False
    pinned: Delivery | None = None
    """What made its run known, if that is in the batch."""

    def hear(self, said: PredictionsUpserted) -> int:
        """Take note of who speaks; returns how this meets what the row holds, as flags of a statement.

        A write outside any import is an upload of its own.
        """
        replaces = said.mode == IMPORT_MODE_REPLACE
        if said.mode == IMPORT_MODE_ADD:
            return ALONE | ADD
        if not said.import_id:
            return ALONE | CLEAR if replaces else ALONE
        before, flags = self.imports, 0
        if replaces and self.replaced_by != said.import_id:
            self.imports, self.replaced_by, flags = NOBODY, said.import_id, CLEAR
        if said.import_id not in self.imports.ids:
            flags |= NEW_IMPORT
        self.imports = self.imports.hear(said.import_id)
        self.must_write |= self.imports is not before
        return flags | self.imports.bits[-1] << BIT

    @property
    def is_stored(self) -> bool:
        """Whether all but predictions and pairs is as it is stored."""
        stored = self.stored
        return (
            stored is not None
            and stored["_id"] == self.id
            and stored["dataset_version"] == self.dataset_version
            and _said_by(stored) == (self.imports, self.replaced_by)
        )


class RunRows:
    """The run rows that a batch reads and writes."""

    def __init__(
        self, partition: int, table: PredictionTable, documents: Iterable[Document], *, one_event: bool
    ) -> None:
        """`one_event`: the batch can't be halved."""
        self._one_event = one_event
        self._partition = partition
        self._table = table
        self._rows: dict[str, RunRow] = {}
        self._by_row: dict[str, list[RunRow]] = {}
        self._dropped: list[str] = []
        self._freed = 0
        """Bytes of deleted rows: the transaction holds them too."""
        self._unpaired: dict[tuple[str, int], tuple[Delivery, int]] = {}
        self._unknown_classes: dict[tuple[str, int], tuple[Delivery, int]] = {}
        self._new: dict[str, tuple[Delivery, RunRow]] = {}
        for document in documents:
            self._add(
                RunRow(
                    document["_id"],
                    document["row"],
                    document["project_id"],
                    document["dataset_id"],
                    document["run_id"],
                    document["global_key"],
                    document,
                    document["dataset_version"],
                    *_said_by(document),
                )
            )

    def say(self, delivery: Delivery, said: PredictionsUpserted, row: str, block: Block, run: KnownRun | None) -> None:
        """Apply `PredictionsUpserted` of a row, whose predictions lie at `block`."""
        project_id, dataset_id, run_id = delivery.event.project_id, said.dataset_id, said.run_id
        global_key = said.global_key
        id = run_row_id(project_id, dataset_id, run_id, global_key, run)
        run_row = self._rows.get(id)
        if run_row is None:
            version = run and run.dataset_version
            run_row = RunRow(id, row, project_id, dataset_id, run_id, global_key, None, version, must_write=True)
            self._add(run_row)
            if run and run.accepts_new_rows:
                self._new[id] = delivery, run_row
        start, count, flags = block
        run_row.statements.append((start, count, flags | run_row.hear(said)))
        run_row.cause = delivery

    def take_back(self, delivery: Delivery, taken: PredictionsDeleted, block: Block, run: KnownRun | None) -> None:
        """Apply `PredictionsDeleted`, whose identities lie at `block`. What isn't there stays away."""
        project_id = delivery.event.project_id
        row = self._rows.get(run_row_id(project_id, taken.dataset_id, taken.run_id, taken.global_key, run))
        if row is not None:
            row.statements.append(block)
            row.cause = delivery

    def pin(self, delivery: Delivery, run_id: str, run: KnownRun) -> None:
        """A run got known: what it said before can be measured. What it said of other datasets never will be."""
        for row in [row for row in self._rows.values() if row.run_id == run_id]:
            self._forget(row)
            if row.project_id == run.project_id and row.dataset_id == run.dataset_id:
                row.id = run_row_id(row.project_id, row.dataset_id, run_id, row.global_key, run)
                row.dataset_version, row.cause, row.must_write = run.dataset_version, delivery, True
                row.pinned = delivery
                self._add(row)
                if run.highest_class:
                    row.statements.append((run.highest_class, 0, CLASSES))
                if run.accepts_new_rows:
                    self._new[row.id] = delivery, row

    def drop_runs(self, run_ids: Collection[str]) -> None:
        """What these runs say is taken away by a write that concerns all rows."""
        for row in [row for row in self._rows.values() if row.run_id in run_ids]:
            self._let_go(row)

    def drop_row(self, row: str) -> None:
        """The same for all that is said of a row."""
        for run_row in list(self._by_row.get(row, ())):
            if run_row.stored is not None:
                stored = run_row.stored
                self._freed += PREDICTION_BYTES * stored["count"] + PAIR_BYTES * stored["pair_count"]
            self._let_go(run_row)

    def drop_dataset(self, project_id: str, dataset_id: str) -> None:
        """The same for all that is said of a dataset."""
        of_dataset = project_id, dataset_id
        for row in [row for row in self._rows.values() if (row.project_id, row.dataset_id) == of_dataset]:
            self._let_go(row)

    def truth_changed(self, delivery: Delivery, row: str, version: int) -> None:
        """The truth of a row is another one from a version on."""
        for run_row in self._by_row.get(row, ()):
            if run_row.dataset_version is not None and run_row.dataset_version >= version:
                run_row.cause, run_row.must_write = delivery, True

    def settle(self, truths: TruthBook) -> tuple[list[Write], list[tuple[str, Delivery]]]:
        """Merge, order and pair all that may have changed. Returns what to store, and which run changed by what.

        Raises `TooMuch`.
        """
        self._refuse_too_much(self._freed)
        rows = [row for row in self._rows.values() if row.must_write or row.statements]
        writes: list[Write] = [Delete(RUN_ROWS, id) for id in self._dropped]
        if not rows:
            return writes, []
        merged = self._merge(rows)
        if merged.overfull.any():
            raise TooMuch(f"a run has at most {MOST_PREDICTIONS:,} predictions of a row: with these it would have more")
        for row, unknown in zip(rows, merged.unknown.tolist(), strict=True):
            if unknown:
                _note(self._unknown_classes, row.pinned, unknown)
        changed = merged.changed.tolist()
        places = [i for i, row in enumerate(rows) if row.must_write or changed[i]]
        if not places:
            return writes, []
        rows = [rows[i] for i in places]
        writes += self._stored_anew(rows, _only(merged, places), truths)
        return writes, [(row.run_id, row.cause) for row in rows if row.cause is not None]

    def new_rows(self) -> list[tuple[Delivery, RunRow]]:
        """Rows that runs which may make rows have said something of for the first time, and what said it.

        By the place of what said it, then by row: a repeat is known by that order.
        """
        first: dict[str, tuple[Delivery, RunRow]] = {}
        for cause, row in sorted(self._new.values(), key=lambda new: (new[0].offset, new[1].row)):
            first.setdefault(row.row, (cause, row))
        return list(first.values())

    def unknown_classes(self) -> list[Refused]:
        """What made runs known that had waited with predictions of classes that they don't have."""
        return [
            Refused(cause, f"applied; but {count} predictions that waited for the run are of classes it doesn't have")
            for cause, count in self._unknown_classes.values()
        ]

    def without_pairs(self) -> list[Refused]:
        """What made rows whose pairs are too many to keep: `settle` has kept those rows without."""
        return [
            Refused(
                cause,
                f"applied; but there are more pairs of predictions and truths than can be kept ({count} times a run "
                "and a row), so none is kept there: these predictions count as if they overlapped nothing",
            )
            for cause, count in self._unpaired.values()
        ]

    def _add(self, row: RunRow) -> None:
        self._rows[row.id] = row
        self._by_row.setdefault(row.row, []).append(row)

    def _let_go(self, row: RunRow) -> None:
        del self._rows[row.id]
        self._by_row[row.row].remove(row)
        self._new.pop(row.id, None)

    def _forget(self, row: RunRow) -> None:
        self._let_go(row)
        if row.stored is not None:
            self._dropped.append(row.id)

    def _merge(self, rows: Sequence[RunRow]) -> Merged:
        table = self._table
        statements: list[tuple[int, int, int]] = []
        counts: list[int] = []
        for row in rows:
            before = len(statements)
            if row.stored is not None:
                statements.append(table.stored[row.stored["_id"]])
            statements += row.statements
            counts.append(len(statements) - before)
        count = np.array(counts, np.int32)
        blocks = np.array(statements, np.int64).reshape(-1, 3)
        return merge(
            Statements(
                np.ascontiguousarray(blocks[:, 0]),
                blocks[:, 1].astype(np.int32),
                blocks[:, 2].astype(np.int32),
                Spans(np.cumsum(count, dtype=np.int64) - count, count),
            ),
            table.class_id,
            table.boxes.view(np.uint64),
            table.confidence.view(np.uint64),
            table.identity,
            table.place,
            table.mark,
            np.array([0 if row.stored is None else row.stored["next_place"] for row in rows], np.int32),
            MOST_PREDICTIONS,
        )

    def _stored_anew(self, rows: Sequence[RunRow], merged: Merged, truths: TruthBook) -> Iterable[Write]:
        """The writes of rows, in canonical order and with their pairs. Columns are cut out of bytes made once."""
        source = merged.source
        confidence = self._table.confidence[source]
        counts_as = np.where(np.isnan(confidence), 1.0, confidence)
        order = canonical_order(self._table.class_id[source], counts_as, merged.place, merged.rows)
        source = source[order]
        boxes = self._table.boxes[source]
        self._refuse_too_much(PREDICTION_BYTES * int(merged.rows.count.sum()))
        pairing = pair(boxes, merged.rows, [_truth_of(row, truths) for row in rows])
        pairs = pairing.pairs
        self._refuse_too_much(PREDICTION_BYTES * int(merged.rows.count.sum()) + PAIR_BYTES * len(pairs.overlap))
        class_ids = self._table.class_id[source].tobytes()
        confidences = confidence[order].tobytes()
        areas = (boxes[:, 2] * boxes[:, 3]).tobytes()
        box_bytes = boxes.tobytes()
        places = merged.place[order].tobytes()
        marks = merged.mark[order].astype(np.uint8).tobytes()
        uuids = merged.identity[order].tobytes()
        pair_predictions, pair_truths = pairs.prediction.tobytes(), pairs.truth.tobytes()
        pair_overlaps = pairs.overlap.tobytes()
        spans = zip(merged.rows.start.tolist(), merged.rows.count.tolist(), merged.next_place.tolist(), strict=True)
        paired = zip(
            pairing.rows.start.tolist(), pairing.rows.count.tolist(), pairing.least_overlap.tolist(), strict=True
        )
        for row, changed, (start, count, next_place), (first_pair, pair_count, least) in zip(
            rows, merged.changed.tolist(), spans, paired, strict=True
        ):
            if least == np.inf:
                _note(self._unpaired, row.cause, 1)
            end, last_pair = start + count, first_pair + pair_count
            row_pairs = {
                "least_overlap": None if least == np.inf else least,
                "pair_count": pair_count,
                "pair_predictions": pair_predictions[4 * first_pair : 4 * last_pair],
                "pair_truths": pair_truths[4 * first_pair : 4 * last_pair],
                "pair_overlaps": pair_overlaps[8 * first_pair : 8 * last_pair],
            }
            if not changed and row.is_stored:
                # All of them, though some may be equal: an update of many rows may be written before.
                yield Update(RUN_ROWS, row.id, row_pairs)
                continue
            document: dict[str, Any] = {
                "_id": row.id,
                "row": row.row,
                "project_id": row.project_id,
                "dataset_id": row.dataset_id,
                "run_id": row.run_id,
                "global_key": row.global_key,
                "partition": self._partition,
                "dataset_version": row.dataset_version,
                "imports": row.imports.ids,
                "import_bits": row.imports.bits,
                "replaced_by": row.replaced_by,
                "next_place": next_place,
                "count": count,
                "class_ids": class_ids[4 * start : 4 * end],
                "boxes": box_bytes[32 * start : 32 * end],
                "confidences": confidences[8 * start : 8 * end],
                "areas": areas[8 * start : 8 * end],
                "places": places[4 * start : 4 * end],
                "uuids": uuids[16 * start : 16 * end],
                "import_marks": marks[start:end],
                **row_pairs,
            }
            # Also where it gets another id: looking for that beside what the transaction deletes takes ever longer.
            yield Replace(RUN_ROWS, document, new=row.stored is None or row.stored["_id"] != row.id)

    def _refuse_too_much(self, size: int) -> None:
        if size > BATCH_BYTES and not self._one_event:
            raise TooMuch(f"{size:,} bytes of rows at once")


def _note(notes: dict[tuple[str, int], tuple[Delivery, int]], cause: Delivery | None, count: int) -> None:
    """Add to what is said of a delivery."""
    if cause is not None:
        place = cause.topic, cause.offset
        _, before = notes.get(place, (cause, 0))
        notes[place] = cause, before + count


def _said_by(document: Document) -> tuple[HeardImports, str]:
    """The imports that a stored row was spoken of by, and the last of them that replaced."""
    if "imports" in document:
        return HeardImports(tuple(document["imports"]), document["import_bits"]), document["replaced_by"]
    # Stored when a row remembered one import.
    return (NOBODY.hear(document["import_id"]) if document["import_id"] else NOBODY), document["import_id"]


def _only(merged: Merged, rows: Sequence[int]) -> Merged:
    """The same entries for some of the rows."""
    if len(rows) == len(merged.rows.start):
        return merged
    spans = Spans(merged.rows.start[rows], merged.rows.count[rows])
    return Merged(
        spans,
        merged.source,
        merged.place,
        merged.mark,
        merged.identity,
        merged.next_place[rows],
        merged.changed[rows],
        merged.overfull[rows],
        merged.unknown[rows],
    )


def _truth_of(row: RunRow, truths: TruthBook) -> Truth | None:
    """What a row pairs with: nothing where it isn't labelled, or its run isn't known."""
    return None if row.dataset_version is None else truths.at(row.row, row.dataset_version)
