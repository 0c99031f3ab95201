"""Ordinals: the places of data rows in their dataset's own order. COCO's image ids are such."""

from __future__ import annotations

MOST_ORDINAL = 2**53 - 1
"""The largest whole number that every reader of JSON takes for itself, and not for one beside it."""
LEAST_ORDINAL = -MOST_ORDINAL

ORDINAL_FAULT = f"The ordinal is no whole number from {LEAST_ORDINAL} to {MOST_ORDINAL}."


def room_behind(last: int, count: int) -> bool:
    """Whether so many ordinals may follow this one."""
    return last + count <= MOST_ORDINAL
