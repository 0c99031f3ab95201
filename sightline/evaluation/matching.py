"""One greedy pass over pairs: COCO's matching at one IoU threshold, at any confidence.

Same-class matching is a prefix in confidence: what a prediction takes never depends on less confident ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from sightline.arrays import Bools, Bytes, Floats, Ints, Longs
from sightline.evaluation.columns import Columns, columns_of
from sightline.evaluation.evidence import MINIMUM_OVERLAP, STRICTEST_IOU, Evidence
from sightline.evaluation.ordering import rows_of
from sightline.evaluation.threads import in_chunks
from sightline.kernel import InFloats, InLongs, OutBytes, OutFloats, OutInts, kernel

Confidence = float | Floats | None
"""From which confidence predictions count: one for all classes, one a class (infinite: none counts), or no limit."""

NO_LIMIT = 2**31 - 1


class Verdict(IntEnum):
    """What matching says of a prediction, or of a truth."""

    UNSEEN = 0
    """Not asked about: below its threshold, beyond the limit on detections, or in a row outside the mask."""
    MATCHED = 1
    """A true positive; a truth that was found."""
    UNMATCHED = 2
    """A false positive; a truth that was missed."""
    IGNORED = 3
    """In no count: a crowd or out of the area range; a prediction that took such a truth, or is itself out of range."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Who took whom. Arrays are as long as the evidence's prediction columns and truth columns.

    `truth` and `prediction` are indices inside the row, -1 for none (a crowd names the last that took it);
    `overlap` is that of a prediction with the truth it took, 0 without; verdicts are values of `Verdict`.
    """

    verdict: Bytes
    truth: Ints
    overlap: Floats
    truth_verdict: Bytes
    prediction: Ints

    @property
    def ignored(self) -> Bools:
        """Which predictions are in no count although they were asked about."""
        return self.verdict == Verdict.IGNORED


def thresholds(confidence: Confidence, class_count: int) -> Floats:
    """One confidence threshold a class. Raises ValueError for fewer than there are classes, and for NaN."""
    if confidence is None:
        return np.full(class_count, -np.inf)
    if isinstance(confidence, (int, float)):
        per_class = np.full(class_count, float(confidence))
    else:
        per_class = np.ascontiguousarray(confidence, np.float64)
    if len(per_class) < class_count:
        raise ValueError(f"{len(per_class)} confidence thresholds for {class_count} classes")
    if np.isnan(per_class).any():
        raise ValueError("a confidence threshold is not a number")
    return per_class


def checked_iou(iou: float) -> float:
    """The overlap that a match needs at IoU `iou`. Raises ValueError where pairs were not kept (or above 1)."""
    if not MINIMUM_OVERLAP <= iou <= 1:
        raise ValueError(f"the IoU must be between {MINIMUM_OVERLAP} and 1")
    return min(iou, STRICTEST_IOU)


def match(
    evidence: Evidence,
    iou: float,
    confidence: Confidence = None,
    *,
    area_range: tuple[float, float] | None = None,
    max_detections: int | None = None,
    row_mask: Bools | None = None,
) -> Matches:
    """Match predictions to truths of their class and row, by COCO's rules.

    `area_range` (both ends inside, pixels²) ignores truths outside of it, and unmatched predictions outside of it;
    `max_detections` is a limit per row and class. Raises ValueError for an IoU below `MINIMUM_OVERLAP` or above 1.
    """
    least_overlap = checked_iou(iou)
    least_confidence = thresholds(confidence, evidence.class_count)
    low, high = area_range if area_range is not None else (-np.inf, np.inf)
    limit = NO_LIMIT if max_detections is None else max_detections
    predictions, truths = evidence.predictions, evidence.truths
    matches = Matches(
        verdict=np.zeros(len(predictions.class_id), np.int8),
        truth=np.full(len(predictions.class_id), -1, np.int32),
        overlap=np.zeros(len(predictions.class_id)),
        truth_verdict=np.zeros(len(truths.class_id), np.int8),
        prediction=np.full(len(truths.class_id), -1, np.int32),
    )
    columns = columns_of(evidence)

    def match_in(rows: Longs) -> None:
        _match_rows(
            columns,
            rows,
            least_overlap,
            least_confidence,
            low,
            high,
            limit,
            matches.verdict,
            matches.truth,
            matches.overlap,
            matches.truth_verdict,
            matches.prediction,
        )

    rows = rows_of(evidence, row_mask)
    in_chunks(match_in, rows, evidence.prediction_rows.count[rows] + evidence.pair_rows.count[rows])
    return matches


@kernel
def _match_rows(
    run: Columns,
    rows: InLongs,
    least_overlap: float,
    least_confidence: InFloats,
    low: float,
    high: float,
    limit: int,
    verdict: OutBytes,
    taken_truth: OutInts,
    taken_overlap: OutFloats,
    truth_verdict: OutBytes,
    taken_by: OutInts,
) -> None:
    """Fill the columns of `Matches` for `rows`. Verdicts are spelled out as numbers: see `Verdict`."""
    for row in rows:
        p0, t0 = run.prediction_start[row], run.truth_start[row]
        for t in range(t0, t0 + run.truth_count[row]):
            ignored = run.crowd[t] or run.truth_area[t] < low or run.truth_area[t] > high
            truth_verdict[t] = 3 if ignored else 2
        # As if nothing were matched: what passes its threshold and the limit.
        rank, last_class = 0, -1
        for p in range(p0, p0 + run.prediction_count[row]):
            c = run.class_id[p]
            rank = rank + 1 if c == last_class else 1
            last_class = c
            # Arithmetic for branches, which no processor could predict here.
            seen = (run.confidence[p] >= least_confidence[c]) & (rank <= limit)
            outside = (run.area[p] < low) | (run.area[p] > high)
            verdict[p] = seen * (2 + outside)
        pair, last_pair = run.pair_start[row], run.pair_start[row] + run.pair_count[row]
        while pair < last_pair:
            if run.pair_overlap[pair] < least_overlap:
                pair += 1
                continue
            mine = run.pair_prediction[pair]
            p = p0 + mine
            c = run.class_id[p]
            best, best_free, best_overlap = -1, False, least_overlap
            while pair < last_pair and run.pair_prediction[pair] == mine:
                t, overlap = t0 + run.pair_truth[pair], run.pair_overlap[pair]
                pair += 1
                if overlap < least_overlap or run.truth_class[t] != c or (taken_by[t] >= 0 and not run.crowd[t]):
                    continue
                free = truth_verdict[t] != 3
                better = free if best >= 0 and free != best_free else overlap >= best_overlap
                if better:
                    best, best_free, best_overlap = t, free, overlap
            if best < 0 or verdict[p] == 0:
                continue
            taken_truth[p] = best - t0
            taken_overlap[p] = best_overlap
            taken_by[best] = mine
            verdict[p] = 1 if best_free else 3
            if best_free:
                truth_verdict[best] = 1
