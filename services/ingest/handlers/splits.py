"""Splits, by their numbers in events."""

from __future__ import annotations

from sightline.domain.splits import SPLITS
from sightline.wire.events.v1.data_rows_pb2 import SPLIT_TEST, SPLIT_TRAINING, SPLIT_UNASSIGNED, SPLIT_VALIDATION

SPLIT_NAMES = dict(zip((SPLIT_TRAINING, SPLIT_VALIDATION, SPLIT_TEST, SPLIT_UNASSIGNED), SPLITS, strict=True))
