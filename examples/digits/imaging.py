"""The few operations on pictures that are needed here, with the types that SciPy and Pillow do not give."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import ndimage

Pixels = NDArray[np.floating[Any]]
"""A grey picture (height, width); what its numbers mean is said where it is made."""
Mask = NDArray[np.bool_]

# SciPy has no types: what it is called by and what it returns is said once, here.
_scipy = cast(Any, ndimage)


def blurred(picture: Pixels, sigma: float) -> Pixels:
    """The picture out of focus."""
    return _scipy.gaussian_filter(np.asarray(picture, dtype=np.float32), sigma)


def blurred_line(values: ArrayLike, sigma: float) -> NDArray[np.float64]:
    """The same along one line of numbers."""
    return _scipy.gaussian_filter1d(np.asarray(values, dtype=np.float64), sigma)


def closed(picture: Pixels, size: int) -> Pixels:
    """The picture without what is dark and narrower than `size`; edges stay where they are."""
    return _scipy.grey_closing(picture, size=(size, size))


def smooth_path(corners: NDArray[np.float64], times: int) -> NDArray[np.float64]:
    """A path through about the same corners, with `times` as many of them."""
    return _scipy.zoom(corners, (times, 1), order=2, mode="nearest")


def pieces(ink: Mask) -> NDArray[np.float64]:
    """The box (left, top, width, height) around each connected piece of ink; touching at a corner is connected."""
    labels, _ = _scipy.label(ink, structure=np.ones((3, 3)))
    slices: list[tuple[slice, slice]] = _scipy.find_objects(labels)
    boxes = [(x.start, y.start, x.stop - x.start, y.stop - y.start) for y, x in slices]
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def resized(picture: Pixels, width: int, height: int) -> Pixels:
    """The picture in another size."""
    return as_pixels(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def cut_out(picture: Pixels, corners: NDArray[np.float64], side: int) -> Pixels:
    """The parts of a picture between (left, top, right, bottom), each as a square: (n, side, side)."""
    image = Image.fromarray(picture)
    limits = np.clip(corners, 0, [image.width, image.height] * 2)
    parts = [image.resize((side, side), Image.Resampling.BILINEAR, box=tuple(box)) for box in limits.tolist()]
    return np.array([as_pixels(part) for part in parts], dtype=np.float32).reshape(-1, side, side)


def as_pixels(image: Image.Image) -> Pixels:
    """An image's numbers, as they are."""
    return np.asarray(cast(Any, image), dtype=np.float32)
