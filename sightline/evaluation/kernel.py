"""How this package compiles its kernels, and how it spreads them over threads.

A kernel is compiled once, for the types its annotations name, when its module is imported (from numba's disk cache
after the first time). Inputs are declared read-only, which writable arrays satisfy too: so memory straight from a
socket or a file never makes numba compile again in a hot path, and a wrong type is an error at once.

Kernels release the interpreter lock and never use fastmath: sums and quotients come out as pycocotools' do.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypeVar, cast, get_type_hints

import numba  # pyright: ignore[reportMissingTypeStubs]
import numpy as np
import numpy.typing as npt
from numba import types  # pyright: ignore[reportMissingTypeStubs]

from sightline.evaluation.evidence import Bools, Floats, Ints, Longs

Bits = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.int8]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Result = TypeVar("_Result")


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


def kernel(function: _Function) -> _Function:
    """Compile `function` for exactly the types of its annotations (this module's array types, int, float, bool)."""
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    signature = tuple(_SCALARS[hint] if hint in _SCALARS else hint.__metadata__[0] for hint in hints.values())
    compiled: Any = numba.njit(signature, nogil=True, cache=True, error_model="numpy")(function)  # pyright: ignore[reportUnknownMemberType]
    return cast(_Function, compiled)


def inner(function: _Function) -> _Function:
    """Make `function` callable from the kernels of its own file (numba's cache does not look at other files)."""
    compiled: Any = numba.njit(nogil=True, cache=True, error_model="numpy")(function)  # pyright: ignore[reportUnknownMemberType]
    return cast(_Function, compiled)


_THREADS = min(2, os.cpu_count() or 1)
_WORTH_A_THREAD = 20_000
"""Chunks lighter than this many predictions and pairs are done before a second thread has woken."""

_executor: ThreadPoolExecutor | None = None


def _threads() -> ThreadPoolExecutor:
    global _executor
    if _executor is None:
        _executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="evaluation")
    return _executor


def _forget_threads() -> None:
    global _executor
    _executor = None


os.register_at_fork(after_in_child=_forget_threads)


def in_chunks(
    work: Callable[[Longs], _Result], items: Longs, weight: npt.NDArray[np.int32] | npt.NDArray[np.int64]
) -> list[_Result]:
    """Apply `work` to `items` cut into contiguous chunks of about equal weight, one a thread; results in order.

    `weight` has one entry per item. `work` must give the same answer however its items are cut.
    """
    total = int(weight.sum())
    if total < 2 * _WORTH_A_THREAD or len(items) < 2 or _THREADS < 2:
        return [work(items)]
    targets = np.arange(1, _THREADS) * (total / _THREADS)
    cuts = np.searchsorted(np.cumsum(weight), targets) + 1
    return list(_threads().map(work, np.split(items, cuts)))
