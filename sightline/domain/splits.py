"""How the rows of a dataset are divided."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator


def _lower(split: Any) -> Any:
    return split.lower() if isinstance(split, str) else split


Split = Annotated[Literal["training", "validation", "test", "unassigned"], BeforeValidator(_lower)]
"""Comes in in any case, goes out in lower case."""

SPLITS: tuple[Split, ...] = ("training", "validation", "test", "unassigned")
UNASSIGNED: Split = "unassigned"
