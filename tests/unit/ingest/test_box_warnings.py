"""Boxes that are odd are counted, and taken as they are."""

from __future__ import annotations

import numpy as np

from services.ingest.importing.box_warnings import box_warnings

KNOWN, UNKNOWN = (100.0, 50.0), (np.inf, np.inf)


def warned(*boxes: tuple[float, float, float, float], size: tuple[float, float] = KNOWN) -> tuple[int, int]:
    """How many have no extent, and how many reach out."""
    said = box_warnings(np.array(boxes, np.float64).reshape(-1, 4), np.array(size))
    return said["zero_size"], said["outside_picture"]


def test_nothing_is_odd_about_none() -> None:
    assert warned() == (0, 0)


def test_no_width_or_no_height_is_no_extent() -> None:
    assert warned((1, 1, 0, 5), (1, 1, 5, 0), (1, 1, 0, 0), (1, 1, 5, 5)) == (3, 0)


def test_a_pixel_beyond_the_edge_is_rounding_and_more_is_outside() -> None:
    assert warned((-1, 0, 5, 5), (0, -1, 5, 5), (96, 0, 5, 5), (0, 46, 5, 5)) == (0, 0)
    assert warned((-1.1, 0, 5, 5), (0, -1.1, 5, 5), (96.1, 0, 5, 5), (0, 46.1, 5, 5)) == (0, 4)


def test_of_a_picture_of_unknown_size_only_what_lies_before_its_begin_is_outside() -> None:
    assert warned((1e6, 1e6, 5, 5), (-5, 0, 2, 2), size=UNKNOWN) == (0, 1)


def test_each_box_goes_by_its_own_picture() -> None:
    boxes = np.array([(90, 0, 20, 5), (90, 0, 20, 5)], np.float64)
    assert box_warnings(boxes, np.array([KNOWN, UNKNOWN]))["outside_picture"] == 1
