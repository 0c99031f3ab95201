"""Defaults and names that every answer shares."""

from __future__ import annotations

DEFAULT_IOU = 0.5
DEFAULT_CONFIDENCE = 0.5
"""The operating point of a run until it has one of its own."""

COCO_NUMBERS = (
    "map",
    "map_50",
    "map_75",
    "map_small",
    "map_medium",
    "map_large",
    "mar_1",
    "mar_10",
    "mar_100",
    "mar_small",
    "mar_medium",
    "mar_large",
)
"""In the order in which pycocotools prints them."""
