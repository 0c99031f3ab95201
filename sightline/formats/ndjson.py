"""NDJSON: one JSON value a line, read while the file streams in.

A line that is too long, or that does not fit, is left out with its number and a reason; the lines around it count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from sightline.arrays import Longs
from sightline.formats.faults import Rejections

T = TypeVar("T", bound=msgspec.Struct)

LINE_LIMIT = 1 << 20
PIECE = 1 << 20
"""What is taken at a time of a chunk that is larger."""
_LINES_AT_ONCE = 4_096
"""Of which the places are Python's numbers."""
_FAULTS_REMEMBERED = 1_024
"""Texts of lines, of a block: what compresses well says the same again and again."""

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
    long: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    """Lines that are too long, by number: how they begin. They stand as empty ones in `text`."""

    def said(self) -> Iterator[tuple[int, bytes]]:
        """The lines that aren't empty, with their numbers."""
        begins, ends = _places(self.text)
        there = np.flatnonzero(ends > begins)
        for at in range(0, len(there), _LINES_AT_ONCE):
            some = there[at : at + _LINES_AT_ONCE]
            for place, begin, end in zip(some.tolist(), begins[some].tolist(), ends[some].tolist(), strict=True):
                yield self.first + place, self.text[begin:end]


def _places(text: bytes) -> tuple[Longs, Longs]:
    """Where the lines of a text begin and end."""
    newlines = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    return np.append(0, newlines + 1), np.append(newlines, len(text))


class LineReader:
    """Finds the lines of a file that is fed to it in chunks of any size. Holds one line at most besides a chunk."""

    def __init__(self) -> None:
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
        if len(rest) > LINE_LIMIT:
            self._rest, self._skipping = b"", True
            self._count += 1
            yield Lines(b"", self._count, 1, {self._count: rest[:LINE_LIMIT]})

    def _lines(self, text: bytes) -> Lines:
        first = self._count + 1
        count = text.count(b"\n") + 1
        self._count += count
        if len(text) <= LINE_LIMIT:
            return Lines(text, first, count)
        begins, ends = _places(text)
        too_long = np.flatnonzero(ends - begins > LINE_LIMIT).tolist()
        if not too_long:
            return Lines(text, first, count)
        lines = text.split(b"\n")
        beginnings: dict[int, bytes] = {}
        for place in too_long:
            beginnings[first + place] = lines[place][:LINE_LIMIT]
            lines[place] = b""
        return Lines(b"\n".join(lines), first, count, beginnings)


class Fault(NamedTuple):
    """What is wrong with a line: as a rejection says it."""

    code: str
    message: str
    field: str = ""


_TOO_LONG = Fault("line_too_long", f"The line is longer than {LINE_LIMIT:,} bytes.")
MALFORMED = Fault("malformed", "This is not JSON (NaN and Infinity are not either).")


@dataclass(frozen=True, slots=True)
class Misfits:
    """What of some lines did not fit."""

    unknown_fields: int = 0
    """Lines that were taken without fields that nobody knows."""
    about: Set[str] = frozenset()
    """What the lines that were left out are about."""
    about_unknown: int = 0
    """Lines that were left out of which that can't be told."""


class _LeftOut:
    """Lines of a block that are left out. The same line again is not looked at again."""

    def __init__(
        self,
        rejections: Rejections,
        uuid: Callable[[bytes], str] | None,
        about: Callable[[bytes], Set[str]] | None,
    ) -> None:
        self._rejections = rejections
        self._uuid_of = uuid
        self._about_of = about
        self._known: dict[bytes, _Known] = {}
        self.about: set[str] = set()
        self.about_unknown = 0

    def add(self, number: int, line: bytes, fault: Fault) -> None:
        """A line that wasn't known."""
        if len(self._known) >= _FAULTS_REMEMBERED:
            self.count()
        about = self._about_of(line) if self._about_of else frozenset[str]()
        self.about.update(about)
        self._known[line] = known = _Known(fault, self._about_of is not None and not about)
        self._tell(number, line, known)

    def again(self, number: int, line: bytes) -> bool:
        """Whether a line is known; then it is rejected, too."""
        known = self._known.get(line)
        if known is None:
            return False
        self._tell(number, line, known)
        return True

    def _tell(self, number: int, line: bytes, known: _Known) -> None:
        if self._rejections.full:
            known.untold += 1
            return
        self.about_unknown += known.about_unknown
        self._rejections.line(number, *known.fault, self._uuid_of(line) if self._uuid_of else "")

    def count(self) -> None:
        """Count those of which more is not told, and forget all."""
        for known in self._known.values():
            self._rejections.by_code[known.fault.code] += known.untold
            self.about_unknown += known.untold * known.about_unknown
        self._known.clear()


@dataclass(slots=True)
class _Known:
    """A text of lines that are left out."""

    fault: Fault
    about_unknown: bool
    untold: int = 0
    """Of these lines, as many are only counted."""


class TypedLines(Generic[T]):
    """A decoder of lines, each a JSON object: all at once, and one by one where something in them does not fit."""

    def __init__(
        self,
        item: type[T],
        *,
        closed: type[T] | None = None,
        explain: Callable[[str, str], str] | None = None,
        uuid: Callable[[bytes], str] | None = None,
        about: Callable[[bytes], Set[str]] | None = None,
    ) -> None:
        """`closed`: the same where no field is unknown; then lines that only `item` fits are counted.

        `explain` says better than the decoder what is wrong with a field, given its path and the decoder's message;
        `uuid` and `about` say of a line that was left out which uuid it has, and what it is about, as far as they can.
        """
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(item)
        self._closed: msgspec.json.Decoder[T] = msgspec.json.Decoder(closed or item)
        self._counts_unknown = closed is not None
        self._fields = ", ".join(field.encode_name for field in msgspec.structs.fields(item))
        self._explain = explain
        self._uuid = uuid
        self._about = about

    def decode(self, lines: Lines, items: list[T], numbers: list[int], rejections: Rejections) -> Misfits:
        """What fits goes to `items`, its line numbers to `numbers`; the rest to `rejections`, in no order."""
        if not lines.long and self._all(self._closed, lines, items):
            numbers.extend(range(lines.first, lines.first + lines.count))
            return Misfits()
        unknown_fields = 0
        left_out = _LeftOut(rejections, self._uuid, self._about)
        for number, beginning in lines.long.items():
            left_out.add(number, beginning, _TOO_LONG)
        for number, line in lines.said():
            if left_out.again(number, line) or not line.strip(b" \t\r"):
                continue
            fault = self._single(self._closed, line, items)
            if fault is not None and self._counts_unknown:
                fault = self._single(self._decoder, line, items)
                unknown_fields += fault is None
            if fault is None:
                numbers.append(number)
            else:
                left_out.add(number, line, fault)
        left_out.count()
        return Misfits(unknown_fields, left_out.about, left_out.about_unknown)

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

    def _single(self, decoder: msgspec.json.Decoder[T], line: bytes, items: list[T]) -> Fault | None:
        try:
            items.append(decoder.decode(line))
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            field = path.strip("`").lstrip(".")
            return Fault("invalid", self._said(field, message), field)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return MALFORMED
        return None

    def _said(self, field: str, message: str) -> str:
        if message.startswith(_UNKNOWN_FIELD):  # its name is input, and not repeated
            return f"The line has a field that is not known. Known are {self._fields}."
        return self._explain(field, message) if self._explain else message
