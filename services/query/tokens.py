"""Opaque page tokens: where a page ended, bound to the question it belongs to."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from services.common.runtime.errors import Problem

Plain = str | int | float | bool | None
"""What a place is made of: never a structure, since places end up in filters."""

_LONGEST = 4096
_INTEGERS = range(-(2**63), 2**63)
"""What the read model can compare."""


def question(name: str, parameters: Mapping[str, Any]) -> str:
    """A digest of all that decides what a list holds and in which order. The size of pages does not."""
    return hashlib.sha256(msgspec.json.encode([name, parameters], order="sorted")).hexdigest()[:16]


def write(question: str, place: list[Plain]) -> str:
    """A token for the page after `place`."""
    # The read model's integers are a type of their own, which is not encoded as it is.
    plain = [int(value) if type(value) not in (bool, float, str) and value is not None else value for value in place]
    return base64.urlsafe_b64encode(msgspec.json.encode([question, plain])).rstrip(b"=").decode()


def read(question: str, token: str | None) -> list[Plain] | None:
    """Where the page before ended; None for the first page. A token of another question is a 422."""
    if not token:
        return None
    try:
        if len(token) > _LONGEST:
            raise ValueError
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        asked, place = msgspec.json.decode(packed, type=tuple[str, list[Plain]])
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise refused() from None
    if any(isinstance(value, int) and value not in _INTEGERS for value in place):
        raise refused()
    if asked != question:
        raise refused("it belongs to a question with other filters or another order")
    return place


def refused(why: str = "it is not one that this service made") -> Problem:
    """The token can't be used."""
    return Problem(422, "bad-page-token", "the page token can't be used", f"{why}: begin again without page_token")
