"""The bytes of a COCO results file straight into columns, four times as fast as by way of Python objects.

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
from sightline.evaluation.kernel import OutFloats, inner, kernel

_Octets = npt.NDArray[np.uint8]
_InOctets = Annotated[_Octets, types.Array(types.uint8, 1, "C", readonly=True)]
_OutLongs = Annotated[Longs, types.Array(types.int64, 1, "C")]

_POWERS: Floats = np.array([10.0**k for k in range(23)])
"""Powers of ten that a float64 holds exactly."""

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
    most = data.count(b"{")
    image_id, category_id = np.zeros(most, np.int64), np.zeros(most, np.int64)
    box, score = np.zeros(4 * most), np.ones(most)
    count, hard = _scan(np.frombuffer(data, np.uint8), image_id, category_id, box, score)
    if count < 0:
        return None
    for item, field, begin, end in hard.tolist():
        value = float(data[begin:end])
        if field < 4:
            box[4 * item + field] = value
        else:
            score[item] = value
    return ResultColumns(image_id[:count], category_id[:count], box[: 4 * count].reshape(-1, 4), score[:count])


@inner
def _space(data: _Octets, at: int) -> int:
    while at < len(data) and (data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


@inner
def _is_digit(data: _Octets, at: int) -> bool:
    return at < len(data) and 48 <= data[at] <= 57


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
def _number(data: _Octets, at: int) -> tuple[int, float, int, bool]:
    """(end, value, how it went, whether it is an integer) of the JSON number that begins at `at`."""
    negative = at < len(data) and data[at] == 45
    if negative:
        at += 1
    if not _is_digit(data, at) or (data[at] == 48 and _is_digit(data, at + 1)):
        return at, 0.0, _BAD, False
    whole, digits, exponent, integer = 0, 0, 0, True
    while _is_digit(data, at):
        if whole > 0 or data[at] > 48:
            digits += 1
        if digits <= 18:
            whole = 10 * whole + _digit(data, at)
        at += 1
    if at < len(data) and data[at] == 46:
        at += 1
        integer = False
        if not _is_digit(data, at):
            return at, 0.0, _BAD, False
        while _is_digit(data, at):
            if whole > 0 or data[at] > 48:
                digits += 1
            if digits <= 18:
                whole = 10 * whole + _digit(data, at)
                exponent -= 1
            at += 1
    if at < len(data) and (data[at] == 101 or data[at] == 69):
        at += 1
        integer = False
        sign = 1
        if at < len(data) and (data[at] == 43 or data[at] == 45):
            sign = -1 if data[at] == 45 else 1
            at += 1
        if not _is_digit(data, at):
            return at, 0.0, _BAD, False
        power = 0
        while _is_digit(data, at):
            power = min(10 * power + _digit(data, at), 10_000)
            at += 1
        exponent += sign * power
    if digits > 18 or exponent > 0 or exponent < -22:
        return at, 0.0, _HARD, False
    # Up to 2^53 one division of two exact numbers is rounded once, and so correctly.
    if whole <= 9007199254740992:
        value, sure = whole / _POWERS[-exponent], True
    else:
        value, sure = _quotient(whole, _POWERS[-exponent])
    return at, -value if negative else value, _EASY if sure else _HARD, integer


@inner
def _integer(data: _Octets, begin: int, end: int) -> int:
    value = 0
    negative = data[begin] == 45
    for at in range(begin + 1 if negative else begin, end):
        value = 10 * value + _digit(data, at)
    return -value if negative else value


@inner
def _key(data: _Octets, begin: int, end: int) -> int:
    """Which field a key names: 1 image_id, 2 category_id, 3 bbox, 4 score, 0 another, -1 one that is not plain text."""
    for at in range(begin, end):
        if data[at] < 32 or data[at] > 126 or data[at] == 92:
            return -1
    for field, name in ((1, b"image_id"), (2, b"category_id"), (3, b"bbox"), (4, b"score")):
        if end - begin == len(name):
            same = True
            for k in range(len(name)):
                if data[begin + k] != name[k]:
                    same = False
            if same:
                return field
    return 0


@kernel
def _scan(
    data: _InOctets, image_id: _OutLongs, category_id: _OutLongs, box: OutFloats, score: OutFloats
) -> tuple[int, npt.NDArray[np.int64]]:
    """Fill the columns; how many results there are (-1: not for this reader), and the numbers that are too hard, as
    lines of (item, field 0 to 3 of the box or 4 for the score, begin, end)."""
    hard = np.empty((64, 4), np.int64)
    hards, count, size = 0, 0, len(data)
    nothing = hard[:0]
    at = _space(data, 0)
    if at >= size or data[at] != 91:
        return -1, nothing
    at = _space(data, at + 1)
    if at < size and data[at] == 93:
        return (0 if _space(data, at + 1) == size else -1), nothing
    while True:
        if at >= size or data[at] != 123:
            return -1, nothing
        seen = 0
        while True:
            at = _space(data, at + 1)
            if at >= size or data[at] != 34:
                return -1, nothing
            begin = at + 1
            at = begin
            while at < size and data[at] != 34:
                at += 1
            field = _key(data, begin, at)
            at = _space(data, at + 1)
            if field < 0 or seen & (1 << field) & 30 or at >= size or data[at] != 58:
                return -1, nothing
            seen |= 1 << field
            at = _space(data, at + 1)
            parts = 1
            if field == 3:
                if at >= size or data[at] != 91:
                    return -1, nothing
                at = _space(data, at + 1)
                parts = 4
            for part in range(parts):
                begin = at
                at, value, how, integer = _number(data, at)
                if how == _BAD or ((field == 1 or field == 2) and not integer):
                    return -1, nothing
                if field == 1:
                    image_id[count] = _integer(data, begin, at)
                elif field == 2:
                    category_id[count] = _integer(data, begin, at)
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
        if at >= size or (data[at] != 44 and data[at] != 93):
            return -1, nothing
        if data[at] == 93:
            break
        at = _space(data, at + 1)
    if _space(data, at + 1) != size:
        return -1, nothing
    return count, hard[:hards]
