"""What people give, value by value: as it is sent, or a `ValueError` that says where it stands and what to do.

A value may be Python's or NumPy's, or pandas' word for one that is missing. Nothing is changed silently: what can't be
sent as it is, isn't sent.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

import msgspec

from sightline.domain.ordinals import LEAST_ORDINAL, MOST_ORDINAL

_EXACT = 1 << 53
"""From here on, numbers with a fraction stand for several whole ones."""
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1


def key(value: object, column: str, index: int) -> str:
    """A global key. Whole numbers become texts."""
    if type(value) is str:
        return value
    value = _plain(value)
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _unfit(value, column, index, "a global key is a text or a whole number")


def text(value: object, column: str, index: int) -> str:
    """A text."""
    if type(value) is str:
        return value
    value = _plain(value)
    if isinstance(value, str):
        return value
    raise _unfit(value, column, index, "give a text")


def number(value: object, column: str, index: int) -> float:
    """A number that is there, and finite."""
    if type(value) is float and math.isfinite(value):
        return value
    value = _plain(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            if math.isfinite(said := float(value)):
                return said
        except OverflowError:
            pass
    raise _unfit(value, column, index, "give a finite number")


def confidence(value: object, column: str, index: int) -> float | None:
    """A number; None where it is missing: the model gave none."""
    if type(value) is float and math.isfinite(value):
        return value
    return None if is_missing(value) else number(value, column, index)


def whole(value: object, column: str, index: int) -> int:
    """A whole number. One that became a float because its column has gaps is taken as long as it is exact."""
    value = _plain(value)
    if isinstance(value, int) and not isinstance(value, bool) and _LEAST <= value <= _MOST:
        return value
    if isinstance(value, float) and value.is_integer():
        if abs(value) < _EXACT:
            return int(value)
        raise _unfit(value, column, index, "as a float it isn't exact, give an integer (pandas: a column of Int64)")
    raise _unfit(value, column, index, "give a whole number")


def ordinal(value: object, column: str, index: int) -> int:
    """A whole number that is a place in a dataset's order."""
    said = whole(value, column, index)
    if not LEAST_ORDINAL <= said <= MOST_ORDINAL:
        raise _unfit(value, column, index, f"give one from {LEAST_ORDINAL} to {MOST_ORDINAL}")
    return said


def uuid(value: object, column: str, index: int) -> str:
    """A uuid: its text (the server says which is none), a `UUID`, or its 16 bytes."""
    if type(value) is str:
        return value
    value = _plain(value)
    if isinstance(value, (str, UUID)):
        return str(value)
    if isinstance(value, bytes) and len(value) == 16:
        return str(UUID(bytes=value))
    raise _unfit(value, column, index, "give a text, a UUID or 16 bytes for each, or leave the column out")


def json(value: object, column: str, index: int | None = None) -> Any:
    """Anything that JSON can say, also where NumPy's scalars and arrays are in it."""
    match value:
        case None | bool() | str():
            return value
        case Mapping():
            said = cast("Mapping[str, object]", value)
            return {name: json(each, f"{column}.{name}", index) for name, each in said.items()}
        case list() | tuple():
            items = cast("list[object]", value)
            return [json(each, column, index) for each in items]
        case _ if _is_array(value):
            return json(cast("Any", value).tolist(), column, index)
        case _:
            return _json_scalar(_plain(value), column, index)


def is_missing(value: object) -> bool:
    """None, NaN, pandas' NA and NaT, or a masked value."""
    if value is None:
        return True
    if isinstance(value, float):
        return value != value
    # Whoever has one of these has loaded the library that it comes from.
    pandas, masks = sys.modules.get("pandas"), sys.modules.get("numpy.ma")
    if pandas is not None and (value is pandas.NA or value is pandas.NaT):
        return True
    if masks is not None and value is masks.masked:
        return True
    plain = _plain(value)
    return isinstance(plain, float) and plain != plain


def _plain(value: Any) -> Any:
    """NumPy's scalars, and those that are like them, as Python's."""
    if type(value) in (float, int, str):
        return value
    is_scalar = hasattr(value, "dtype") and hasattr(value, "item") and not getattr(value, "ndim", 0)
    masks = sys.modules.get("numpy.ma")
    return value.item() if is_scalar and not (masks and value is masks.masked) else value


def _is_array(value: object) -> bool:
    return hasattr(value, "tolist") and bool(getattr(value, "ndim", 0))


def _json_scalar(value: Any, column: str, index: int | None) -> Any:
    match value:
        case bool() | str():
            return value
        case int() if _LEAST <= value <= _MOST:
            return value
        case float() if math.isfinite(value):
            return value
        case int() | float():
            raise _unfit(value, column, index, "JSON has no such number")
        case _ if is_missing(value):
            raise _unfit(value, column, index, "leave it out, or give None")
        case _:
            try:
                said = msgspec.to_builtins(value)
            except (TypeError, ValueError):
                raise _unfit(value, column, index, "JSON has no such thing") from None
            return json(said, column, index)


def _unfit(value: object, column: str, index: int | None, remedy: str) -> ValueError:
    place = column if index is None else f"{column} at index {index}"
    said = "missing" if not isinstance(value, float) and is_missing(value) else _shown(value)
    return ValueError(f"{place} is {said}: {remedy}")


def _shown(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."
