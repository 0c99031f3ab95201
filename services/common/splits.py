"""Splits, by their numbers in events."""

from __future__ import annotations

from collections.abc import Iterable

from sightline.domain.splits import SPLITS
from sightline.wire.events.v1.data_rows_pb2 import SPLIT_TEST, SPLIT_TRAINING, SPLIT_UNASSIGNED, SPLIT_VALIDATION

SPLIT_NAMES = dict(zip((SPLIT_TRAINING, SPLIT_VALIDATION, SPLIT_TEST, SPLIT_UNASSIGNED), SPLITS, strict=True))
SPLIT_NUMBERS = {name: number for number, name in SPLIT_NAMES.items()}


def split_names(splits: Iterable[int]) -> tuple[str, ...]:
    """Names of those that are known, in order."""
    wanted = set(splits)
    return tuple(sorted(name for number, name in SPLIT_NAMES.items() if number in wanted))
