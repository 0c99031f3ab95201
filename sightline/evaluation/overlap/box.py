"""Overlap of axis-aligned boxes, as pycocotools' `bbIou` computes it: the same float64 operations in the same order."""

from __future__ import annotations

import numpy as np

from sightline.evaluation.evidence import Floats, Ints
from sightline.evaluation.kernel import InBools, InInts, InLongs, InTable, OutInts, kernel


@kernel
def find(
    predictions: InTable,
    prediction_start: InLongs,
    prediction_count: InInts,
    truths: InTable,
    crowd: InBools,
    truth_start: InLongs,
    truth_count: InInts,
    rows: InLongs,
    minimum: float,
    pair_count: OutInts,
) -> tuple[Ints, Ints, Floats]:
    """Pairs of `rows` that overlap at least `minimum`: (prediction, truth, overlap), row after row.

    Boxes are (n, 4): x, y, width, height in pixels. A crowd's overlap is the intersection over the prediction's area.
    Writes the number of pairs of each row into `pair_count`, whose entries are zero before.
    """
    prediction = np.empty(1024, np.int32)
    truth = np.empty(1024, np.int32)
    overlap = np.empty(1024, np.float64)
    size = 0
    for row in rows:
        first = size
        truths_from, truths_to = truth_start[row], truth_start[row] + truth_count[row]
        for p in range(prediction_count[row]):
            d = prediction_start[row] + p
            dx, dy, dw, dh = predictions[d, 0], predictions[d, 1], predictions[d, 2], predictions[d, 3]
            right, bottom, area = dw + dx, dh + dy, dw * dh
            for g in range(truths_from, truths_to):
                gx, gw = truths[g, 0], truths[g, 2]
                width = min(right, gw + gx) - max(dx, gx)
                if width <= 0:
                    continue
                gy, gh = truths[g, 1], truths[g, 3]
                height = min(bottom, gh + gy) - max(dy, gy)
                if height <= 0:
                    continue
                intersection = width * height
                union = area if crowd[g] else area + gw * gh - intersection
                quotient = intersection / union
                if quotient < minimum:
                    continue
                if size == len(prediction):
                    prediction = np.concatenate((prediction, np.empty_like(prediction)))
                    truth = np.concatenate((truth, np.empty_like(truth)))
                    overlap = np.concatenate((overlap, np.empty_like(overlap)))
                prediction[size] = p
                truth[size] = g - truths_from
                overlap[size] = quotient
                size += 1
        pair_count[row] = size - first
    return prediction[:size], truth[:size], overlap[:size]
