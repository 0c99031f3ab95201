"""Which uuids an upload has given already: exact, and in a file, so that memory doesn't grow with the upload.

A hash table of open addressing whose pages the kernel may write out: 32 bytes a uuid at most, one look each.
"""

from __future__ import annotations

import mmap
import secrets
import tempfile
from typing import Annotated

import numpy as np
import numpy.typing as npt
from numba import types  # pyright: ignore[reportMissingTypeStubs]

from sightline.kernel import kernel

Bits = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
_Words = Annotated[Bits, types.Array(types.uint64, 2, "C", readonly=True)]  # pyright: ignore[reportUnknownMemberType]
_Table = Annotated[Bits, types.Array(types.uint64, 2, "C", readonly=False)]  # pyright: ignore[reportUnknownMemberType]
_Repeated = Annotated[Bools, types.Array(types.boolean, 1, "C", readonly=False)]  # pyright: ignore[reportUnknownMemberType]

_Salt = Annotated[np.uint64, types.uint64]

_FIRST_SLOTS = 1 << 16
_SLOT_BYTES = 16
_MIX = np.uint64(0x9E3779B97F4A7C15)
_32 = np.uint64(32)


@kernel
def _insert(words: _Words, table: _Table, repeated: _Repeated, salt: _Salt) -> int:
    """Put pairs of words into the table, all of which are not (0, 0); how many were new.

    The salt is the upload's own, so that nobody can choose uuids that all belong in one place.
    """
    mask = np.uint64(len(table) - 1)
    new = 0
    for i in range(len(words)):
        low, high = words[i, 0], words[i, 1]
        mixed = (low ^ salt) * _MIX
        mixed = ((mixed ^ (mixed >> _32)) + (high ^ salt)) * _MIX
        slot = (mixed ^ (mixed >> _32)) & mask
        while True:
            if table[slot, 0] == low and table[slot, 1] == high:
                repeated[i] = True
                break
            if table[slot, 0] == 0 and table[slot, 1] == 0:
                table[slot, 0], table[slot, 1] = low, high
                new += 1
                break
            slot = (slot + np.uint64(1)) & mask
    return new


class SeenUuids:
    """The uuids of one upload. Close it when the upload ends."""

    def __init__(self) -> None:
        self._count = 0
        self._salt = np.uint64(secrets.randbits(64))
        self._nil_seen = False
        self._table, self._memory = _make_table(_FIRST_SLOTS)

    def repeated(self, uuids: npt.NDArray[np.uint8]) -> Bools:
        """Which of the uuids, (n, 16) bytes, came before: here or in an earlier call."""
        words = np.ascontiguousarray(uuids).view(np.uint64).reshape(-1, 2)
        while 2 * (self._count + len(words)) > len(self._table):
            self._grow()
        repeated = np.zeros(len(words), np.bool_)
        nil = ~words.any(axis=1)
        if nil.any():  # the one that stands for a free slot
            repeated[nil] = True
            repeated[np.argmax(nil)] = self._nil_seen
            self._nil_seen = True
        plain = np.flatnonzero(~nil)
        found = np.zeros(len(plain), np.bool_)
        self._count += _insert(words[plain], self._table, found, self._salt)
        repeated[plain] = found
        return repeated

    def close(self) -> None:
        """Give the file back."""
        self._table = np.zeros((0, 2), np.uint64)
        self._memory.close()

    def _grow(self) -> None:
        old, memory = self._table, self._memory
        self._table, self._memory = _make_table(2 * len(old))
        _refill(self._table, old, self._salt)
        del old  # no view may be left of what is closed
        memory.close()


def _refill(table: Bits, old: Bits, salt: np.uint64) -> None:
    for begin in range(0, len(old), _FIRST_SLOTS):
        part = old[begin : begin + _FIRST_SLOTS]
        held = np.ascontiguousarray(part[part.any(axis=1)])
        _insert(held, table, np.zeros(len(held), np.bool_), salt)


def _make_table(slots: int) -> tuple[Bits, mmap.mmap]:
    with tempfile.TemporaryFile() as file:
        file.truncate(slots * _SLOT_BYTES)
        memory = mmap.mmap(file.fileno(), slots * _SLOT_BYTES)
    return np.frombuffer(memory, np.uint64).reshape(slots, 2), memory
