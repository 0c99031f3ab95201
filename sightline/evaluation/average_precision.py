"""COCO's average precision and recall, per class and in total, equal to pycocotools.

One sweep answers all ten IoUs and four area ranges at once: a word holds one bit for each of the forty questions, so
taking, ignoring and running out of candidates are bit operations. Then one walk per class, from its least confident
prediction up, makes the envelope of precision a running maximum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sightline.arrays import Bools, Floats, Longs
from sightline.evaluation.columns import Columns, columns_of
from sightline.evaluation.evidence import STRICTEST_IOU, Evidence
from sightline.evaluation.ordering import ByConfidence, by_confidence, rows_of
from sightline.evaluation.ratios import mean_of_defined
from sightline.evaluation.threads import in_chunks
from sightline.kernel import InBits, InCounts, InFloats, InInts, InLongs, OutBits, inner, kernel

IOUS: Floats = np.linspace(0.5, 0.95, 10)
RECALLS: Floats = np.linspace(0.0, 1.0, 101)
AREAS: dict[str, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
MAX_DETECTIONS = (1, 10, 100)
"""COCO's grid, as pycocotools makes it. Areas in pixels², both ends inside; limits are per row and class."""

_LEAST_OVERLAPS = np.minimum(IOUS, STRICTEST_IOU)
_AREA_LOW = np.array([low for low, _ in AREAS.values()])
_AREA_HIGH = np.array([high for _, high in AREAS.values()])

_LEVELS = 10
_ALL = np.uint64((1 << 40) - 1)
_EACH_AREA = np.uint64(1 | 1 << 10 | 1 << 20 | 1 << 30)
_LEVEL_MASK = np.uint64((1 << _LEVELS) - 1)
"""The word of questions: bit 10 a + i asks about area range a at IoU i."""

_EPSILON = float(np.spacing(1))
"""What pycocotools adds to what precision is divided by."""

Cube = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CocoAverages:
    """Average precision and recall. NaN where a class has no truths in an area range: such are in no mean.

    `precision[c, a, i]` is of class c, area range a (in the order of `AREAS`), IoU i, at most 100 detections;
    `recall` likewise; `limited_recall[c, m, i]` is over all areas with at most `MAX_DETECTIONS[m]` detections.
    """

    precision: Cube
    recall: Cube
    limited_recall: Cube

    def by_class(self) -> dict[str, Floats]:
        """The twelve COCO numbers as columns: one entry per class, NaN where undefined."""
        return {
            "map": self.precision[:, 0].mean(axis=1),
            "map_50": self.precision[:, 0, 0],
            "map_75": self.precision[:, 0, 5],
            "map_small": self.precision[:, 1].mean(axis=1),
            "map_medium": self.precision[:, 2].mean(axis=1),
            "map_large": self.precision[:, 3].mean(axis=1),
            "mar_1": self.limited_recall[:, 0].mean(axis=1),
            "mar_10": self.limited_recall[:, 1].mean(axis=1),
            "mar_100": self.limited_recall[:, 2].mean(axis=1),
            "mar_small": self.recall[:, 1].mean(axis=1),
            "mar_medium": self.recall[:, 2].mean(axis=1),
            "mar_large": self.recall[:, 3].mean(axis=1),
        }

    def total(self) -> dict[str, float]:
        """The twelve COCO numbers: means over the classes that have truths, NaN without any."""
        return {name: mean_of_defined(column) for name, column in self.by_class().items()}


def coco_averages(
    evidence: Evidence, order: ByConfidence | None = None, *, row_mask: Bools | None = None
) -> CocoAverages:
    """COCO's evaluation of a run. `order` is `by_confidence(evidence, row_mask)`, if a caller has it already."""
    order = order or by_confidence(evidence, row_mask)
    class_count = evidence.class_count
    rows = rows_of(evidence, row_mask)
    taken = np.empty(len(evidence.predictions.class_id), np.uint64)
    ignored = np.empty_like(taken)
    columns = columns_of(evidence)

    def sweep(some_rows: Longs) -> Longs:
        return _sweep(
            columns,
            some_rows,
            _LEAST_OVERLAPS,
            _AREA_LOW,
            _AREA_HIGH,
            class_count,
            taken,
            ignored,
        )

    weight = evidence.prediction_rows.count[rows] + evidence.pair_rows.count[rows]
    tallies = sum(in_chunks(sweep, rows, weight), np.zeros((class_count, 3, 10), np.int64))
    support, found = tallies[:, 0, :4].copy(), tallies[:, 1:]

    def accumulate(classes: Longs) -> tuple[Cube, Cube]:
        return _accumulate(order.prediction, order.start, taken, ignored, support, classes, RECALLS)

    by_class = in_chunks(accumulate, np.arange(class_count), np.diff(order.start))
    precision = np.concatenate([precision for precision, _ in by_class])
    recall = np.concatenate([recall for _, recall in by_class])
    with np.errstate(invalid="ignore"):
        few = np.where(support[:, :1, None] > 0, found / support[:, :1, None].astype(np.float64), np.nan)
    return CocoAverages(precision, recall, np.concatenate([few, recall[:, :1]], axis=1))


@inner
def _outside(area: Any, low: Floats, high: Floats) -> Any:
    """The questions whose area range does not hold `area`."""
    bits = np.uint64(0)
    for a in range(4):
        if area < low[a] or area > high[a]:
            bits |= _LEVEL_MASK << np.uint64(_LEVELS * a)
    return bits


@kernel
def _sweep(
    run: Columns,
    rows: InLongs,
    least_overlaps: InFloats,
    area_low: InFloats,
    area_high: InFloats,
    class_count: int,
    taken: OutBits,
    ignored: OutBits,
) -> Longs:
    """Match `rows` at all questions: `taken[p]` has the questions where p took a truth, `ignored[p]` where it is in no
    count. What is beyond 100 a row and class is ignored everywhere.

    Gives (class_count, 3, 10): the support in each area range (4 of 10 used), then true positives over all areas with
    at most 1 and at most 10 detections.
    """
    tallies = np.zeros((class_count, 3, _LEVELS), np.int64)
    longest = 0
    for row in rows:
        longest = max(longest, run.truth_count[row])
    held = np.empty(longest, np.uint64)
    outside = np.empty(longest, np.uint64)
    candidate = np.empty(longest, np.int64)
    overlaps = np.empty(longest, np.float64)
    for row in rows:
        p0, t0 = run.prediction_start[row], run.truth_start[row]
        for t in range(run.truth_count[row]):
            held[t] = 0
            outside[t] = _ALL if run.crowd[t0 + t] else _outside(run.truth_area[t0 + t], area_low, area_high)
            for a in range(4):
                if not (outside[t] >> np.uint64(_LEVELS * a)) & np.uint64(1):
                    tallies[run.truth_class[t0 + t], 0, a] += 1
        pair, last_pair = run.pair_start[row], run.pair_start[row] + run.pair_count[row]
        rank, last_class = 0, -1
        for p in range(p0, p0 + run.prediction_count[row]):
            c = run.class_id[p]
            if c != last_class:
                rank, last_class = 0, c
            rank += 1
            count = 0
            while pair < last_pair and p0 + run.pair_prediction[pair] == p:
                t, overlap = run.pair_truth[pair], run.pair_overlap[pair]
                pair += 1
                if overlap < least_overlaps[0] or run.truth_class[t0 + t] != c:
                    continue
                k = count
                while k > 0 and overlaps[k - 1] <= overlap:
                    candidate[k], overlaps[k] = candidate[k - 1], overlaps[k - 1]
                    k -= 1
                candidate[k], overlaps[k] = t, overlap
                count += 1
            if rank > MAX_DETECTIONS[2]:
                taken[p], ignored[p] = np.uint64(0), _ALL
                continue
            mine = _outside(run.area[p], area_low, area_high)
            if count == 0:
                taken[p], ignored[p] = np.uint64(0), mine
                continue
            # Candidates stand best first. Every question takes the first that is in its reach, free and counted;
            # a second round gives what is still open to truths that the question ignores.
            is_open, in_count, in_vain = _ALL, np.uint64(0), np.uint64(0)
            for second in range(2):
                for k in range(count):
                    t = candidate[k]
                    level = 0
                    while level < _LEVELS and overlaps[k] >= least_overlaps[level]:
                        level += 1
                    reach = ((np.uint64(1) << np.uint64(level)) - np.uint64(1)) * _EACH_AREA
                    free = _ALL if run.crowd[t0 + t] else ~held[t]
                    here = is_open & reach & free & (outside[t] if second else ~outside[t])
                    is_open &= ~here
                    held[t] |= here
                    if second:
                        in_vain |= here
                    else:
                        in_count |= here
            taken[p] = in_count | in_vain
            ignored[p] = in_vain | (is_open & mine)
            for i in range(_LEVELS):
                if (in_count >> np.uint64(i)) & np.uint64(1):
                    tallies[c, 1, i] += rank <= MAX_DETECTIONS[0]
                    tallies[c, 2, i] += rank <= MAX_DETECTIONS[1]
    return tallies


@kernel
def _accumulate(
    prediction: InInts,
    start: InLongs,
    taken: InBits,
    ignored: InBits,
    support: InCounts,
    classes: InLongs,
    recalls: InFloats,
) -> tuple[Cube, Cube]:
    """Average precision and recall of `classes`: two of (classes, 4, 10), NaN without support."""
    precision = np.full((len(classes), 4, _LEVELS), np.nan)
    recall = np.full((len(classes), 4, _LEVELS), np.nan)
    needed = np.empty((4, len(recalls)), np.int64)
    plain = np.empty(4, np.int64)
    tp, fp, at = np.empty((4, _LEVELS), np.int64), np.empty((4, _LEVELS), np.int64), np.empty((4, _LEVELS), np.int64)
    envelope, area_under = np.empty((4, _LEVELS)), np.empty((4, _LEVELS))
    for n in range(len(classes)):
        c = classes[n]
        plain[:], tp[:], fp[:], envelope[:], area_under[:] = 0, 0, 0, 0, 0
        # Predictions that never took anything are false positives at every IoU alike: `plain` counts them.
        for i in range(start[c], start[c + 1]):
            took, counts = taken[prediction[i]], ~ignored[prediction[i]]
            for a in range(4):
                if not took:
                    plain[a] += np.int64((counts >> np.uint64(_LEVELS * a)) & np.uint64(1))
                    continue
                for k in range(_LEVELS):
                    bit = np.uint64(1) << np.uint64(_LEVELS * a + k)
                    if counts & bit:
                        if took & bit:
                            tp[a, k] += 1
                        else:
                            fp[a, k] += 1
        for a in range(4):
            truths = support[c, a]
            if truths == 0:
                continue
            for r in range(len(recalls)):
                least = max(np.int64(recalls[r] * truths), 1)
                while least > 1 and (least - 1) / truths >= recalls[r]:
                    least -= 1
                while least / truths < recalls[r]:
                    least += 1
                needed[a, r] = least
            for k in range(_LEVELS):
                recall[n, a, k] = tp[a, k] / truths
                at[a, k] = len(recalls) - 1
                while at[a, k] >= 0 and needed[a, at[a, k]] > tp[a, k]:
                    at[a, k] -= 1
        for i in range(start[c + 1] - 1, start[c] - 1, -1):
            took, counts = taken[prediction[i]], ~ignored[prediction[i]]
            for a in range(4):
                if not took:
                    plain[a] -= np.int64((counts >> np.uint64(_LEVELS * a)) & np.uint64(1))
                    continue
                for k in range(_LEVELS):
                    bit = np.uint64(1) << np.uint64(_LEVELS * a + k)
                    if not counts & bit:
                        continue
                    if not took & bit:
                        fp[a, k] -= 1
                        continue
                    hits = tp[a, k]
                    here = hits / (np.float64(plain[a] + fp[a, k]) + hits + _EPSILON)
                    envelope[a, k] = max(envelope[a, k], here)
                    while at[a, k] >= 0 and needed[a, at[a, k]] >= hits:
                        area_under[a, k] += envelope[a, k]
                        at[a, k] -= 1
                    tp[a, k] -= 1
        for a in range(4):
            if support[c, a] > 0:
                precision[n, a] = area_under[a] / len(recalls)
    return precision, recall
