"""Which classes a run has anything to say about."""

from __future__ import annotations

import numpy as np

from sightline.arrays import Longs
from sightline.evaluation.evidence import Evidence
from sightline.kernel import InInts, InLongs, kernel


def present_classes(evidence: Evidence) -> list[int]:
    """Ids of the classes that have truths (crowds too) or predictions, whatever their confidence, ascending."""
    tally = _tally_classes(
        evidence.predictions.class_id,
        evidence.prediction_rows.start,
        evidence.prediction_rows.count,
        evidence.truths.class_id,
        evidence.truth_rows.start,
        evidence.truth_rows.count,
        evidence.class_count,
    )
    return np.flatnonzero(tally).tolist()


@kernel
def _tally_classes(
    class_id: InInts,
    start: InLongs,
    count: InInts,
    truth_class: InInts,
    truth_start: InLongs,
    truth_count: InInts,
    class_count: int,
) -> Longs:
    tally = np.zeros(class_count, np.int64)
    for row in range(len(start)):
        for p in range(start[row], start[row] + count[row]):
            tally[class_id[p]] += 1
        for t in range(truth_start[row], truth_start[row] + truth_count[row]):
            tally[truth_class[t]] += 1
    return tally
