"""Counts at any thresholds, without counting twice.

Same-class matching is a prefix in confidence, so what one IoU makes of a run is kept as running sums: another
confidence at that IoU is a binary search per class. Sums cost several counts, so they are made when an IoU is asked
about again. What is kept of a run is named by its generation, so it is good until anything of the run changes.
"""

from __future__ import annotations

import asyncio

from services.common.readmodel.columns.cache import RunView
from services.query.memory import LeastRecentlyUsed
from sightline.arrays import Floats
from sightline.evaluation.counts import Counts, PrefixCounts, count, prefix_counts
from sightline.evaluation.ordering import ByConfidence, by_confidence
from sightline.evaluation.presence import present_classes

MIB = 1 << 20


class Counting:
    """Counts of runs. Numerics run in threads: the event loop goes on answering."""

    def __init__(self, limit_bytes: int = 64 * MIB) -> None:
        self._orders: LeastRecentlyUsed[ByConfidence] = LeastRecentlyUsed(limit_bytes // 2)
        self._sums: LeastRecentlyUsed[PrefixCounts] = LeastRecentlyUsed(limit_bytes)
        self._asked: LeastRecentlyUsed[bool] = LeastRecentlyUsed(1000)
        self._present: LeastRecentlyUsed[list[int]] = LeastRecentlyUsed(1000)

    async def counts(self, run_id: str, view: RunView, iou: float, least: Floats, *, cached: bool = True) -> Counts:
        """Counts per class at an IoU, of predictions with at least the confidence `least` of their class."""
        key = run_id, view.generation, iou
        if cached and self._asked.get(key):
            return (await self.sums(run_id, view, iou)).at(least)
        self._asked.put(key, True, 1)
        return await asyncio.to_thread(count, view.evidence, iou, least)

    async def sums(self, run_id: str, view: RunView, iou: float) -> PrefixCounts:
        """Counts at an IoU for every confidence."""
        key = run_id, view.generation, iou
        found = self._sums.get(key)
        if found is None:
            order = await self._order(run_id, view)
            found = await asyncio.to_thread(prefix_counts, view.evidence, iou, order)
            self._sums.put(key, found, found.true_positive.nbytes + found.false_positive.nbytes)
        return found

    async def present(self, run_id: str, view: RunView) -> list[int]:
        """Ids of the classes that have truths or predictions."""
        key = run_id, view.generation
        found = self._present.get(key)
        if found is None:
            found = await asyncio.to_thread(present_classes, view.evidence)
            self._present.put(key, found, 1)
        return found

    async def _order(self, run_id: str, view: RunView) -> ByConfidence:
        key = run_id, view.generation
        found = self._orders.get(key)
        if found is None:
            found = await asyncio.to_thread(by_confidence, view.evidence)
            self._orders.put(key, found, found.prediction.nbytes + found.confidence.nbytes)
        return found
