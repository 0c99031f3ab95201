"""From geometry to pairs: the only place where overlap is measured."""

from __future__ import annotations

import numpy as np

from sightline.arrays import Bools, Floats, Ints, Longs
from sightline.evaluation.evidence import MINIMUM_OVERLAP, PairColumns, Spans
from sightline.evaluation.overlap import overlap_of
from sightline.evaluation.threads import in_chunks

TOO_MANY = -1
"""Stands for the number of pairs of a row that has more than may be kept."""
NO_LIMIT = 2**62


def find_pairs(
    predictions: Floats,
    prediction_rows: Spans,
    truths: Floats,
    crowd: Bools,
    truth_rows: Spans,
    *,
    kind: str = "box",
    most: Longs | None = None,
    minimum: float = MINIMUM_OVERLAP,
) -> tuple[PairColumns, Spans]:
    """Pairs of all rows whose overlap is at least `minimum`, across classes, sorted by prediction, then truth.

    For boxes, `predictions` is (P, 4) and `truths` (T, 4): x, y, width, height in pixels. Predictions are expected in
    canonical order, since pairs name them by their index inside the row. A row with more pairs than `most` says of it
    has none, and `TOO_MANY` for its count. Raises KeyError for an unknown `kind`.
    """
    find = overlap_of(kind)
    row_count = len(prediction_rows.start)
    predictions, truths = np.ascontiguousarray(predictions, np.float64), np.ascontiguousarray(truths, np.float64)
    crowd = np.ascontiguousarray(crowd, np.bool_)
    most_pairs = np.full(row_count, NO_LIMIT, np.int64) if most is None else np.ascontiguousarray(most, np.int64)
    count = np.zeros(row_count, np.int32)

    def find_in(rows: Longs) -> tuple[Ints, Ints, Floats]:
        return find(
            predictions,
            prediction_rows.start,
            prediction_rows.count,
            truths,
            crowd,
            truth_rows.start,
            truth_rows.count,
            rows,
            minimum,
            most_pairs,
            count,
        )

    chunks = in_chunks(find_in, np.arange(row_count), prediction_rows.count)
    columns = PairColumns(
        np.concatenate([prediction for prediction, _, _ in chunks]),
        np.concatenate([truth for _, truth, _ in chunks]),
        np.concatenate([overlap for _, _, overlap in chunks]),
    )
    return columns, Spans(spans(np.maximum(count, 0)).start, count)


def spans(count: Ints) -> Spans:
    """Spans of rows that lie one after the other, `count[r]` entries each."""
    start = np.zeros(len(count), np.int64)
    np.cumsum(count[:-1], out=start[1:])
    return Spans(start, count)
