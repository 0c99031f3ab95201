"""Room in rows: how many more predictions of one upload each row takes."""

from __future__ import annotations

import numpy as np

from services.common.row_limits import MOST_PREDICTIONS
from sightline.arrays import Bools, Ints


class Room:
    """Counts what is said of each row."""

    def __init__(self, most: int = MOST_PREDICTIONS) -> None:
        self._most = most
        self._taken = np.zeros(0, np.int64)
        self.message = f"A row has at most {most:,} predictions of a run."

    def without(self, row: Ints) -> Bools:
        """Which of some predictions, that name these rows, find no room. Others have taken theirs."""
        count = np.bincount(row, minlength=len(self._taken))
        if len(count) > len(self._taken):
            self._taken = np.concatenate((self._taken, np.zeros(len(count) - len(self._taken), np.int64)))
        left = self._most - self._taken
        without = np.zeros(len(row), np.bool_)
        for full in np.flatnonzero(count > left).tolist():
            without[np.flatnonzero(row == full)[left[full] :]] = True
        self._taken += np.minimum(count, left)
        return without
