"""The common case of COCO results, compiled: from bytes to columns without an object in between.

Takes elements that are plain: the four keys, other keys with numbers, no escapes. Whatever is not plain, whatever is
wrong, and the rare number whose nearest double takes more than 128 bits to find is left to the decoder that knows all
of JSON: so this kernel decides how fast things go, and never what is right.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from sightline.formats.json_elements import InOctets, OutPlaces, Piece
from sightline.kernel import InLongs, OutFloats, inner, kernel

_LEAST_POWER, _MOST_POWER = -342, 308


def _powers_of_ten() -> npt.NDArray[np.uint64]:
    """The upper 128 bits, rounded down, of every power of ten that matters: two numbers each, the high one first."""
    table: list[tuple[int, int]] = []
    for q in range(_LEAST_POWER, _MOST_POWER + 1):
        if q >= 0:
            power = 10**q
            excess = power.bit_length() - 128
            bits = power >> excess if excess > 0 else power << -excess
        else:
            divisor = 10**-q
            bits = (1 << divisor.bit_length() + 127) // divisor
        table.append((bits >> 64, bits & (1 << 64) - 1))
    return np.array(table, np.uint64)


_POWERS = _powers_of_ten()
_EXACT = 10.0 ** np.arange(23)

_IMAGE, _CATEGORY, _BOX, _SCORE, _OTHER = 1, 2, 4, 8, 0


@inner
def _product(a: Any, b: Any) -> Any:
    """The 128 bits of a × b."""
    low = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    a0, a1, b0, b1 = a & low, a >> half, b & low, b >> half
    p = a0 * b0
    middle = a1 * b0 + (p >> half)
    carry = (middle & low) + a0 * b1
    return a1 * b1 + (middle >> half) + (carry >> half), a * b


@inner
def _nearest(mantissa: Any, power: int) -> float:
    """The double nearest to mantissa × 10^power; NaN where this way of finding it can't tell.

    Clinger's exact case, else the method of Eisel and Lemire ("Number parsing at a gigabyte per second", 2021).
    """
    if mantissa == np.uint64(0):
        return 0.0
    if mantissa <= np.uint64(1 << 53):
        if 0 <= power <= 22:
            return float(mantissa) * _EXACT[power]
        if -22 <= power < 0:
            return float(mantissa) / _EXACT[-power]
    if power < _LEAST_POWER or power > _MOST_POWER:
        return np.nan
    zeros = 0
    while mantissa < np.uint64(1 << 63):
        mantissa <<= np.uint64(1)
        zeros += 1
    exponent = ((217706 * power) >> 16) + 64 + 1023 - zeros
    unsure = np.uint64(0x1FF)
    high, low = _product(mantissa, _POWERS[power - _LEAST_POWER, 0])
    if high & unsure == unsure and low + mantissa < mantissa:
        high_of_rest, low_of_rest = _product(mantissa, _POWERS[power - _LEAST_POWER, 1])
        merged = low + high_of_rest
        if merged < low:
            high += np.uint64(1)
        low = merged
        if high & unsure == unsure and low + np.uint64(1) == np.uint64(0) and low_of_rest + mantissa < mantissa:
            return np.nan
    top = high >> np.uint64(63)
    rounded = high >> (top + np.uint64(9))
    exponent -= 1 - int(top)
    if low == np.uint64(0) and high & unsure == np.uint64(0) and rounded & np.uint64(3) == np.uint64(1):
        return np.nan
    rounded = (rounded + (rounded & np.uint64(1))) >> np.uint64(1)
    if rounded >> np.uint64(53) > np.uint64(0):
        rounded >>= np.uint64(1)
        exponent += 1
    if exponent < 1 or exponent > 2046:
        return np.nan
    return math.ldexp(float(rounded), exponent - 1075)


@inner
def _space(data: Any, at: int, end: int) -> int:
    while at < end and (data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


@inner
def _number(data: Any, at: int, end: int) -> Any:
    """Where a number ends (-1: it is none, or not plain), its value, and as an integer, if it is one."""
    negative = data[at] == 45
    if negative:
        at += 1
    mantissa, digits, power = np.uint64(0), 0, 0
    begin = at
    while at < end and 48 <= data[at] <= 57:
        mantissa = mantissa * np.uint64(10) + np.uint64(data[at] - 48)
        at += 1
    whole = at - begin
    if whole == 0 or (whole > 1 and data[begin] == 48):
        return -1, 0.0, 0, False
    digits = whole
    integer = True
    if at < end and data[at] == 46:
        at += 1
        point = at
        while at < end and 48 <= data[at] <= 57:
            mantissa = mantissa * np.uint64(10) + np.uint64(data[at] - 48)
            at += 1
        if at == point:
            return -1, 0.0, 0, False
        power = point - at
        digits += at - point
        integer = False
    if digits > 19:
        # More than 64 bits hold, unless it begins with zeros.
        for i in range(begin, at):
            if data[i] == 48:
                digits -= 1
            elif data[i] != 46:
                break
        if digits > 19:
            return -1, 0.0, 0, False
    if at < end and (data[at] == 101 or data[at] == 69):
        at += 1
        down = False
        if at < end and (data[at] == 43 or data[at] == 45):
            down = data[at] == 45
            at += 1
        first, exponent = at, 0
        while at < end and 48 <= data[at] <= 57:
            exponent = exponent * 10 + int(data[at] - 48)
            at += 1
        if at == first or at - first > 4:
            return -1, 0.0, 0, False
        power += -exponent if down else exponent
        integer = False
    value = _nearest(mantissa, power)
    if np.isnan(value):
        return -1, 0.0, 0, False
    whole_value = 0
    if integer:
        if digits > 18:
            return -1, 0.0, 0, False
        whole_value = np.int64(mantissa)
    if negative:
        return at, -value, -whole_value, integer
    return at, value, whole_value, integer


@inner
def _key(data: Any, begin: int, end: int) -> int:
    """Which of the four keys stands between the quotes."""
    size = end - begin
    found = _OTHER
    if size == 4:
        name, found = b"bbox", _BOX
    elif size == 5:
        name, found = b"score", _SCORE
    elif size == 8:
        name, found = b"image_id", _IMAGE
    elif size == 11:
        name, found = b"category_id", _CATEGORY
    else:
        return _OTHER
    for i in range(size):
        if data[begin + i] != name[i]:
            return _OTHER
    return found


@kernel
def _read(
    data: InOctets,
    ends: InLongs,
    image_id: OutPlaces,
    category_id: OutPlaces,
    box: OutFloats,
    score: OutFloats,
    plain: OutPlaces,
) -> None:
    """Read every element that is plain, and say which those are."""
    start = 0
    for i in range(len(ends)):
        end, at = ends[i], start
        start = end + 1
        plain[i] = 0
        score[i] = np.nan
        at = _space(data, at, end)
        if at >= end or data[at] != 123:
            continue
        at += 1
        seen = 0
        while True:
            at = _space(data, at, end)
            if at >= end or data[at] != 34:
                break
            at += 1
            begin = at
            while at < end and data[at] != 34 and data[at] != 92 and data[at] >= 32 and data[at] < 128:
                at += 1
            if at >= end or data[at] != 34:
                break
            key = _key(data, begin, at)
            at = _space(data, at + 1, end)
            if at >= end or data[at] != 58:
                break
            at = _space(data, at + 1, end)
            if at >= end:
                break
            if key == _BOX:
                if data[at] != 91:
                    break
                at += 1
                for k in range(4):
                    at = _space(data, at, end)
                    if at >= end:
                        at = -1
                        break
                    at, value, _, _ = _number(data, at, end)
                    if at < 0:
                        break
                    box[4 * i + k] = value
                    at = _space(data, at, end)
                    if at >= end or data[at] != (93 if k == 3 else 44):
                        at = -1
                        break
                    at += 1
                if at < 0:
                    break
            else:
                at, value, whole, integer = _number(data, at, end)
                if at < 0:
                    break
                if key == _SCORE:
                    score[i] = value
                elif key != _OTHER:
                    if not integer:
                        break
                    if key == _IMAGE:
                        image_id[i] = whole
                    else:
                        category_id[i] = whole
            seen |= key
            at = _space(data, at, end)
            if at >= end:
                break
            if data[at] == 44:
                at += 1
                continue
            if data[at] == 125 and seen & 7 == 7 and _space(data, at + 1, end) == end:
                plain[i] = 1
            break


def read_plain(piece: Piece) -> tuple[Any, Any, Any, Any, npt.NDArray[np.bool_]]:
    """Image ids, category ids, boxes and scores (NaN: absent) of a piece, and which elements they hold for."""
    size = len(piece.ends)
    image_id, category_id, plain = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)
    box, score = np.zeros(4 * size), np.zeros(size)
    _read(np.frombuffer(piece.text, np.uint8), piece.ends, image_id, category_id, box, score, plain)
    return image_id, category_id, box.reshape(size, 4), score, plain.astype(np.bool_)
