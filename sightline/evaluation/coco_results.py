"""The bytes of a COCO results file straight into columns, three times as fast as by way of Python objects.

Reads what results files of boxes look like, and nothing else: a list of objects with `image_id`, `category_id`, `bbox`,
perhaps `score`, perhaps other numbers. Whatever is unlike that is left to a full JSON parser, which also knows how to
say what is wrong with it. Numbers are correctly rounded, as every other reader rounds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from numba import types  # pyright: ignore[reportMissingTypeStubs]

from sightline.evaluation.evidence import Floats, Longs
from sightline.evaluation.kernel import OutFloats, in_chunks, inner, kernel

_Octets = npt.NDArray[np.uint8]
_InOctets = Annotated[_Octets, types.Array(types.uint8, 1, "C", readonly=True)]
_OutLongs = Annotated[Longs, types.Array(types.int64, 1, "C")]

_Columns = tuple[Longs, Longs, Floats, Floats]
_SPACE = b" \t\r\n"

_POWERS: Floats = np.array([10.0**k for k in range(23)])
"""Powers of ten that a float64 holds exactly."""

_KEYS: Longs = np.array(
    [
        (len(key), int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little"))
        for key in (b"image_id", b"category_id", b"bbox", b"score")
    ]
)
"""The fields 1 to 4: length, first eight bytes, the others."""

_BAD, _EASY, _HARD = 0, 1, 2


@dataclass(frozen=True, slots=True)
class ResultColumns:
    """Results in file order. `box` is (n, 4); an absent score counts as 1."""

    image_id: Longs
    category_id: Longs
    box: Floats
    score: Floats


def read_results(data: bytes) -> ResultColumns | None:
    """The columns of a results file; None for what needs a full JSON parser, or has an error for it to explain."""
    text = data.strip(_SPACE)
    if len(text) < 2 or text[:1] != b"[" or text[-1:] != b"]":
        return None
    # Two halves, for two threads. A cut that is none, inside some text, leaves a half that does not end well.
    cut = text.find(b"},", len(text) // 2) + 1
    bounds = np.array([(1, cut), (cut + 1, len(text) - 1)] if cut else [(1, len(text) - 1)])
    chunks = in_chunks(
        lambda some: [_read(text, begin, end) for begin, end in bounds[some].tolist()],
        np.arange(len(bounds)),
        bounds[:, 1] - bounds[:, 0],
    )
    columns = [part for chunk in chunks for part in chunk if part is not None]
    if len(columns) < len(bounds):
        return None
    return ResultColumns(*(np.concatenate(same) for same in zip(*columns, strict=True)))


def _read(text: bytes, begin: int, end: int) -> _Columns | None:
    """The columns of the objects between two places."""
    most = text.count(b"{", begin, end)
    image_id, category_id = np.zeros(most, np.int64), np.zeros(most, np.int64)
    box, score = np.zeros((most, 4)), np.ones(most)
    octets = np.frombuffer(text, np.uint8)[begin : end + 1]
    count, hard = _scan(octets, image_id, category_id, box.reshape(-1), score)
    if count < 0:
        return None
    for item, field, first, last in hard.tolist():
        value = float(octets[first:last].tobytes())
        if field < 4:
            box[item, field] = value
        else:
            score[item] = value
    return image_id[:count], category_id[:count], box[:count], score[:count]


@inner
def _space(data: _Octets, at: int) -> int:
    while data[at] <= 32 and (data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


@inner
def _is_digit(data: _Octets, at: int) -> bool:
    return 48 <= data[at] <= 57


@inner
def _digit(data: _Octets, at: int) -> Any:
    return np.int64(data[at]) - 48


@inner
def _quotient(whole: int, power: float) -> tuple[float, bool]:
    """whole / power, and whether that is certainly the correctly rounded one: the quotient and one step of correction,
    with an exact remainder (Dekker), are 2^-50 apart from the truth at most."""
    high = float(whole)
    low = float(whole - int(high))
    guess = high / power
    a, b = guess * 134217729.0, power * 134217729.0
    guess_high, power_high = a - (a - guess), b - (b - power)
    guess_low, power_low = guess - guess_high, power - power_high
    product = guess * power
    error = ((guess_high * power_high - product) + guess_high * power_low + guess_low * power_high) + (
        guess_low * power_low
    )
    correction = (((high - product) - error) + low) / power
    doubt = abs(correction) * 2.0**-48
    value = guess + (correction - doubt)
    return value, value == guess + (correction + doubt)


@inner
def _number(data: _Octets, at: int) -> tuple[int, float, int, bool, int]:
    """(end, value, how it went, whether it is an integer, which) of the JSON number that begins at `at`.

    More than eighteen digits overflow `whole`, but then the number is hard, and nobody looks at it.
    """
    negative = data[at] == 45
    if negative:
        at += 1
    begin = at
    if not _is_digit(data, at) or (data[at] == 48 and _is_digit(data, at + 1)):
        return at, 0.0, _BAD, False, 0
    whole, exponent, integer = 0, 0, True
    while _is_digit(data, at):
        whole = 10 * whole + _digit(data, at)
        at += 1
    digits = 0 if data[begin] == 48 else at - begin
    if data[at] == 46:
        begin = at + 1
        at = begin
        integer = False
        while _is_digit(data, at):
            whole = 10 * whole + _digit(data, at)
            at += 1
        if at == begin:
            return at, 0.0, _BAD, False, 0
        exponent = begin - at
        digits -= exponent
    if data[at] == 101 or data[at] == 69:
        at += 1
        integer = False
        sign = 1
        if data[at] == 43 or data[at] == 45:
            sign = -1 if data[at] == 45 else 1
            at += 1
        if not _is_digit(data, at):
            return at, 0.0, _BAD, False, 0
        power = 0
        while _is_digit(data, at):
            power = min(10 * power + _digit(data, at), 10_000)
            at += 1
        exponent += sign * power
    if digits > 18 or exponent > 0 or exponent < -22:
        return at, 0.0, _HARD, False, 0
    # Up to 2^53 one division of two exact numbers is rounded once, and so correctly.
    if whole <= 9007199254740992:
        value, sure = whole / _POWERS[-exponent], True
    else:
        value, sure = _quotient(whole, _POWERS[-exponent])
    how = _EASY if sure else _HARD
    return (at, -value, how, integer, -whole) if negative else (at, value, how, integer, whole)


@inner
def _key(data: _Octets, at: int) -> tuple[int, int]:
    """(end, field) of the key whose text begins at `at`: field 0 for another, -1 for one that is not plain text."""
    low, high, length = 0, 0, 0
    while at < len(data) - 1 and data[at] != 34:
        if data[at] < 32 or data[at] > 126 or data[at] == 92:
            return at, -1
        if length < 8:
            low |= np.int64(data[at]) << (8 * length)
        elif length < 15:
            high |= np.int64(data[at]) << (8 * (length - 8))
        length += 1
        at += 1
    for field in range(4):
        if length == _KEYS[field, 0] and low == _KEYS[field, 1] and high == _KEYS[field, 2]:
            return at, field + 1
    return at, 0


@kernel
def _scan(
    data: _InOctets, image_id: _OutLongs, category_id: _OutLongs, box: OutFloats, score: OutFloats
) -> tuple[int, npt.NDArray[np.int64]]:
    """Fill the columns from objects with commas between them; how many there are (-1: not for this reader), and the
    numbers that are too hard, as lines of (item, field 0 to 3 of the box or 4 for the score, begin, end).

    The last octet is the comma or bracket after the last object: spaces and numbers end there at the latest.
    """
    hard = np.empty((64, 4), np.int64)
    nothing = hard[:0]
    hards, count, size = 0, 0, len(data) - 1
    at = _space(data, 0)
    while True:
        if data[at] != 123:
            return -1, nothing
        seen = 0
        while True:
            at = _space(data, at + 1)
            if data[at] != 34:
                return -1, nothing
            at, field = _key(data, at + 1)
            if field < 0 or at >= size or seen & (1 << field) & 30:
                return -1, nothing
            at = _space(data, at + 1)
            if data[at] != 58:
                return -1, nothing
            seen |= 1 << field
            at = _space(data, at + 1)
            parts = 1
            if field == 3:
                if data[at] != 91:
                    return -1, nothing
                at = _space(data, at + 1)
                parts = 4
            for part in range(parts):
                begin = at
                at, value, how, integer, whole = _number(data, at)
                if how == _BAD or ((field == 1 or field == 2) and not integer):
                    return -1, nothing
                if field == 1:
                    image_id[count] = whole
                elif field == 2:
                    category_id[count] = whole
                elif field == 3:
                    box[4 * count + part] = value
                elif field == 4:
                    score[count] = value
                if how == _HARD and field >= 3:
                    if hards == len(hard):
                        hard = np.concatenate((hard, np.empty_like(hard)))
                    hard[hards, 0], hard[hards, 1] = count, part if field == 3 else 4
                    hard[hards, 2], hard[hards, 3] = begin, at
                    hards += 1
                if field == 3:
                    at = _space(data, at)
                    if at >= size or data[at] != (44 if part < 3 else 93):
                        return -1, nothing
                    at = _space(data, at + 1)
            at = _space(data, at)
            if at >= size or (data[at] != 44 and data[at] != 125):
                return -1, nothing
            if data[at] == 125:
                break
        if seen & 14 != 14:
            return -1, nothing
        count += 1
        at = _space(data, at + 1)
        if at == size:
            return count, hard[:hards]
        if data[at] != 44:
            return -1, nothing
        at = _space(data, at + 1)
