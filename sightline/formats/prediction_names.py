"""Names of predictions as NDJSON: `{"dataRow": {"globalKey": "a.jpg"}, "uuid": "..."}`; the row may be left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from sightline.arrays import Longs
from sightline.formats.faults import MOST_KEPT, Rejections
from sightline.formats.labelbox import uuid_said
from sightline.formats.named_rows import NamedRow
from sightline.formats.ndjson import LineReader, Lines, TypedLines
from sightline.formats.uuids import NO_UUID, Octets, parse_uuids


class _Line(msgspec.Struct, gc=False, rename="camel"):
    uuid: str
    data_row: NamedRow | None = None


@dataclass(frozen=True, slots=True)
class NameBlock:
    """Some names in file order, and what was left out between them."""

    global_keys: Sequence[str | None]
    """None where the line names no row."""
    uuid: Octets
    """(n, 16)."""
    line: Longs
    """Number of each line in the file, from 1."""
    rejections: Rejections
    lines: int
    """Lines of the file up to the end of this block."""


class PredictionNameReader:
    """Reads names from bytes that are fed to it in chunks of any size."""

    def __init__(self) -> None:
        self._lines = LineReader()
        self._typed = TypedLines(_Line, uuid=uuid_said)
        self._keep = MOST_KEPT

    @property
    def position(self) -> int:
        """Bytes taken in so far."""
        return self._lines.position

    def feed(self, chunk: bytes) -> Iterator[NameBlock]:
        """Take more of the file; the names whose lines are whole now."""
        return map(self._block, self._lines.feed(chunk))

    def finish(self) -> Iterator[NameBlock]:
        """The file has ended: its last line needs no end."""
        return map(self._block, self._lines.finish())

    def _block(self, lines: Lines) -> NameBlock:
        items: list[_Line] = []
        numbers: list[int] = []
        rejections = Rejections(self._keep)
        self._typed.decode(lines, items, numbers, rejections)
        octets, _, wrong = parse_uuids([item.uuid for item in items])
        for place in np.flatnonzero(wrong).tolist():
            rejections.line(numbers[place], "invalid", NO_UUID, "uuid")
        self._keep -= len(rejections.kept)
        right = np.flatnonzero(~wrong)
        rows = [items[place].data_row for place in right.tolist()]
        return NameBlock(
            [row.global_key if row is not None else None for row in rows],
            octets[right],
            np.array(numbers, np.int64)[right],
            rejections,
            lines.first + lines.count - 1,
        )
