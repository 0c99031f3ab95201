"""Splits, by their numbers in events."""

from services.common.splits import SPLIT_NAMES as SPLIT_NAMES
