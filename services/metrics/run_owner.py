"""Group `metrics.runs`: whoever owns a run's partition of `run-touched` measures the whole run.

A run's rows lie on many partitions. The owner first takes touches from the log, then looks how far the row partitions
are, and measures columns that include at least that: so no touch is counted as seen that wasn't.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from services.common.documents import Delete, Read, Replace, State
from services.common.eventlog.port import LogError
from services.common.eventlog.topics import RUN_TOUCHED
from services.common.groups import INGEST_ROWS, METRICS_ROWS, METRICS_RUNS
from services.common.readmodel import collections
from services.common.readmodel.columns.cache import Columns, UnknownRun
from services.common.readmodel.columns.following import RowProgress
from services.common.readmodel.feed import FeedLost
from services.common.readmodel.outages import STORE_ERRORS
from services.common.runloop.clock import Clock
from services.common.runloop.handling import Batch, Handler, Outcome
from services.metrics.pacing import RunPacing
from services.metrics.summaries import NOTHING, measure, summary_document

logger = logging.getLogger(__name__)

TOPICS = (RUN_TOUCHED,)
RUN_SUMMARIES = collections.RUN_SUMMARIES.name

DELETED_RUNS = "deleted runs"
"""Where the loader names runs that are no more."""

_REACH_SECONDS = 10.0

_OUTAGES = (*STORE_ERRORS, FeedLost, LogError, OSError, MemoryError)
"""What is the fault of no run, a feed that is late among it: the batch is tried again."""


class RunsHandler(Handler):
    """Stores what the loader measured (see `Measuring`). Pure."""

    def recall(self, partition: int) -> Sequence[Read]:
        """Nothing: each computation stands by itself."""
        return ()

    def remember(self, partition: int, state: State) -> None:
        """Nothing."""

    def handle(self, batch: Batch, state: State, memory: Any) -> Outcome:
        """One summary for each run that the batch touched."""
        gone = [Delete(RUN_SUMMARIES, run["_id"]) for run in state.get(DELETED_RUNS, ())]
        return Outcome([*gone, *(Replace(RUN_SUMMARIES, summary) for summary in state.get(RUN_SUMMARIES, ()))])


class Measuring:
    """The loader of the run owner: brings columns up to what MongoDB holds now, and measures the touched runs.

    A run that can't be measured, though nothing is away, is set aside: the others of its partition don't wait for it.
    """

    def __init__(
        self,
        columns: Columns,
        row_progress: Callable[[str], Awaitable[RowProgress]],
        is_deleted: Callable[[str], Awaitable[bool]],
        pacing: RunPacing,
        clock: Clock,
        observe: Callable[[float], None] = lambda _seconds: None,
        set_aside: Callable[[], None] = lambda: None,
    ) -> None:
        self._columns = columns
        self._row_progress = row_progress
        self._is_deleted = is_deleted
        self._pacing = pacing
        self._clock = clock
        self._observe = observe
        self._set_aside = set_aside

    async def __call__(self, batch: Batch, memory: Any) -> State:
        """The summaries of all runs that the batch touched."""
        touched = {(d.event.project_id, d.event.run_touched.run_id): None for d in batch.deliveries}
        state: dict[str, list[dict[str, Any]]] = {RUN_SUMMARIES: [], DELETED_RUNS: []}
        for project_id, run_id in touched:
            if await self._is_deleted(run_id):
                state[DELETED_RUNS].append({"_id": f"{project_id}/{run_id}"})
                continue
            try:
                state[RUN_SUMMARIES].append(await self._summary(project_id, run_id))
            except _OUTAGES:
                raise
            except Exception:
                self._set_aside()
                logger.exception("%s: run %s can't be measured, and is set aside", METRICS_RUNS, run_id)
        return state

    async def _summary(self, project_id: str, run_id: str) -> dict[str, Any]:
        now, accepted = await self._row_progress(METRICS_ROWS), None
        numbers, cost = NOTHING, 0.0
        try:
            async with self._columns.run(project_id, run_id) as view:
                scope: RowProgress = await self._row_progress(INGEST_ROWS) if view.splits else {}
                await view.reach(_revs(now), _REACH_SECONDS, _revs(scope))
                moment = view.current
                now, accepted = moment.progress, moment.accepted
                begun = self._clock.now()
                numbers = await asyncio.to_thread(measure, moment.evidence)
                cost = self._clock.now() - begun
        except UnknownRun:
            # Its marker comes later, and touches it again.
            pass
        self._pacing.measured(run_id, cost)
        self._observe(cost)
        return summary_document(
            project_id,
            run_id,
            numbers,
            now,
            accepted,
            computed_unix_ms=self._clock.unix_ms(),
            cost_ms=round(1000 * cost, 3),
        )


def _revs(progress: RowProgress) -> dict[int, int]:
    return {partition: at["rev"] for partition, at in progress.items()}
