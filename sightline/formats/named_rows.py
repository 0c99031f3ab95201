"""Which rows a line of annotations is about, also where it is no JSON or is cut off."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Set

import msgspec

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[{}\[\]:]', re.DOTALL)
"""A string, which may be cut off, or what holds values together. It never goes back, so any text is read in one go."""


class NamedRow(msgspec.Struct, gc=False, rename="camel"):
    """Names a row."""

    global_key: str | None = None


class _Line(msgspec.Struct, gc=False, rename="camel"):
    data_row: NamedRow


def rows_named(text: bytes) -> Set[str]:
    """The rows that a line names.

    One at most of a JSON object; of what is none, each that it seems to name: two objects on a line name two.
    """
    with contextlib.suppress(msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        named = _DECODER.decode(text).data_row.global_key
        return frozenset() if named is None else frozenset((named,))
    return _seemingly_named(text)


_DECODER = msgspec.json.Decoder(_Line)


def _seemingly_named(text: bytes) -> Set[str]:
    """Every `globalKey` that stands in a `dataRow`."""
    rows: set[str] = set()
    inside: list[bool] = []  # for each object or list that is open: whether it is a data row
    before, last = b"", b""
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token in b"{[":
            inside.append(token == b"{" and last == b":" and _text(before) == "dataRow")
        elif token in b"}]":
            if inside:
                inside.pop()
        elif token != b":" and last == b":" and inside and inside[-1] and _text(before) == "globalKey":
            key = _text(token)
            if key is not None:
                rows.add(key)
        before, last = last, token
    return rows


def _text(token: bytes) -> str | None:
    """What a string says; None where it is none."""
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(token, type=str)
    return None
