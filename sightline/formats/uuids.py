"""Uuids as RFC 9562 writes them, 8-4-4-4-12 hexadecimal digits of any case: many at once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np
import numpy.typing as npt

from sightline.arrays import Bools

Octets = npt.NDArray[np.uint8]

UUID_BYTES = 16
NO_UUID = "The uuid is not one: 8-4-4-4-12 hexadecimal digits."

_LENGTH = 36
_DASHES = [8, 13, 18, 23]
_DIGITS = [place for place in range(_LENGTH) if place not in _DASHES]
_NO_DIGIT = 255

_HEX = np.frombuffer(bytes(range(256)).hex().encode(), np.uint8).reshape(256, 2)
"""The two digits of each byte."""
_VALUE = np.full(256, _NO_DIGIT, np.uint8)
for _digit in "0123456789abcdefABCDEF":
    _VALUE[ord(_digit)] = int(_digit, 16)


def parse_uuids(texts: Sequence[str | None]) -> tuple[Octets, Bools, Bools]:
    """Their bytes, (n, 16); which there are; and which of those are no uuids. Bytes of others are zeros."""
    given = np.fromiter((text is not None for text in texts), np.bool_, len(texts))
    octets = np.zeros((len(texts), UUID_BYTES), np.uint8)
    measured = [text if text is not None and len(text) == _LENGTH and text.isascii() else None for text in texts]
    right = np.fromiter((text is not None for text in measured), np.bool_, len(texts))
    letters = np.frombuffer("".join(filter(None, measured)).encode(), np.uint8).reshape(-1, _LENGTH)
    values = _VALUE[letters[:, _DIGITS]]
    fine = (letters[:, _DASHES] == ord("-")).all(axis=1) & (values != _NO_DIGIT).all(axis=1)
    octets[right] = np.where(fine[:, None], values[:, ::2] << 4 | values[:, 1::2], 0)
    right[right] = fine
    return octets, given, given & ~right


def uuid_texts(octets: Octets) -> list[str]:
    """Uuids, (n, 16), as they are written."""
    text = np.full((len(octets), _LENGTH), ord("-"), np.uint8)
    text[:, _DIGITS] = _HEX[octets].reshape(-1, 2 * UUID_BYTES)
    return text.view(f"S{_LENGTH}").reshape(-1).astype(f"U{_LENGTH}").tolist()


def uuid_text(octets: bytes) -> str:
    """A uuid as it is written."""
    return str(UUID(bytes=octets))
