"""How kernels are compiled: functions over arrays that numba makes machine code of.

A kernel is compiled once, for the types its annotations name, when its module is imported (from numba's disk cache
after the first time). Inputs are declared read-only, which writable arrays satisfy too: so memory straight from a
socket or a file never makes numba compile again in a hot path, and a wrong type is an error at once.

Kernels release the interpreter lock and never use fastmath: sums and quotients come out as pycocotools' do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast, get_args, get_type_hints

import numba  # pyright: ignore[reportMissingTypeStubs]
import numpy as np
import numpy.typing as npt
from numba import types  # pyright: ignore[reportMissingTypeStubs]

from sightline.arrays import Bits, Bools, Bytes, Floats, Ints, Longs

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Array = TypeVar("_Array", bound=npt.NDArray[Any])


def _array(item: Any, dimensions: int, *, readonly: bool) -> Any:
    return types.Array(item, dimensions, "C", readonly=readonly)


InBools = Annotated[Bools, _array(types.boolean, 1, readonly=True)]
InBytes = Annotated[Bytes, _array(types.int8, 1, readonly=True)]
InInts = Annotated[Ints, _array(types.int32, 1, readonly=True)]
InLongs = Annotated[Longs, _array(types.int64, 1, readonly=True)]
InFloats = Annotated[Floats, _array(types.float64, 1, readonly=True)]
InTable = Annotated[Floats, _array(types.float64, 2, readonly=True)]
InCounts = Annotated[npt.NDArray[np.int64], _array(types.int64, 2, readonly=True)]
InBits = Annotated[Bits, _array(types.uint64, 1, readonly=True)]

OutBytes = Annotated[Bytes, _array(types.int8, 1, readonly=False)]
OutInts = Annotated[Ints, _array(types.int32, 1, readonly=False)]
OutFloats = Annotated[Floats, _array(types.float64, 1, readonly=False)]
OutBits = Annotated[Bits, _array(types.uint64, 1, readonly=False)]

_SCALARS: dict[type, Any] = {int: types.int64, float: types.float64, bool: types.boolean}


def _types_of(annotated: Callable[..., Any]) -> tuple[Any, ...]:
    hints = get_type_hints(annotated, include_extras=True)
    hints.pop("return", None)
    return tuple(map(_type_of, hints.values()))


def _type_of(hint: Any) -> Any:
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, tuple):
        return types.NamedTuple(_types_of(cast(Any, hint)), hint)
    return get_args(hint)[1]


def read_only(array: _Array) -> _Array:
    """The same array, not to be written: members of a named tuple must be exactly of the types that it names."""
    array = array.view()
    array.flags.writeable = False
    return array


def kernel(function: _Function) -> _Function:
    """Compile `function` for exactly the types of its annotations.

    These are this module's array types, int, float, bool, and named tuples of them.
    """
    compiled: Any = numba.njit(_types_of(function), nogil=True, cache=True, error_model="numpy")(function)  # pyright: ignore[reportUnknownMemberType]
    return cast(_Function, compiled)


def inner(function: _Function) -> _Function:
    """Make `function` callable from the kernels of its own file (numba's cache does not look at other files)."""
    compiled: Any = numba.njit(nogil=True, cache=True, error_model="numpy")(function)  # pyright: ignore[reportUnknownMemberType]
    return cast(_Function, compiled)
