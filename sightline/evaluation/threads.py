"""How the work of this package is spread over threads: its kernels release the interpreter lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from sightline.arrays import Ints, Longs

_Result = TypeVar("_Result")

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


def in_chunks(work: Callable[[Longs], _Result], items: Longs, weight: Ints | Longs) -> list[_Result]:
    """Apply `work` to `items` cut into contiguous chunks of about equal weight, one a thread; results in order.

    `weight` has one entry per item. `work` must give the same answer however its items are cut.
    """
    total = int(weight.sum())
    if total < 2 * _WORTH_A_THREAD or len(items) < 2 or _THREADS < 2:
        return [work(items)]
    targets = np.arange(1, _THREADS) * (total / _THREADS)
    cuts = np.searchsorted(np.cumsum(weight), targets) + 1
    return list(_threads().map(work, np.split(items, cuts)))
