"""How often a run is measured.

What is held back stays on the log, so nothing that was touched is forgotten; what piles up there is one computation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from services.common.runloop.handling import Delivery

PATIENCE = 2.0
"""Seconds from the first touch to a computation while nothing has ended: more is coming, and a number on the way would
only make the end wait."""
GATHERING = 1.0
"""What ends does so in every row partition: seconds from the first end to a computation without the others."""
LEAST_INTERVAL = 1.0
COSTS_APART = 5.0
"""Between two computations there are so many seconds at least, and so many times what the last one cost."""

_REMEMBERED = 10_000

_Remembered = TypeVar("_Remembered")


class _Last(NamedTuple):
    at: float
    cost: float


class RunPacing:
    """Lets a partition of `run-touched` go when all runs that wait in it may be measured (again)."""

    def __init__(self, row_partitions: int) -> None:
        self._row_partitions = row_partitions
        self._last: OrderedDict[str, _Last] = OrderedDict()
        self._touched_since: OrderedDict[str, float] = OrderedDict()
        self._ended_since: OrderedDict[str, float] = OrderedDict()
        self._cost: dict[str, float] = {}

    def delay(self, partition: int, waiting: Sequence[Delivery], now: float) -> float:
        """Seconds until what waits may be applied; 0: now."""
        ended: dict[str, set[int]] = {}
        for delivery in waiting:
            touched = delivery.event.run_touched
            ends = ended.setdefault(touched.run_id, set())
            if touched.settled:
                ends.add(touched.row_partition)
        due = max((self._due(run_id, len(ends), now) for run_id, ends in ended.items()), default=now)
        return max(0.0, due - now)

    def measured(self, run_id: str, seconds: float) -> None:
        """This is what the run cost now."""
        self._cost[run_id] = seconds

    def applied(self, partition: int, batch: Sequence[Delivery], seconds: float, now: float) -> None:
        """These touches are done with."""
        for run_id in {delivery.event.run_touched.run_id for delivery in batch}:
            _remember(self._last, run_id, _Last(now, self._cost.pop(run_id, 0.0)))
            self._touched_since.pop(run_id, None)
            self._ended_since.pop(run_id, None)

    def _due(self, run_id: str, ends: int, now: float) -> float:
        due = now
        if not ends:
            due = _remember(self._touched_since, run_id, self._touched_since.get(run_id, now)) + PATIENCE
        elif ends < self._row_partitions:
            due = _remember(self._ended_since, run_id, self._ended_since.get(run_id, now)) + GATHERING
        last = self._last.get(run_id)
        return max(due, last.at + max(LEAST_INTERVAL, COSTS_APART * last.cost)) if last else due


def _remember(memory: OrderedDict[str, _Remembered], run_id: str, value: _Remembered) -> _Remembered:
    """Put a value, and forget what was put longest ago when there is too much."""
    memory[run_id] = value
    memory.move_to_end(run_id)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
    return value
