"""The evidence of a run, from its own table and the table of its version's truths."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.common.readmodel.columns.following import RowProgress
from services.common.readmodel.columns.store import SpanColumns
from services.common.readmodel.columns.tables import Layout, RunTable, SplitTable, TruthTable
from sightline.arrays import Longs
from sightline.evaluation.evidence import MINIMUM_OVERLAP, Evidence, PairColumns, PredictionColumns, Spans, TruthColumns

_NO_ROW = -1
_GENERATIONS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class RunColumns:
    """A run at one moment."""

    evidence: Evidence
    rows: Sequence[str]
    """Global keys, one per row of evidence."""
    progress: RowProgress
    accepted: RowProgress | None
    """Where the data rows stand whose splits are the run's scope; None where its scope is all labelled rows."""
    generation: int
    unlabelled_rows: int
    """Rows of which the run says something, and that aren't labelled in its version: they are in no metric."""
    unlabelled_predictions: int


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that a run is measured on: those of some splits, as the table has them now."""

    table: SplitTable
    splits: tuple[str, ...]

    def narrow(self, layout: Layout) -> Layout:
        """The rows of a layout that are in scope."""
        inside = self.table.are_in(self.splits, layout.names)
        names = [name for name, there in zip(layout.names, inside.tolist(), strict=True) if there]
        return Layout(layout.rows[inside], layout.ordinals[inside], names)


class JoinedRun:
    """Keeps which row of the run is which row of the truths, and makes evidence of both when something has changed."""

    def __init__(self, run: RunTable, truths: TruthTable, scope: Scope | None = None) -> None:
        self._run = run
        self._truths = truths
        self._scope = scope
        self._narrowed: tuple[Layout, int, Layout] | None = None
        """A layout, how often splits had changed, and what of it was in scope."""
        self._run_row: Longs = np.empty(0, np.int64)  # by row of the truths
        self._run_rows_seen = 0
        self._truth_rows_seen = 0
        self._made: tuple[int, int, int] | None = None
        self._current: RunColumns

    def at(self, progress: RowProgress, accepted: RowProgress) -> RunColumns:
        """The run as it stands there, which is where all its tables stand."""
        tables = self._run.changes, self._truths.changes, self._scope.table.changes if self._scope else 0
        within = accepted if self._scope else None
        if self._made != tables:
            self._match_rows()
            self._current = self._make(progress, within)
            self._made = tables
        elif self._current.progress is not progress or self._current.accepted is not within:
            self._current = replace(self._current, progress=progress, accepted=within)
        return self._current

    def _layout(self) -> Layout:
        """The rows that are measured."""
        everything, scope = self._truths.layout, self._scope
        if scope is None:
            return everything
        changes = scope.table.changes
        if self._narrowed is None or self._narrowed[0] is not everything or self._narrowed[1] != changes:
            self._narrowed = everything, changes, scope.narrow(everything)
        return self._narrowed[2]

    def _match_rows(self) -> None:
        """Find the counterparts of rows that are new on either side. Numbers of rows stay, so the rest stands."""
        run, truths = self._run, self._truths
        seen_in_truths, total = self._truth_rows_seen, len(truths.names)
        fresh = [run.numbers.get(name, _NO_ROW) for name in truths.names[seen_in_truths:]]
        self._run_row = np.concatenate((self._run_row, np.array(fresh, np.int64)))
        for number in range(self._run_rows_seen, len(run.names)):
            row = truths.numbers.get(run.names[number], _NO_ROW)
            if row != _NO_ROW:
                self._run_row[row] = number
        self._truth_rows_seen, self._run_rows_seen = total, len(run.names)

    def _make(self, progress: RowProgress, accepted: RowProgress | None) -> RunColumns:
        run, truths, layout = self._run, self._truths, self._layout()
        rows = self._run_row[layout.rows]
        predictions = run.predictions
        prediction_rows = _spans(predictions, rows)
        measured = rows[rows != _NO_ROW]
        labelled = self._run_row[truths.layout.rows]
        labelled = labelled[labelled != _NO_ROW]
        return RunColumns(
            evidence=Evidence(
                class_count=max(run.class_count, truths.class_count),
                ordinal=layout.ordinals,
                truths=TruthColumns(
                    truths.truths.column("class_ids"), truths.truths.column("areas"), truths.truths.column("crowds")
                ),
                truth_rows=_spans(truths.truths, layout.rows),
                predictions=PredictionColumns(
                    predictions.column("class_ids"),
                    predictions.column("confidences"),
                    predictions.column("areas"),
                    predictions.column("places"),
                ),
                prediction_rows=prediction_rows,
                pairs=PairColumns(
                    run.pairs.column("pair_predictions"),
                    run.pairs.column("pair_truths"),
                    run.pairs.column("pair_overlaps"),
                ),
                pair_rows=_spans(run.pairs, rows),
                least_overlap=float(run.least_overlap[measured].max(initial=MINIMUM_OVERLAP)),
            ),
            rows=layout.names,
            progress=progress,
            accepted=accepted,
            generation=next(_GENERATIONS),
            unlabelled_rows=int(run.there.sum() - run.there[labelled].sum()),
            unlabelled_predictions=predictions.live - int(_spans(predictions, labelled).count.sum()),
        )


def _spans(columns: SpanColumns, rows: Longs) -> Spans:
    """The spans of these rows; where there is no row, an empty one."""
    if not len(columns.start):
        return Spans(np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int32))
    start, count = columns.start[rows], columns.count[rows]
    start[rows == _NO_ROW] = 0
    count[rows == _NO_ROW] = 0
    return Spans(start, count)
