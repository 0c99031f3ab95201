"""Precision and recall along the confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.arrays import Floats
from sightline.evaluation.counts import PrefixCounts
from sightline.evaluation.ratios import ratio


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall of one class, one point for each distinct confidence, most confident first.

    A point is what the counts say when that confidence is the threshold: not interpolated, no limit on detections.
    NaN where undefined.
    """

    confidence: Floats
    precision: Floats
    recall: Floats


def curve(counts: PrefixCounts, class_id: int) -> Curve:
    """The curve of one class at the IoU of `counts`."""
    low, high = counts.start[class_id], counts.start[class_id + 1]
    confidence = counts.confidence[low:high]
    last_of_equals = np.flatnonzero(np.diff(confidence, append=-np.inf))
    true_positive = counts.true_positive[low + 1 + last_of_equals] - counts.true_positive[low]
    false_positive = counts.false_positive[low + 1 + last_of_equals] - counts.false_positive[low]
    return Curve(
        confidence[last_of_equals],
        ratio(true_positive, true_positive + false_positive),
        ratio(true_positive, np.full(len(true_positive), counts.support[class_id])),
    )
