"""From ids of a file to places of ours, a whole column at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sightline.arrays import Bools, Ints, Longs

TABLE = 1 << 22
"""Ids that lie this close together are looked up in a table, ten times as fast as by search."""


class Lookup:
    """What each of some ids stands for. Made once, then only read: it may be used in any thread."""

    def __init__(self, meanings: Mapping[int, int]) -> None:
        self._ids = np.array(sorted(meanings), np.int64)
        self._values = np.array([meanings[id] for id in self._ids.tolist()], np.int32)
        self._first = int(self._ids[0]) if len(self._ids) else 0
        self._span = int(self._ids[-1]) - self._first + 1 if len(self._ids) else 0
        self._table: Ints | None = None
        if 0 < self._span <= TABLE:
            self._table = np.full(self._span, -1, np.int32)
            self._table[self._ids - self._first] = self._values

    @property
    def ids(self) -> Longs:
        """All ids that stand for something, ascending."""
        return self._ids

    def find(self, ids: Longs) -> tuple[Ints, Bools]:
        """What each id stands for, and whether it stands for anything."""
        if not len(self._ids):
            return np.zeros(len(ids), np.int32), np.zeros(len(ids), np.bool_)
        if self._table is None:
            at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
            return self._values[at], self._ids[at] == ids
        inside = (ids >= self._first) & (ids < self._first + self._span)
        if inside.all():
            found = self._table[ids - self._first]
        else:
            found = np.where(inside, self._table[np.where(inside, ids - self._first, 0)], -1)
        return found, found >= 0
