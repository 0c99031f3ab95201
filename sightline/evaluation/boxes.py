"""From flat lists of boxes, in any order, to evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.arrays import Bools, Floats, Ints, Longs
from sightline.evaluation.evidence import Evidence, PredictionColumns, Spans, TruthColumns
from sightline.evaluation.ordering import canonical_order
from sightline.evaluation.pairs import find_pairs, spans
from sightline.kernel import InInts, InLongs, kernel


@dataclass(frozen=True, slots=True)
class TruthBoxes:
    """Truths in file order. `row` is an index into the rows; `box` is (n, 4): x, y, width, height in pixels."""

    row: Ints
    class_id: Ints
    box: Floats
    area: Floats
    crowd: Bools


@dataclass(frozen=True, slots=True)
class PredictionBoxes:
    """Predictions in upload order; their area is width x height."""

    row: Ints
    class_id: Ints
    box: Floats
    confidence: Floats


def evidence_of_boxes(
    truths: TruthBoxes, predictions: PredictionBoxes, ordinal: Longs, class_count: int, *, kind: str = "box"
) -> Evidence:
    """Evidence of rows whose places in the dataset's order are `ordinal`; class ids are below `class_count`."""
    truth_order, truth_rows = _by_row(truths.row, len(ordinal))
    crowd = truths.crowd[truth_order]
    order, rows = _by_row(predictions.row, len(ordinal))
    place = (np.arange(len(order)) - np.repeat(rows.start, rows.count)).astype(np.int32)
    canonical = canonical_order(predictions.class_id[order], predictions.confidence[order], place, rows)
    order = order[canonical]
    box = predictions.box[order]
    pairs, pair_rows = find_pairs(box, rows, truths.box[truth_order], crowd, truth_rows, kind=kind)
    return Evidence(
        class_count,
        ordinal,
        TruthColumns(truths.class_id[truth_order], truths.area[truth_order], crowd),
        truth_rows,
        PredictionColumns(
            predictions.class_id[order], predictions.confidence[order], box[:, 2] * box[:, 3], place[canonical]
        ),
        rows,
        pairs,
        pair_rows,
    )


def _by_row(row: Ints, row_count: int) -> tuple[Ints, Spans]:
    """Where the entries of each row are, row after row, each row's in the order they came in."""
    rows = spans(np.bincount(row, minlength=row_count).astype(np.int32))
    return _scatter(row, rows.start), rows


@kernel
def _scatter(row: InInts, start: InLongs) -> Ints:
    to = start.copy()
    order = np.empty(len(row), np.int32)
    for i in range(len(row)):
        order[to[row[i]]] = i
        to[row[i]] += 1
    return order
