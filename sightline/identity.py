"""Which prediction is which, where the upload gave no uuids: by content.

The identity of content is a hash of 128 bits over class, box and confidence. Equal detections stay apart by their
occurrence: the k-th equal content that an upload says of a row has an identity of its own. Identities are stored in the
read model and given out by the API, so the hash must never change.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import numpy as np
import numpy.typing as npt
from numba import types  # pyright: ignore[reportMissingTypeStubs]

from sightline.arrays import Bits, Bools, Ints
from sightline.kernel import InBits, InInts, inner, kernel

IDENTITY_BYTES = 16

InBitTable = Annotated[Bits, types.Array(types.uint64, 2, "C", readonly=True)]
OutBitTable = Annotated[Bits, types.Array(types.uint64, 2, "C", readonly=False)]

_SIGN = np.uint64(1 << 63)
_ABSENT = np.uint64(0x7FF8 << 48)
_EXPONENT = np.uint64(0x7FF0 << 48)
_LOW, _HIGH = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_STEP_LOW, _STEP_HIGH = np.uint64(0x165667B19E3779F9), np.uint64(0x27D4EB2F165667C5)
_MIX_1, _MIX_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_33 = np.uint64(33)
NEXT_LOW, NEXT_HIGH = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
"""From the identity of an occurrence to that of the next: what is added to the one word, and goes over the other."""

_STEPS_BACK = np.uint64(pow(int(NEXT_LOW), -1, 1 << 64))


def content_identities(class_id: Ints, boxes: npt.NDArray[np.float64], confidence: npt.NDArray[np.float64]) -> Bits:
    """Identities of the first occurrences, (n, 2) words, of n predictions with boxes (n, 4)."""
    identities = np.empty((len(class_id), 2), np.uint64)
    _hash(class_id, boxes.view(np.uint64), confidence.view(np.uint64), identities)
    return identities


def identities_said(class_id: Ints, boxes: npt.NDArray[np.float64], confidence: npt.NDArray[np.float64]) -> Bits:
    """Identities, (n, 2) words, of predictions said of one row together: the k-th of equal content is its k-th."""
    identities = content_identities(class_id, boxes, confidence)
    seen: Counter[bytes] = Counter()
    further = np.zeros(len(identities), np.uint64)
    for i, content in enumerate(identity.tobytes() for identity in identities):
        further[i] = seen[content]
        seen[content] += 1
    identities[:, 0] += further * NEXT_LOW
    identities[:, 1] ^= further * NEXT_HIGH
    return identities


def made_of_content(
    identities: npt.NDArray[np.uint8],
    class_id: Ints,
    boxes: npt.NDArray[np.float64],
    confidence: npt.NDArray[np.float64],
) -> Bools:
    """Which of the identities, (n, 16) bytes, are those that content makes, of whichever occurrence."""
    words = np.ascontiguousarray(identities).view(np.uint64).reshape(-1, 2)
    first = content_identities(class_id, boxes, confidence)
    occurrence = (words[:, 0] - first[:, 0]) * _STEPS_BACK
    return words[:, 1] == first[:, 1] ^ (occurrence * NEXT_HIGH)


@inner
def _mix(word: np.uint64) -> np.uint64:
    word = (word ^ (word >> _33)) * _MIX_1
    word = (word ^ (word >> _33)) * _MIX_2
    return word ^ (word >> _33)


@inner
def _plain(bits: np.uint64) -> np.uint64:
    """One form for each number: -0.0 is 0.0, and NaN is NaN."""
    if bits == _SIGN:
        return np.uint64(0)
    if bits & ~_SIGN > _EXPONENT:
        return _ABSENT
    return bits


@kernel
def _hash(class_id: InInts, boxes: InBitTable, confidence: InBits, identities: OutBitTable) -> None:
    for i in range(len(class_id)):
        low = _mix(_LOW ^ np.uint64(class_id[i]))
        high = _mix(_HIGH + np.uint64(class_id[i]))
        for k in range(4):
            word = _plain(boxes[i, k])
            low = _mix(low ^ word) + _STEP_LOW
            high = _mix(high + word) ^ _STEP_HIGH
        word = _plain(confidence[i])
        identities[i, 0] = _mix(low ^ word)
        identities[i, 1] = _mix(high + word)
