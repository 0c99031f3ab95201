"""Which class is taken for which."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sightline.arrays import Bools, Longs
from sightline.evaluation.columns import Columns, columns_of
from sightline.evaluation.evidence import Evidence
from sightline.evaluation.matching import Confidence, checked_iou, match
from sightline.evaluation.ordering import rows_of
from sightline.evaluation.threads import in_chunks
from sightline.kernel import InBytes, InLongs, kernel

Matrix = npt.NDArray[np.int64]


def confusion_matrix(
    evidence: Evidence, iou: float, confidence: Confidence = None, *, row_mask: Bools | None = None
) -> Matrix:
    """(class_count + 1, class_count + 1): truths by row, predictions by column; the last of each is background.

    After matching inside classes, predictions and truths that are left over are matched across classes by the same
    greedy rule: the most confident first (ties: place), each takes the truth it overlaps most. Each truth is counted
    once in its row, each prediction once in its column; crowds, and what they took, nowhere.
    """
    least_overlap = checked_iou(iou)
    matches = match(evidence, iou, confidence, row_mask=row_mask)
    size = evidence.class_count + 1
    columns = columns_of(evidence)

    def confuse(rows: Longs) -> Matrix:
        return _confuse(
            columns,
            rows,
            least_overlap,
            matches.verdict,
            matches.truth_verdict,
            size,
        )

    rows = rows_of(evidence, row_mask)
    weight = evidence.prediction_rows.count[rows] + evidence.pair_rows.count[rows]
    return sum(in_chunks(confuse, rows, weight), np.zeros((size, size), np.int64))


@kernel
def _confuse(
    run: Columns,
    rows: InLongs,
    least_overlap: float,
    verdict: InBytes,
    truth_verdict: InBytes,
    size: int,
) -> Matrix:
    background = size - 1
    matrix = np.zeros((size, size), np.int64)
    for row in rows:
        p0, t0, t1 = run.prediction_start[row], run.truth_start[row], run.truth_start[row] + run.truth_count[row]
        missed = truth_verdict[t0:t1] == 2
        for p in range(p0, p0 + run.prediction_count[row]):
            if verdict[p] == 1:
                matrix[run.class_id[p], run.class_id[p]] += 1
            elif verdict[p] == 2:
                matrix[background, run.class_id[p]] += 1
        # The first pair of every prediction that is left over and might still take something, most confident first.
        left, left_confidence = np.empty(run.pair_count[row], np.int64), np.empty(run.pair_count[row], np.float64)
        left_place, count = np.empty(run.pair_count[row], np.int32), 0
        pair_end, last = run.pair_start[row] + run.pair_count[row], -1
        for pair in range(run.pair_start[row], pair_end):
            p = p0 + run.pair_prediction[pair]
            if (
                p == last
                or verdict[p] != 2
                or run.pair_overlap[pair] < least_overlap
                or not missed[run.pair_truth[pair]]
            ):
                continue
            left[count], left_confidence[count], left_place[count] = pair, -run.confidence[p], run.place[p]
            last = p
            count += 1
        by_place = np.argsort(left_place[:count], kind="mergesort")
        order = by_place[np.argsort(left_confidence[:count][by_place], kind="mergesort")]
        for n in order:
            pair = left[n]
            p = p0 + run.pair_prediction[pair]
            best, best_overlap = -1, least_overlap
            while pair < pair_end and p0 + run.pair_prediction[pair] == p:
                if missed[run.pair_truth[pair]] and run.pair_overlap[pair] >= best_overlap:
                    best, best_overlap = run.pair_truth[pair], run.pair_overlap[pair]
                pair += 1
            if best >= 0:
                missed[best] = False
                matrix[run.truth_class[t0 + best], run.class_id[p]] += 1
                matrix[background, run.class_id[p]] -= 1
        for t in range(t0, t1):
            if missed[t - t0]:
                matrix[run.truth_class[t], background] += 1
    return matrix
