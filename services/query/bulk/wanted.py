"""What is asked for in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.query.thresholds import unknown_class

Format = Literal["ndjson", "coco"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which annotations. Nothing: any."""

    splits: Sequence[str] = ()
    rows: Sequence[str] = ()
    classes: Sequence[str] = ()
    min_confidence: float | None = None
    empty: bool = False
    """Also a line for each row on which the run was said to find nothing."""

    def class_ids(self, names: Mapping[int, str]) -> list[int] | None:
        """The classes by number; None: all."""
        unknown = set(self.classes) - set(names.values())
        if unknown:
            raise unknown_class(names)
        return [number for number, name in names.items() if name in self.classes] if self.classes else None
