"""Find the elements of a JSON file's top-level lists while the file streams in.

A COCO file is one list, or one object of lists, and may be larger than memory. A compiled byte machine follows strings
and nesting and says where elements end; nothing is decoded here. Memory is bounded by the block size and by the largest
element allowed; what lies under other keys is passed over without being kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
from numba import types  # pyright: ignore[reportMissingTypeStubs]

from sightline.formats.faults import FileBroken
from sightline.kernel import kernel

Octets = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
InOctets = Annotated[Octets, types.Array(types.uint8, 1, "C", readonly=True)]  # pyright: ignore[reportUnknownMemberType]
OutPlaces = Annotated[Places, types.Array(types.int64, 1, "C")]  # pyright: ignore[reportUnknownMemberType]

MIB = 1 << 20
BLOCK = 1 * MIB
ELEMENT_LIMIT = 16 * MIB
DEPTH_LIMIT = 200
_KEY_LIMIT = 64 << 10
MOST_ELEMENTS = 1 << 16
"""Most elements in one piece."""

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_KEY = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*(?=[^ \t\r\n])')
_NO_SPACE = re.compile(rb"[^ \t\r\n]")

_RAN_OUT, _CLOSED, _FULL, _TOO_DEEP = 0, 1, 2, 3


@kernel
def _scan(data: InOctets, at: int, nesting: OutPlaces, ends: OutPlaces, found: OutPlaces) -> int:
    """Go on at `at` until the list closes, `ends` is full or `data` runs out; how many elements ended there.

    `nesting` is what the machine remembers between calls: depth, whether it is in a string, whether after a backslash.
    `found` gets where it stopped and why.
    """
    depth, in_string, escaped = nesting[0], nesting[1] != 0, nesting[2] != 0
    count, why, size = 0, _RAN_OUT, len(data)
    while at < size:
        c = data[at]
        if in_string:
            if escaped:
                escaped = False
            elif c == 34:  # "
                in_string = False
            elif c == 92:  # backslash
                escaped = True
        elif c == 34:
            in_string = True
        elif c == 44:  # ,
            if depth == 0:
                ends[count] = at
                count += 1
                if count == len(ends):
                    why = _FULL
                    break
        elif c == 123 or c == 91:  # { [
            depth += 1
            if depth > DEPTH_LIMIT:
                why = _TOO_DEEP
                break
        elif c == 125 or c == 93:  # } ]
            if depth == 0:
                why = _CLOSED
                break
            depth -= 1
        at += 1
    nesting[0], nesting[1], nesting[2] = depth, in_string, escaped
    found[0], found[1] = at, why
    return count


@dataclass(frozen=True, slots=True)
class Piece:
    """Some whole elements of one list, as they stand in the file, with the commas between them."""

    key: str
    """The key of the list; empty where the file itself is the list."""
    text: memoryview
    ends: Places
    """Where each element ends in `text`; the next one begins a byte later."""
    first: int
    """Place of the first element in its list."""
    offset: int
    """Byte of the file at which `text` begins."""

    def part(self, low: int, high: int) -> memoryview:
        """Elements low .. high."""
        return self.text[int(self.ends[low - 1]) + 1 if low else 0 : int(self.ends[high - 1])]


class _Mode(Enum):
    START = auto()
    KEY = auto()
    AFTER_LIST = auto()
    ELEMENTS = auto()
    PASS_OVER = auto()
    END = auto()


class Elements:
    """A reader that is fed bytes, in chunks of any size, and hands out pieces.

    `keys`: the lists to read out of an object; empty: the file itself is a list. `what` names the file in messages.
    """

    def __init__(self, what: str, keys: frozenset[str] = frozenset(), *, element_limit: int = ELEMENT_LIMIT) -> None:
        self._what = what
        self._keys = keys
        self._element_limit = element_limit
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._mode = _Mode.START
        self._seen: set[str] = set()
        self._key = ""
        self._data = b""
        self._offset = 0
        """Byte of the file at which `_data` begins."""
        self._begin = 0
        """Where the element or value in hand begins in `_data`."""
        self._at = 0
        self._place = 0
        self._nesting = np.zeros(3, np.int64)
        self._ends = np.empty(MOST_ELEMENTS, np.int64)
        self._comma = np.empty(1, np.int64)
        self._found = np.zeros(2, np.int64)

    @property
    def seen(self) -> frozenset[str]:
        """The wanted keys that have come so far."""
        return frozenset(self._seen)

    @property
    def position(self) -> int:
        """Bytes taken in so far."""
        return self._offset + len(self._data) + self._waiting_bytes

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """Take more of the file; pieces that are whole now."""
        if chunk:
            self._waiting.append(chunk)
            self._waiting_bytes += len(chunk)
        # A large element that is still open waits until its text has doubled: so it is put together in linear time.
        if self._waiting_bytes >= max(BLOCK, len(self._data) - self._begin):
            self._take()
            yield from self._read(final=False)

    def finish(self) -> Iterator[Piece]:
        """The file has ended: the last pieces. A file that is not whole is `FileBroken`."""
        self._take()
        yield from self._read(final=True)
        if self._mode is not _Mode.END:
            place = f"in `{self._key}[{self._place}]`" if self._mode is _Mode.ELEMENTS else "before its end"
            self._fail(f"The file is cut off {place}, at byte {{}}.", len(self._data))

    def _take(self) -> None:
        self._data = b"".join((memoryview(self._data)[self._begin :], *self._waiting))
        self._offset += self._begin
        self._at -= self._begin
        self._begin = 0
        self._waiting.clear()
        self._waiting_bytes = 0

    def _fail(self, message: str, at: int) -> None:
        offset = self._offset + at
        raise FileBroken(message.format(offset), offset)

    def _read(self, *, final: bool) -> Iterator[Piece]:
        more = True
        while more:
            match self._mode:
                case _Mode.START:
                    more = self._start(final)
                case _Mode.KEY:
                    more = self._next_key(final)
                case _Mode.AFTER_LIST:
                    more = self._after_list()
                case _Mode.ELEMENTS:
                    piece, more = self._elements()
                    if piece is not None:
                        yield piece
                case _Mode.PASS_OVER:
                    more = self._pass_over()
                case _Mode.END:
                    if self._next_byte() is not None:
                        self._fail(f"Something follows after the end of the {self._what}, at byte {{}}.", self._at)
                    more = False

    def _next_byte(self) -> int | None:
        """Pass over white space; the byte after it, if it is there."""
        found = _NO_SPACE.search(self._data, self._at)
        self._at = self._begin = found.start() if found else len(self._data)
        return self._data[self._at] if found else None

    def _enter(self, mode: _Mode, at: int) -> bool:
        self._mode, self._at, self._begin = mode, at, at
        return True

    def _start(self, final: bool) -> bool:
        if self._offset + self._at == 0 and self._data.startswith(_BOM):
            self._at = len(_BOM)
        first = self._next_byte()
        if first is None:
            if final:
                self._fail(f"The file is empty: no {self._what}.", self._at)
            return False
        if first != (opening := ord("{") if self._keys else ord("[")):
            shape = {ord("{"): "a JSON object", ord("["): "a JSON list"}
            found = shape.get(first, "something else")
            self._fail(f"This is no {self._what}: it should be {shape[opening]}, and is {found} (byte {{}}).", self._at)
        if self._keys:
            after = self._at + 1
            self._enter(_Mode.KEY, after)
            if self._next_byte() == ord("}"):
                return self._enter(_Mode.END, self._at + 1)
            return True
        return self._enter_list("", self._at + 1)

    def _enter_list(self, key: str, at: int) -> bool:
        self._key, self._place = key, 0
        self._seen.add(key)
        self._nesting[:] = 0
        return self._enter(_Mode.ELEMENTS, at)

    def _next_key(self, final: bool) -> bool:
        found = _KEY.match(self._data, self._at)
        if found is None:
            if final or len(self._data) - self._at > _KEY_LIMIT:
                self._fail(f"This is no {self._what}: no key of a JSON object at byte {{}}.", self._at)
            return False
        try:
            key = msgspec.json.decode(found.group(1), type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._fail(f"This is no {self._what}: a key that can't be read at byte {{}}.", self._at)
            raise
        if key not in self._keys:
            self._key = ""
            self._nesting[:] = 0
            return self._enter(_Mode.PASS_OVER, found.end())
        if self._data[found.end()] != ord("["):
            self._fail(f"This is no {self._what}: `{key}` is no list (byte {{}}).", found.end())
        if key in self._seen:
            self._fail(f"`{key}` comes twice in the file (byte {{}}).", self._at)
        return self._enter_list(key, found.end() + 1)

    def _after_list(self) -> bool:
        match self._next_byte():
            case None:
                return False
            case 44:
                return self._enter(_Mode.KEY, self._at + 1)
            case 125:
                return self._enter(_Mode.END, self._at + 1)
            case _:
                self._fail("A comma is missing after a list, at byte {}.", self._at)
                return False

    def _run(self, ends: Places) -> tuple[int, int]:
        """Let the machine go on; how many elements ended, and why it stopped."""
        count = _scan(np.frombuffer(self._data, np.uint8), self._at, self._nesting, ends, self._found)
        self._at = int(self._found[0])
        why = int(self._found[1])
        if why == _TOO_DEEP:
            self._fail(f"Nested deeper than {DEPTH_LIMIT} levels, at byte {{}}.", self._at)
        return count, why

    def _pass_over(self) -> bool:
        _, why = self._run(self._comma)
        if why == _RAN_OUT:
            self._begin = self._at
            return False
        return self._enter(_Mode.KEY if why == _FULL else _Mode.END, self._at + 1)

    def _elements(self) -> tuple[Piece | None, bool]:
        begin, place = self._begin, self._place
        count, why = self._run(self._ends)
        ends = self._ends[:count]
        if why == _CLOSED:
            closing = "]"
            if self._data[self._at] != ord(closing):
                self._fail("A list is closed by another bracket, at byte {}.", self._at)
            # Between the brackets of an empty list there is no element; anywhere else there is one before the bracket.
            start = int(ends[-1]) + 1 if count else begin
            if place + count or self._data[start : self._at].strip(_SPACE):
                ends = np.append(ends, self._at)
            after = self._at + 1
            self._enter(_Mode.AFTER_LIST if self._keys else _Mode.END, after)
        elif count:
            self._at += why == _FULL
            self._begin = int(ends[-1]) + 1
        if (int(ends[0]) if len(ends) else len(self._data)) - begin > self._element_limit:
            self._fail(
                f"`{self._key}[{place}]` is larger than {self._element_limit:,} bytes (it begins at byte {{}}).", begin
            )
        if not len(ends):
            return None, why != _RAN_OUT
        self._place += len(ends)
        text = memoryview(self._data)[begin : int(ends[-1])]
        return Piece(self._key, text, ends - begin, place, self._offset + begin), why != _RAN_OUT
