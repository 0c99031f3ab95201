"""How often a run is measured.

What is held back stays on the log, so nothing that was touched is forgotten; what piles up there is one computation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from services.common.eventlog.handling import Delivery

FIRST_WAIT = 2.0
"""Seconds from the first touch of a run to its first computation, unless something ended: much more is coming."""
LEAST_INTERVAL = 1.0
COSTS_APART = 5.0
"""A run is measured at most every LEAST_INTERVAL seconds, and every COSTS_APART times what it last cost."""

_REMEMBERED = 10_000


class RunPacing:
    """Lets a partition of `run-touched` go when all runs that wait in it may be measured (again)."""

    def __init__(self) -> None:
        self._first_touch: OrderedDict[str, float] = OrderedDict()
        self._next: OrderedDict[str, float] = OrderedDict()
        self._cost: dict[str, float] = {}

    def delay(self, partition: int, waiting: Sequence[Delivery], now: float) -> float:
        """Seconds until what waits may be applied; 0: now."""
        settled: dict[str, bool] = {}
        for delivery in waiting:
            touched = delivery.event.run_touched
            settled[touched.run_id] = touched.settled or settled.get(touched.run_id, False)
        due = max((self._due(run_id, ended, now) for run_id, ended in settled.items()), default=now)
        return max(0.0, due - now)

    def measured(self, run_id: str, seconds: float) -> None:
        """This is what the run cost now."""
        self._cost[run_id] = seconds

    def applied(self, partition: int, batch: Sequence[Delivery], seconds: float, now: float) -> None:
        """These touches are done with."""
        for run_id in {delivery.event.run_touched.run_id for delivery in batch}:
            cost = self._cost.pop(run_id, 0.0)
            self._next[run_id] = now + max(LEAST_INTERVAL, COSTS_APART * cost)
            self._next.move_to_end(run_id)
            self._first_touch.pop(run_id, None)
        for remembered in (self._next, self._first_touch):
            while len(remembered) > _REMEMBERED:
                remembered.popitem(last=False)

    def _due(self, run_id: str, ended: bool, now: float) -> float:
        if run_id in self._next:
            return self._next[run_id]
        if ended:
            return now
        return self._first_touch.setdefault(run_id, now) + FIRST_WAIT
