"""Pairs of rows with their truths: all that overlap at all, or as much of them as can be kept.

A crowded row may have more pairs than a document holds. Then those that overlap least are left out, the same whatever
came first, and the row says from which overlap on its pairs are whole: matching at any IoU from there on is exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from services.common.row_limits import most_pairs
from services.metrics.truths import Truth
from sightline.arrays import Bools, Floats, Longs
from sightline.evaluation.evidence import MINIMUM_OVERLAP, PairColumns, Spans
from sightline.evaluation.pairs import TOO_MANY, find_pairs

LEAST_OVERLAPS = (MINIMUM_OVERLAP, 0.1, 0.2, 0.3, 0.4, 0.5)
"""What is tried. Beyond the last, COCO's numbers couldn't be told: then no pair is kept."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Pairs of rows. `least_overlap`, one per row: from which overlap on all are there; infinite: none is kept."""

    pairs: PairColumns
    rows: Spans
    least_overlap: Floats


def pair(boxes: Floats, rows: Spans, truth_of: Iterable[Truth | None]) -> Pairing:
    """Pair the predictions of rows, `boxes` in canonical order, with the truth of each; without one there are none."""
    truths, crowd, truth_rows = _columns(truth_of)
    most = most_pairs(rows.count)
    left = np.arange(len(rows.count))
    start, count = np.zeros(len(left), np.int64), np.zeros(len(left), np.int32)
    least = np.full(len(left), np.inf)
    found: list[PairColumns] = []
    size = 0
    for minimum in LEAST_OVERLAPS:
        pairs, spans = find_pairs(
            boxes, _some(rows, left), truths, crowd, _some(truth_rows, left), most=most[left], minimum=minimum
        )
        fits = spans.count != TOO_MANY
        done = left[fits]
        start[done], count[done], least[done] = size + spans.start[fits], spans.count[fits], minimum
        found.append(pairs)
        size += len(pairs.overlap)
        left = left[~fits]
        if not len(left):
            break
    return Pairing(_together(found), Spans(start, count), least)


def _columns(truth_of: Iterable[Truth | None]) -> tuple[Floats, Bools, Spans]:
    """Boxes and crowds of truths, each once, and where those of every row lie."""
    places: dict[str, int] = {}
    used: list[Truth] = []
    chosen: list[int] = []
    for truth in truth_of:
        if truth is not None and truth.id not in places:
            used.append(truth)
            places[truth.id] = len(used)
        chosen.append(0 if truth is None else places[truth.id])
    count = np.array([0] + [truth.document["count"] for truth in used], np.int32)
    start = np.cumsum(count, dtype=np.int64) - count
    return (
        np.frombuffer(b"".join([truth.document["boxes"] for truth in used]), np.float64).reshape(-1, 4),
        np.frombuffer(b"".join([truth.document["crowds"] for truth in used]), np.uint8).view(np.bool_),
        Spans(start[chosen], count[chosen]),
    )


def _some(spans: Spans, rows: Longs) -> Spans:
    return Spans(spans.start[rows], spans.count[rows])


def _together(found: list[PairColumns]) -> PairColumns:
    if len(found) == 1:
        return found[0]
    return PairColumns(
        np.concatenate([pairs.prediction for pairs in found]),
        np.concatenate([pairs.truth for pairs in found]),
        np.concatenate([pairs.overlap for pairs in found]),
    )
