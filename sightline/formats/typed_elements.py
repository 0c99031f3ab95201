"""Decode many elements of a list at once into typed objects; find the ones that don't fit, and say why."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from sightline.formats.faults import Rejection
from sightline.formats.json_elements import Piece

T = TypeVar("T")

Explain = Callable[[bytes, str], str]
"""Told of every element that does not fit: its text and the decoder's message. Answers a better message."""

_WHOLE_FLOAT = re.compile(
    rb'("(?:id|image_id|category_id|iscrowd|width|height)"[ \t\r\n]*:[ \t\r\n]*-?\d+)\.0+(?=[ \t\r\n]*[,}])'
)
"""A whole number that table software wrote as a float. Quotes in strings are escaped, so it matches members only."""


def _as_is(_text: bytes, message: str) -> str:
    return message


class TypedElements(Generic[T]):
    """A decoder for the elements of one list."""

    def __init__(self, item: type[T], explain: Explain = _as_is) -> None:
        self._decoder: msgspec.json.Decoder[list[T]] = msgspec.json.Decoder(list[item])
        self._explain = explain

    def decode(self, piece: Piece, low: int, high: int, items: list[T], places: list[int]) -> list[Rejection]:
        """Decode elements low .. high of a piece; what fits goes to `items`, its places in the list to `places`.

        All at once, and by halves where something in them does not fit.
        """
        text = b"".join((b"[", piece.part(low, high), b"]"))
        try:
            found = self._found(text)
            if len(found) != high - low:
                raise msgspec.DecodeError("JSON is malformed")
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            if high - low == 1:
                return [self._reject(piece, low, text[1:-1], error)]
            middle = (low + high) // 2
            return self.decode(piece, low, middle, items, places) + self.decode(piece, middle, high, items, places)
        items.extend(found)
        places.extend(range(piece.first + low, piece.first + high))
        return []

    def _found(self, text: bytes) -> list[T]:
        try:
            return self._decoder.decode(text)
        except msgspec.ValidationError:
            written, count = _WHOLE_FLOAT.subn(rb"\1", text)
            if not count:
                raise
        return self._decoder.decode(written)

    def _reject(self, piece: Piece, index: int, text: bytes, error: Exception) -> Rejection:
        place = piece.first + index
        where = f"{piece.key}[{place}]"
        if isinstance(error, msgspec.ValidationError):
            message, _, path = str(error).partition(" - at `$[0]")
            message = self._explain(text, message)
            return Rejection(place + 1, "invalid", message, where + path.rstrip("`"))
        self._explain(text, "")
        offset = piece.offset + (int(piece.ends[index - 1]) + 1 if index else 0)
        message = f"This is not JSON (the item begins at byte {offset} of the file; NaN and Infinity are not JSON)."
        return Rejection(place + 1, "malformed", message, where)
