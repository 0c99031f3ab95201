"""What can be wrong with a file, and how it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST_KEPT = 100_000
"""Rejections of a file that are kept one by one; the others are only counted."""


class FileBroken(ValueError):
    """The file can't be read on: it is cut off, or is not what it should be. The message names the place."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset
        """Byte of the file at which reading stopped."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One item of a file that was left out, and why. Messages say what is wrong, and never repeat what was sent."""

    number: int
    """The item's place in its list, from 1."""
    code: str
    message: str
    where: str
    """The item as a path into the file, for example `annotations[16]` (places in paths count from 0)."""
    uuid: str = ""
    """The item's own, where it has one."""


class Rejections:
    """Counts rejections exactly, by code, and keeps the first ones."""

    def __init__(self, keep: int = MOST_KEPT) -> None:
        self.by_code: Counter[str] = Counter()
        self.kept: list[Rejection] = []
        self._keep = keep

    @property
    def count(self) -> int:
        """How many there are."""
        return self.by_code.total()

    @property
    def full(self) -> bool:
        """Whether more of them are only counted."""
        return len(self.kept) >= self._keep

    def __iter__(self) -> Iterator[Rejection]:
        return iter(self.kept)

    def __bool__(self) -> bool:
        return bool(self.by_code)

    def add(self, rejection: Rejection) -> None:
        """One more."""
        self.by_code[rejection.code] += 1
        if not self.full:
            self.kept.append(rejection)

    def extend(self, rejections: Iterable[Rejection]) -> None:
        """Some more."""
        for rejection in rejections:
            self.add(rejection)

    def line(self, number: int, code: str, message: str, field: str = "", uuid: str = "") -> None:
        """One more: a line of a file. Nothing is made of it where it is only counted."""
        self.by_code[code] += 1
        if not self.full:
            where = f"line {number}: {field}" if field else f"line {number}"
            self.kept.append(Rejection(number, code, message, where, uuid))

    def merge(self, others: Rejections) -> None:
        """Those of a part of the file that comes after all others, in order."""
        self.by_code.update(others.by_code)
        room = max(0, self._keep - len(self.kept))
        self.kept += sorted(others.kept, key=lambda rejection: rejection.number)[:room]
