"""How the overlap of each annotation kind is measured: one module a kind, found by the kind's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from sightline.arrays import Bools, Floats, Ints, Longs

FindOverlaps = Callable[
    [Floats, Longs, Ints, Floats, Bools, Longs, Ints, Longs, float, Longs, Ints], tuple[Ints, Ints, Floats]
]
"""(predictions, start, count, truths, crowd, start, count, rows, minimum, most, pair count to fill) -> pairs.

What one entry of `predictions` and `truths` holds is the kind's own affair: (n, 4) for boxes.
"""

_MODULES: Mapping[str, str] = {"box": "sightline.evaluation.overlap.box"}


def kinds() -> tuple[str, ...]:
    """The annotation kinds whose overlap can be measured."""
    return tuple(_MODULES)


def overlap_of(kind: str) -> FindOverlaps:
    """The kernel that finds overlapping pairs of an annotation kind. Raises KeyError for a kind that has none."""
    return import_module(_MODULES[kind]).find
