"""NDJSON: one JSON value a line, read while the file streams in.

A line that is too long, or that does not fit, is left out with its number and a reason; the lines around it count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from sightline.formats.faults import Rejection

T = TypeVar("T", bound=msgspec.Struct)

LINE_LIMIT = 1 << 20
PIECE = 1 << 20
"""What is taken at a time of a chunk that is larger."""
MOST_LINES = PIECE + LINE_LIMIT + 1
"""In one `Lines`."""
_BEGINNING = 4 << 10
"""What is kept of a line that is too long."""

_BOM = b"\xef\xbb\xbf"
_UNKNOWN_FIELD = "Object contains unknown field"
"""How msgspec begins to say so."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Some whole lines of a file, with the line ends between them."""

    text: bytes
    first: int
    """Number of the first line, from 1."""
    count: int
    long: Mapping[int, Rejection] = field(default_factory=dict[int, Rejection])
    """Lines that are too long, by number; they stand as empty ones in `text`."""
    beginnings: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    """How those begin."""


class LineReader:
    """Finds the lines of a file that is fed to it in chunks of any size. Holds one line at most besides a chunk."""

    def __init__(self, *, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._beginning: bytes | None = b""
        self._rest = b""
        self._skipping = False
        self._count = 0
        self.position = 0
        """Bytes taken in so far."""

    def feed(self, chunk: bytes) -> Iterator[Lines]:
        """Take more of the file; the lines that are whole now."""
        if self._beginning is not None:
            chunk = self._beginning + chunk
            if _BOM.startswith(chunk):  # it may be cut anywhere
                self._beginning = chunk
                return
            self._beginning, chunk = None, chunk.removeprefix(_BOM)
        for begin in range(0, len(chunk), PIECE):
            yield from self._take(chunk[begin : begin + PIECE])

    def finish(self) -> Iterator[Lines]:
        """The file has ended: its last line needs no end."""
        if self._beginning:
            yield from self._take(self._beginning.removeprefix(_BOM))
        self._beginning = None
        if self._rest:
            yield self._lines(self._rest)
        self._rest = b""

    def _take(self, chunk: bytes) -> Iterator[Lines]:
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
            number = self._count
            yield Lines(b"", number, 1, {number: self._too_long(number)}, {number: rest[:_BEGINNING]})

    def _lines(self, text: bytes) -> Lines:
        first = self._count + 1
        count = text.count(b"\n") + 1
        self._count += count
        if len(text) <= self._limit:
            return Lines(text, first, count)
        lines = text.split(b"\n")
        beginnings: dict[int, bytes] = {}
        for place, line in enumerate(lines):
            if len(line) > self._limit:
                beginnings[first + place] = line[:_BEGINNING]
                lines[place] = b""
        long = {number: self._too_long(number) for number in beginnings}
        return Lines(b"\n".join(lines) if long else text, first, count, long, beginnings)

    def _too_long(self, number: int) -> Rejection:
        return Rejection(number, "line_too_long", f"The line is longer than {self._limit:,} bytes.", f"line {number}")


@dataclass(frozen=True, slots=True)
class Misfits:
    """What of some lines did not fit."""

    rejections: list[Rejection]
    """Lines that were left out, in order."""
    unknown_fields: int = 0
    """Lines that were taken without fields that nobody knows."""


class TypedLines(Generic[T]):
    """A decoder of lines, each a JSON object: all at once, and one by one where something in them does not fit."""

    def __init__(
        self, item: type[T], *, closed: type[T] | None = None, explain: Callable[[str, str], str] | None = None
    ) -> None:
        """`closed`: the same where no field is unknown; then lines that only `item` fits are counted.

        `explain` says better than the decoder what is wrong with a field, given its path and the decoder's message.
        """
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(item)
        self._closed: msgspec.json.Decoder[T] = msgspec.json.Decoder(closed or item)
        self._counts_unknown = closed is not None
        self._fields = ", ".join(field.encode_name for field in msgspec.structs.fields(item))
        self._explain = explain

    def decode(self, lines: Lines, items: list[T], numbers: list[int]) -> Misfits:
        """What fits goes to `items`, its line numbers to `numbers`; of the rest is told."""
        if not lines.long and self._all(self._closed, lines, items):
            numbers.extend(range(lines.first, lines.first + lines.count))
            return Misfits([])
        rejections = list(lines.long.values())
        unknown_fields = 0
        for number, line in enumerate(lines.text.split(b"\n"), lines.first):
            if not line.strip(b" \t\r"):
                continue
            fault = self._single(self._closed, number, line, items)
            if fault is not None and self._counts_unknown:
                fault = self._single(self._decoder, number, line, items)
                unknown_fields += fault is None
            if fault is None:
                numbers.append(number)
            else:
                rejections.append(fault)
        rejections.sort(key=lambda rejection: rejection.number)
        return Misfits(rejections, unknown_fields)

    def _all(self, decoder: msgspec.json.Decoder[T], lines: Lines, items: list[T]) -> bool:
        # Only then is each line end one between two objects; otherwise an object may go over lines.
        if lines.text.count(b"}\n{") + lines.text.count(b"}\r\n{") != lines.count - 1:
            return False
        try:
            found = decoder.decode_lines(lines.text)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return False
        if len(found) != lines.count:  # several on one line
            return False
        items.extend(found)
        return True

    def _single(self, decoder: msgspec.json.Decoder[T], number: int, line: bytes, items: list[T]) -> Rejection | None:
        where = f"line {number}"
        try:
            items.append(decoder.decode(line))
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            field = path.strip("`").lstrip(".")
            return Rejection(number, "invalid", self._said(field, message), f"{where}: {field}" if field else where)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return Rejection(number, "malformed", "This is not JSON (NaN and Infinity are not either).", where)
        return None

    def _said(self, field: str, message: str) -> str:
        if message.startswith(_UNKNOWN_FIELD):  # its name is input, and not repeated
            return f"The line has a field that is not known. Known are {self._fields}."
        return self._explain(field, message) if self._explain else message
