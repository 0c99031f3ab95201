"""Columns that grow: what was handed out stays as it was, while more is appended behind it.

A row's entries are a span. A row that is replaced gets a new span at the end and leaves a gap; when gaps are
more than a third, live spans move into fresh arrays, and whoever still reads the old ones keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sightline.arrays import Ints, Longs

Array = npt.NDArray[Any]

_DEAD_SHARE = 0.3
_DEAD_LEAST = 1 << 14
_GROWTH = 1.25
_LEAST = 1 << 10


class Growing:
    """An array that is appended to. `values` is a view that later appends don't change."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._buffer: Array = np.empty(0, dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> Array:
        """What is there."""
        return self._buffer[: self._length]

    @property
    def nbytes(self) -> int:
        """Memory taken, with room to grow."""
        return self._buffer.nbytes

    def append(self, values: Array) -> None:
        """Add entries at the end."""
        end = self._length + len(values)
        if end > len(self._buffer):
            self._resize(max(end, int(len(self._buffer) * _GROWTH), _LEAST))
        self._buffer[self._length : end] = values
        self._length = end

    def take(self, entries: Longs) -> None:
        """Keep these entries, in an array of one's own, with room for as many as make it worth doing again."""
        buffer = np.empty(int(len(entries) / (1 - _DEAD_SHARE)) + _DEAD_LEAST, self._buffer.dtype)
        np.take(self.values, entries, out=buffer[: len(entries)])
        self._buffer, self._length = buffer, len(entries)

    def trim(self) -> None:
        """Give back room to grow."""
        if len(self._buffer) > self._length:
            self._resize(self._length)

    def _resize(self, capacity: int) -> None:
        buffer = np.empty(capacity, self._buffer.dtype)
        buffer[: self._length] = self.values
        self._buffer = buffer


class SpanColumns:
    """Parallel columns, and where each row's span lies in them. Rows are numbered 0, 1, 2 ... by their owner."""

    def __init__(self, dtypes: Mapping[str, npt.DTypeLike]) -> None:
        self._columns = {name: Growing(dtype) for name, dtype in dtypes.items()}
        self._entries = 0
        self._live = 0
        self.start: Longs = np.empty(0, np.int64)
        self.count: Ints = np.empty(0, np.int32)

    def column(self, name: str) -> Array:
        """A column, as it stays for whoever holds it."""
        return self._columns[name].values

    @property
    def live(self) -> int:
        """Entries that belong to a row."""
        return self._live

    @property
    def nbytes(self) -> int:
        """Memory taken."""
        return sum(column.nbytes for column in self._columns.values()) + self.start.nbytes + self.count.nbytes

    def make_rows(self, rows: int) -> None:
        """See that there are this many rows; new ones are empty."""
        if rows > len(self.start):
            room = max(rows, int(len(self.start) * _GROWTH), _LEAST)
            self.start = _padded(self.start, room)
            self.count = _padded(self.count, room)

    def replace(self, rows: Longs, counts: Ints, columns: Mapping[str, Array]) -> None:
        """Give rows new entries: `columns` holds them one row after the other. No row is named twice."""
        start = self._entries
        for name, values in columns.items():
            self._columns[name].append(values)
        self._entries += int(counts.sum())
        self._live += self._entries - start - int(self.count[rows].sum())
        self.start[rows] = start + np.cumsum(counts, dtype=np.int64) - counts
        self.count[rows] = counts

    def clear(self, rows: Longs) -> None:
        """Take all entries from rows."""
        self._live -= int(self.count[rows].sum())
        self.count[rows] = 0

    def compact(self) -> bool:
        """Close the gaps if they are worth it. Whether they were."""
        dead = self._entries - self._live
        if dead < _DEAD_LEAST or dead < _DEAD_SHARE * self._entries:
            return False
        kept = _span_indices(self.start, self.count)
        for column in self._columns.values():
            column.take(kept)
        self.start = np.cumsum(self.count, dtype=np.int64) - self.count
        self._entries = self._live
        return True

    def trim(self) -> None:
        """Give back room to grow."""
        for column in self._columns.values():
            column.trim()


def _span_indices(start: Longs, count: Ints) -> Longs:
    ends = np.cumsum(count, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total, dtype=np.int64) + np.repeat(start - (ends - count), count)


def _padded(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    padded = np.zeros(length, array.dtype)
    padded[: len(array)] = array
    return padded
