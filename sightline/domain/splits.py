"""How the rows of a dataset are divided."""

from __future__ import annotations

SPLITS = ("training", "validation", "test", "unassigned")
UNASSIGNED = "unassigned"
