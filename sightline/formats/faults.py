"""What can be wrong with a file, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


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
    """Counts rejections exactly, and keeps the first ones."""

    def __init__(self, keep: int = 100_000) -> None:
        self.count = 0
        self.kept: list[Rejection] = []
        self._keep = keep

    def add(self, rejection: Rejection) -> None:
        """One more."""
        self.count += 1
        if len(self.kept) < self._keep:
            self.kept.append(rejection)

    def extend(self, rejections: Iterable[Rejection]) -> None:
        """Some more."""
        for rejection in rejections:
            self.add(rejection)
