"""What is odd about boxes that are taken as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def box_warnings(boxes: npt.NDArray[Any], sizes: npt.NDArray[Any]) -> dict[str, int]:
    """How many boxes have no extent, and how many reach out of their picture, by more than rounding.

    `sizes`: width and height of each one's picture, or of the one that they are all in; infinite where not known.
    """
    corners, extents = boxes[:, :2], boxes[:, 2:]
    outside = (corners < -1).any(axis=1) | (corners + extents > sizes + 1).any(axis=1)
    return {
        "zero_size": int(np.count_nonzero((extents == 0).any(axis=1))),
        "outside_picture": int(np.count_nonzero(outside)),
    }
