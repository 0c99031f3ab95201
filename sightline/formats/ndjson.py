"""NDJSON: one JSON value a line, read while the file streams in.

A line that is too long, or that does not fit, is left out with its number and a reason; the lines around it count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from sightline.formats.faults import Rejection

T = TypeVar("T")

LINE_LIMIT = 1 << 20

_BOM = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"\n[ \t\r]*\n")


@dataclass(frozen=True, slots=True)
class Lines:
    """Some whole lines of a file, with the line ends between them."""

    text: bytes
    first: int
    """Number of the first line, from 1."""
    count: int
    rejections: tuple[Rejection, ...] = ()
    """Lines that are too long; they stand as empty ones in `text`."""


class LineReader:
    """Finds the lines of a file that is fed to it in chunks of any size. Holds one line at most besides a chunk."""

    def __init__(self, *, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._rest = b""
        self._skipping = False
        self._count = 0
        self.position = 0
        """Bytes taken in so far."""

    def feed(self, chunk: bytes) -> Iterator[Lines]:
        """Take more of the file; the lines that are whole now."""
        if not self.position:
            chunk = chunk.removeprefix(_BOM)
        self.position += len(chunk)
        if self._skipping:
            _, newline, chunk = chunk.partition(b"\n")
            if not newline:
                return
            self._skipping = False
        whole, newline, rest = (self._rest + chunk).rpartition(b"\n")
        if newline:
            yield self._lines(whole)
        self._rest = rest
        if len(rest) > self._limit:
            self._rest, self._skipping = b"", True
            self._count += 1
            yield Lines(b"", self._count, 1, (self._too_long(self._count),))

    def finish(self) -> Iterator[Lines]:
        """The file has ended: its last line needs no end."""
        if self._rest:
            yield self._lines(self._rest)
        self._rest = b""

    def _lines(self, text: bytes) -> Lines:
        first = self._count + 1
        count = text.count(b"\n") + 1
        self._count += count
        if len(text) <= self._limit:
            return Lines(text, first, count)
        lines = text.split(b"\n")
        long = [place for place, line in enumerate(lines) if len(line) > self._limit]
        for place in long:
            lines[place] = b""
        rejections = tuple(self._too_long(first + place) for place in long)
        return Lines(b"\n".join(lines) if long else text, first, count, rejections)

    def _too_long(self, number: int) -> Rejection:
        return Rejection(number, "line_too_long", f"The line is longer than {self._limit:,} bytes.", f"line {number}")


class TypedLines(Generic[T]):
    """A decoder of lines into typed objects: all at once, and by halves where something in them does not fit."""

    def __init__(self, item: type[T]) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(item)

    def decode(self, lines: Lines, items: list[T], numbers: list[int]) -> list[Rejection]:
        """What fits goes to `items`, its line numbers to `numbers`; the rest comes back as rejections, in order."""
        rejections = list(lines.rejections)
        if not _BLANK_LINE.search(b"\n%b\n" % lines.text) and self._all(lines.text, lines.count, items):
            numbers.extend(range(lines.first, lines.first + lines.count))
            return rejections
        numbered = [(n, line) for n, line in enumerate(lines.text.split(b"\n"), lines.first) if line.strip()]
        rejections += self._by_halves(numbered, items, numbers)
        rejections.sort(key=lambda rejection: rejection.number)
        return rejections

    def _all(self, text: bytes, count: int, items: list[T]) -> bool:
        try:
            found = self._decoder.decode_lines(text)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return False
        if len(found) != count:
            return False
        items.extend(found)
        return True

    def _by_halves(self, lines: list[tuple[int, bytes]], items: list[T], numbers: list[int]) -> list[Rejection]:
        if not lines:
            return []
        if len(lines) == 1:
            return self._single(*lines[0], items, numbers)
        if self._all(b"\n".join(line for _, line in lines), len(lines), items):
            numbers.extend(number for number, _ in lines)
            return []
        middle = len(lines) // 2
        return self._by_halves(lines[:middle], items, numbers) + self._by_halves(lines[middle:], items, numbers)

    def _single(self, number: int, line: bytes, items: list[T], numbers: list[int]) -> list[Rejection]:
        where = f"line {number}"
        try:
            items.append(self._decoder.decode(line))
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            field = path.strip("`").lstrip(".")
            return [Rejection(number, "invalid", message, f"{where}: {field}" if field else where)]
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return [Rejection(number, "malformed", "This is not JSON (NaN and Infinity are not either).", where)]
        numbers.append(number)
        return []
