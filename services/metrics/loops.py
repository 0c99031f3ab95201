"""The two loops of the service, from their parts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from services.common.eventlog.port import EventLog
from services.common.groups import METRICS_ROWS, METRICS_RUNS
from services.common.readmodel.columns.cache import Columns
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.clock import Clock
from services.common.runloop.loop import Limits, RunLoop
from services.common.runloop.metrics import LoopMetrics
from services.metrics import handlers, run_owner
from services.metrics.pacing import RunPacing
from services.metrics.row_progress import is_deleted, read_row_progress
from services.metrics.unmeasured import touch_again

logger = logging.getLogger(__name__)

_RUNS_AT_ONCE = 2
_AGAIN_SECONDS = 5.0
"""Between tries to touch what isn't measured, while log or store are away."""
_TOUCHES_AT_ONCE = 50_000
"""So that pacing sees an end behind all the touches that it holds back."""


def rows_loop(
    log: EventLog,
    store: ReadModel,
    row_partitions: int,
    metrics: LoopMetrics | None = None,
    *,
    limits: Limits | None = None,
) -> RunLoop:
    """Keeps truths and run rows."""
    return RunLoop(
        log,
        store,
        METRICS_ROWS,
        handlers.TOPICS,
        handlers.RowsHandler(row_partitions),
        limits=limits,
        metrics=metrics,
        in_thread=True,
    )


class RunsLoop:
    """Measures runs, and holds their columns while it runs."""

    def __init__(
        self,
        log: EventLog,
        store: ReadModel,
        columns: Columns,
        row_partitions: int,
        metrics: LoopMetrics | None = None,
        *,
        clock: Clock | None = None,
        observe: Callable[[float], None] = lambda _seconds: None,
        set_aside: Callable[[], None] = lambda: None,
    ) -> None:
        clock = clock or Clock()
        self._touch_again = lambda: touch_again(log, store, clock.unix_ms())
        pacing = RunPacing(row_partitions)
        self._columns = columns
        self.loop = RunLoop(
            log,
            store,
            METRICS_RUNS,
            run_owner.TOPICS,
            run_owner.RunsHandler(),
            loader=run_owner.Measuring(
                columns,
                partial(read_row_progress, store),
                partial(is_deleted, store),
                pacing,
                clock,
                observe,
                set_aside,
            ),
            pacing=pacing,
            limits=Limits(records=_TOUCHES_AT_ONCE, in_flight=_RUNS_AT_ONCE),
            clock=clock,
            metrics=metrics,
        )

    async def run(self) -> None:
        """Run until `stop`. What was set aside before is tried again."""
        again = asyncio.create_task(self._try_again(), name="touch what isn't measured")
        try:
            await self.loop.run()
        finally:
            again.cancel()
            await asyncio.gather(again, return_exceptions=True)

    async def stop(self) -> None:
        """Finish what is in hand, then let go of the columns."""
        await self.loop.stop()
        await self._columns.close()

    async def _try_again(self) -> None:
        while True:
            try:
                return await self._touch_again()
            except Exception as error:
                logger.warning("runs that aren't measured were not touched: %r", error)
                await asyncio.sleep(_AGAIN_SECONDS)
