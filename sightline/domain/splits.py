"""How the rows of a dataset are divided."""

from __future__ import annotations

from typing import Literal

Split = Literal["training", "validation", "test", "unassigned"]
SPLITS: tuple[Split, ...] = ("training", "validation", "test", "unassigned")
UNASSIGNED: Split = "unassigned"
