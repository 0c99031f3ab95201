"""What is kept of a run so that any threshold can be answered later.

Evidence is columns. A *row* of evidence is one part of one labelled data row (for an image: the row itself). Its
predictions, truths and pairs are spans of three column sets; a span is named by a start and a count, so rows
may lie in any order, share truth columns with other runs, and leave dead gaps behind when they are replaced.

Canonical order inside a row, which every kernel relies on:

* predictions: by class id ascending, confidence descending, then place (upload order);
* truths: file order;
* pairs: by prediction (its index inside the row), then truth (its index inside the row).
"""

from __future__ import annotations

from dataclasses import dataclass

from sightline.arrays import Bools, Floats, Ints, Longs

MINIMUM_OVERLAP = 0.05
"""Pairs that overlap less are not kept, so no IoU threshold below it can be asked."""

STRICTEST_IOU = 1 - 1e-10
"""What pycocotools asks of an overlap at most, so that equal boxes match at IoU 1 in spite of rounding."""


@dataclass(frozen=True, slots=True)
class TruthColumns:
    """Truths of many rows. All arrays have one entry per truth."""

    class_id: Ints
    area: Floats
    crowd: Bools


@dataclass(frozen=True, slots=True)
class PredictionColumns:
    """Predictions of many rows. All arrays have one entry per prediction.

    `confidence` counts an absent confidence as 1; `place` is the prediction's place in its row's upload order.
    """

    class_id: Ints
    confidence: Floats
    area: Floats
    place: Ints


@dataclass(frozen=True, slots=True)
class PairColumns:
    """Pairs of many rows. `prediction` and `truth` are indices inside the row's own spans."""

    prediction: Ints
    truth: Ints
    overlap: Floats


@dataclass(frozen=True, slots=True)
class Spans:
    """Where each row's entries lie in a column set: `start[r] .. start[r] + count[r]`."""

    start: Longs
    count: Ints


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of one run over the rows in its scope.

    `ordinal` (one per row) is the row's place in the dataset's order: equal confidences across rows go by it.
    `class_count` is one more than the highest class id: kernels allocate by it. Pairs that overlap less than
    `least_overlap` may be missing: what is asked at a lower IoU isn't exact.
    """

    class_count: int
    ordinal: Longs
    truths: TruthColumns
    truth_rows: Spans
    predictions: PredictionColumns
    prediction_rows: Spans
    pairs: PairColumns
    pair_rows: Spans
    least_overlap: float = MINIMUM_OVERLAP

    @property
    def row_count(self) -> int:
        """Number of rows in scope."""
        return len(self.ordinal)
