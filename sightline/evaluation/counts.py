"""How often a model is right and wrong: per class, in total, and per row.

Counts come from raw matches, with no limit on detections. Ignored predictions and crowds are in no count. What is
undefined (the precision of nothing predicted) is NaN here, and null wherever numbers leave the library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.arrays import Bools, Floats, Longs
from sightline.evaluation.evidence import Evidence
from sightline.evaluation.matching import Confidence, Matches, match, thresholds
from sightline.evaluation.ordering import ByConfidence, by_confidence, rows_of
from sightline.evaluation.ratios import ratio
from sightline.evaluation.threads import in_chunks
from sightline.kernel import InBytes, InFloats, InInts, InLongs, kernel


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives and false negatives; one entry per class, or per row."""

    true_positive: Longs
    false_positive: Longs
    false_negative: Longs

    @property
    def support(self) -> Longs:
        """Truths that count: crowds are left out."""
        return self.true_positive + self.false_negative

    @property
    def precision(self) -> Floats:
        """Of what was predicted, how much is right; NaN where nothing was predicted."""
        return ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> Floats:
        """Of what is there, how much was found; NaN where nothing is there."""
        return ratio(self.true_positive, self.support)

    @property
    def f1(self) -> Floats:
        """2 TP / (2 TP + FP + FN), so 0 where truths were missed and nothing was predicted; NaN for nothing at all."""
        doubled = 2 * self.true_positive
        return ratio(doubled, doubled + self.false_positive + self.false_negative)

    def total(self) -> Counts:
        """The counts added up, as counts of one entry: their ratios are the micro averages."""
        return Counts(
            self.true_positive.sum(keepdims=True),
            self.false_positive.sum(keepdims=True),
            self.false_negative.sum(keepdims=True),
        )


@dataclass(frozen=True, slots=True)
class RowValues:
    """What rows are filtered and sorted by; one entry per row, zeros and NaN for rows outside the mask.

    `overlap` is the sum over matched pairs; `minimum_confidence` and `maximum_confidence` are of the predictions from
    their thresholds on, NaN without any.
    """

    counts: Counts
    overlap: Floats
    minimum_confidence: Floats
    maximum_confidence: Floats

    @property
    def iou(self) -> Floats:
        """Overlap per matched pair, unmatched prediction and unmatched truth; NaN where there is none of them."""
        counts = self.counts
        return ratio(self.overlap, counts.true_positive + counts.false_positive + counts.false_negative)


def count(evidence: Evidence, iou: float, confidence: Confidence = None, *, row_mask: Bools | None = None) -> Counts:
    """Counts per class (an entry for every class id) at an IoU and confidence thresholds."""
    return count_matches(evidence, match(evidence, iou, confidence, row_mask=row_mask), row_mask=row_mask)


def count_matches(evidence: Evidence, matches: Matches, *, row_mask: Bools | None = None) -> Counts:
    """Counts per class of matches that are there already (those of the rows in `row_mask`)."""

    def tally(rows: Longs) -> Longs:
        return _tally(
            evidence.predictions.class_id,
            matches.verdict,
            evidence.prediction_rows.start,
            evidence.prediction_rows.count,
            evidence.truths.class_id,
            matches.truth_verdict,
            evidence.truth_rows.start,
            evidence.truth_rows.count,
            rows,
            evidence.class_count,
        )

    rows = rows_of(evidence, row_mask)
    weight = evidence.prediction_rows.count[rows] + evidence.truth_rows.count[rows]
    per_class = sum(in_chunks(tally, rows, weight), np.zeros((3, evidence.class_count), np.int64))
    return Counts(*per_class)


def row_values(
    evidence: Evidence, iou: float, confidence: Confidence = None, *, row_mask: Bools | None = None
) -> RowValues:
    """Counts, overlap and confidences of every row at an IoU and confidence thresholds."""
    return row_values_of_matches(evidence, match(evidence, iou, confidence, row_mask=row_mask))


def row_values_of_matches(evidence: Evidence, matches: Matches) -> RowValues:
    """The row values of matches that are there already."""
    values = _row_values(
        evidence.predictions.confidence,
        matches.verdict,
        matches.overlap,
        evidence.prediction_rows.start,
        evidence.prediction_rows.count,
        matches.truth_verdict,
        evidence.truth_rows.start,
        evidence.truth_rows.count,
    )
    return RowValues(Counts(*values[:3].astype(np.int64)), *values[3:])


@dataclass(frozen=True, slots=True)
class PrefixCounts:
    """The counts at one IoU for every confidence: sums along each class's predictions, most confident first.

    Class c has the entries `start[c] .. start[c + 1]` of `confidence` (descending), and of the two running sums, which
    begin with an entry of 0 before all: the sums up to entry i are at i + 1. Any confidence is a binary search.
    """

    iou: float
    start: Longs
    confidence: Floats
    true_positive: Longs
    false_positive: Longs
    support: Longs

    def at(self, confidence: Confidence) -> Counts:
        """Counts per class at these confidence thresholds."""
        least = thresholds(confidence, len(self.support))
        positive = _at_confidence(self.start, self.confidence, self.true_positive, self.false_positive, least)
        return Counts(positive[0], positive[1], self.support - positive[0])


def prefix_counts(
    evidence: Evidence, iou: float, order: ByConfidence | None = None, *, row_mask: Bools | None = None
) -> PrefixCounts:
    """Counts at one IoU for every confidence. `order` is `by_confidence(evidence, row_mask)`, worth keeping by a caller
    who asks for several IoUs."""
    order = order or by_confidence(evidence, row_mask)
    matches = match(evidence, iou, row_mask=row_mask)
    sums = _running_sums(matches.verdict, order.prediction)
    support = count_matches(evidence, matches, row_mask=row_mask).support
    return PrefixCounts(iou, order.start, order.confidence, sums[0], sums[1], support)


@kernel
def _tally(
    class_id: InInts,
    verdict: InBytes,
    start: InLongs,
    count: InInts,
    truth_class: InInts,
    truth_verdict: InBytes,
    truth_start: InLongs,
    truth_count: InInts,
    rows: InLongs,
    class_count: int,
) -> Longs:
    """(3, class_count): true positives, false positives, false negatives."""
    tallies = np.zeros((class_count, 4), np.int64)
    missed = np.zeros((class_count, 4), np.int64)
    for row in rows:
        for p in range(start[row], start[row] + count[row]):
            tallies[class_id[p], verdict[p]] += 1
        for t in range(truth_start[row], truth_start[row] + truth_count[row]):
            missed[truth_class[t], truth_verdict[t]] += 1
    result = np.empty((3, class_count), np.int64)
    result[0], result[1], result[2] = tallies[:, 1], tallies[:, 2], missed[:, 2]
    return result


@kernel
def _row_values(
    confidence: InFloats,
    verdict: InBytes,
    overlap: InFloats,
    start: InLongs,
    count: InInts,
    truth_verdict: InBytes,
    truth_start: InLongs,
    truth_count: InInts,
) -> Floats:
    """(6, rows): true and false positives, false negatives, overlap, minimum and maximum confidence."""
    values = np.zeros((6, len(start)))
    values[4:] = np.nan
    for row in range(len(start)):
        for p in range(start[row], start[row] + count[row]):
            if verdict[p] == 0:
                continue
            if verdict[p] == 1:
                values[0, row] += 1
                values[3, row] += overlap[p]
            elif verdict[p] == 2:
                values[1, row] += 1
            if not values[4, row] <= confidence[p]:
                values[4, row] = confidence[p]
            if not values[5, row] >= confidence[p]:
                values[5, row] = confidence[p]
        for t in range(truth_start[row], truth_start[row] + truth_count[row]):
            if truth_verdict[t] == 2:
                values[2, row] += 1
    return values


@kernel
def _running_sums(verdict: InBytes, prediction: InInts) -> Longs:
    sums = np.zeros((2, len(prediction) + 1), np.int64)
    for i in range(len(prediction)):
        here = verdict[prediction[i]]
        sums[0, i + 1] = sums[0, i] + (here == 1)
        sums[1, i + 1] = sums[1, i] + (here == 2)
    return sums


@kernel
def _at_confidence(
    start: InLongs, confidence: InFloats, true_positive: InLongs, false_positive: InLongs, least: InFloats
) -> Longs:
    result = np.zeros((2, len(start) - 1), np.int64)
    for c in range(len(start) - 1):
        low, high = start[c], start[c + 1]
        while low < high:
            middle = (low + high) // 2
            if confidence[middle] >= least[c]:
                low = middle + 1
            else:
                high = middle
        result[0, c] = true_positive[low] - true_positive[start[c]]
        result[1, c] = false_positive[low] - false_positive[start[c]]
    return result
