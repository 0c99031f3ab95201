"""From pixels to boxes that may hold a digit, and from a box to what a classifier looks at."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from examples.digits.imaging import Mask, Pixels, blurred, blurred_line, closed, cut_out, pieces, resized

Boxes = NDArray[np.float64]
"""(n, 4): left, top, width, height."""

SMALLEST: Final = 9
LARGEST: Final = 92
"""How high a digit can be, in pixels."""


def otsu(grey: Pixels) -> float:
    """The one threshold that parts the pixels best into two kinds (Otsu, 1979)."""
    counts, edges = np.histogram(grey, bins=256)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    spread = below * above * (sums / np.maximum(below, 1) - (sums[-1] - sums) / np.maximum(above, 1)) ** 2
    return float(middles[int(np.argmax(spread))])


def flatten(grey: Pixels) -> Pixels:
    """The picture as if lit evenly: each pixel divided by the brightness of the paper around it (so paper is 1)."""
    # Closing fills strokes in from the paper beside them, and leaves the edges of shadows where they are.
    paper = blurred(closed(blurred(grey, 2)[::4, ::4], 13), 2.5)
    light = resized(paper, grey.shape[1], grey.shape[0])
    return np.clip(grey / np.maximum(light, 1e-3), 0, 1.2)


def components(ink: Mask) -> Boxes:
    """The box around each connected piece of ink that has a digit's size."""
    return plausible(pieces(ink))


def plausible(boxes: Boxes) -> Boxes:
    """Those boxes that could hold a digit or a few that touch, by size alone."""
    width, height = boxes[:, 2], boxes[:, 3]
    return boxes[(height >= SMALLEST) & (height <= LARGEST) & (width >= 3) & (width <= 3.2 * height)]


def cuts(ink: Mask, boxes: Boxes) -> Boxes:
    """Boxes that are too wide for one digit, cut where their ink is thinnest: all parts of the best cuts."""
    parts: list[tuple[float, float, float, float]] = []
    for left, top, width, height in boxes[boxes[:, 2] > 0.85 * boxes[:, 3]].astype(int):
        profile = blurred_line(ink[top : top + height, left : left + width].sum(axis=0), 1)
        inner = profile[1:-1]
        valleys = 1 + np.flatnonzero((inner <= profile[:-2]) & (inner <= profile[2:]) & (inner < 0.5 * height))
        valleys = valleys[(valleys > 0.2 * height) & (valleys < width - 0.2 * height)]
        best = np.sort(valleys[np.argsort(profile[valleys], kind="stable")[:4]])
        edges = [0, *best.tolist(), width]
        for i, start in enumerate(edges):
            for stop in edges[i + 1 :]:
                if (start, stop) != (0, width) and 0.2 * height < stop - start < 1.3 * height:
                    parts.append(_tight(ink, left + start, top, stop - start, height))
    return plausible(np.array(parts, dtype=np.float64).reshape(-1, 4))


def _tight(ink: Mask, left: int, top: int, width: int, height: int) -> tuple[float, float, float, float]:
    """The box, shrunk to the ink in it."""
    part = ink[top : top + height, left : left + width]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return left, top, 0, 0
    return left + columns[0], top + rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1


def crops(grey: Pixels, boxes: Boxes, side: int, *, margin: float = 0.0) -> Pixels:
    """What is in each box, as (n, side, side): made square by adding what lies around, with a margin of the height."""
    centres = boxes[:, :2] + boxes[:, 2:] / 2 + LARGEST
    reach = boxes[:, 2:].max(axis=1, keepdims=True, initial=0) * (0.5 + margin)
    return cut_out(np.pad(grey, LARGEST, mode="edge"), np.hstack([centres - reach, centres + reach]), side)


def overlaps(boxes: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every box with every other: (n, m)."""
    corner, other = boxes[:, None, :2] + boxes[:, None, 2:], others[None, :, :2] + others[None, :, 2:]
    shared = np.clip(np.minimum(corner, other) - np.maximum(boxes[:, None, :2], others[None, :, :2]), 0, None).prod(
        axis=2
    )
    union = boxes[:, 2:].prod(axis=1)[:, None] + others[:, 2:].prod(axis=1)[None, :] - shared
    return shared / np.maximum(union, 1e-9)


def strongest(boxes: Boxes, scores: NDArray[np.float64], *, overlap: float) -> NDArray[np.int64]:
    """Greedy non-maximum suppression: which boxes stay when each, best first, drives out those that overlap it."""
    order = np.argsort(-scores, kind="stable")
    clash = overlaps(boxes, boxes) > overlap
    alive = np.ones(len(boxes), dtype=bool)
    kept: list[int] = []
    for one in order:
        if alive[one]:
            kept.append(int(one))
            alive &= ~clash[one]
    return np.array(kept, dtype=np.int64)
