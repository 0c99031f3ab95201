"""The annotation kinds: how the geometry of each is checked, and how it is stored.

Whoever reads, checks or stores annotations asks here, so that a new kind is a new entry and no new branch. How overlap
is measured stands in `sightline.evaluation.overlap`, by the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from sightline.arrays import Floats

FaultNumbers = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Fault:
    """A way in which a geometry can be wrong."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AnnotationKind:
    """One kind of annotation. Geometries come as rows of a float64 table with `width` columns."""

    name: str
    width: int
    """Numbers in one geometry."""
    faults: tuple[Fault, ...]
    """What `check` can find; the first is number 1."""
    check: Callable[[Floats], FaultNumbers]
    """For each geometry 0, or the number of what is wrong with it."""
    area: Callable[[Floats], Floats]


def _check_boxes(boxes: Floats) -> FaultNumbers:
    """Boxes as x, y, width, height. A box without extent, or outside of its picture, is a box."""
    with np.errstate(over="ignore", invalid="ignore"):
        x, y, width, height = boxes.T
        measurable = np.isfinite(x + width) & np.isfinite(y + height) & np.isfinite(width * height)
    return np.where(~measurable, 1, np.where((width < 0) | (height < 0), 2, 0)).astype(np.int8)


def _box_areas(boxes: Floats) -> Floats:
    return boxes[:, 2] * boxes[:, 3]


BOX = AnnotationKind(
    name="box",
    width=4,
    faults=(
        Fault("out_of_range", "The numbers of the box are too large, or are no numbers."),
        Fault("negative_size", "The width or the height of the box is negative."),
    ),
    check=_check_boxes,
    area=_box_areas,
)

KINDS: Mapping[str, AnnotationKind] = MappingProxyType({kind.name: kind for kind in (BOX,)})
"""Every kind, by name."""
