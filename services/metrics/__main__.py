"""Wires metrics and runs it: `python -m services.metrics`."""

from __future__ import annotations

import asyncio

from services.common.readmodel.columns.cache import Columns
from services.common.runtime import telemetry
from services.common.runtime.replaying import LIMITS, MEASURING, ReplayContext, Replayed, Saying
from services.common.runtime.service import Context, Parts, run_service
from services.metrics.loops import RunsLoop, rows_loop
from services.metrics.remeasuring import remeasure
from sightline.evaluation import warm


async def build(context: Context) -> Parts:
    """The loop that keeps rows, and the loop that measures runs."""
    log, store, settings = context.log, context.store, context.settings
    await asyncio.to_thread(warm)
    rows = rows_loop(log, store, settings.row_partitions, context.loop_metrics)
    columns = Columns(store, settings.columns_max_bytes)
    telemetry.COLUMN_BYTES.set_function(lambda: columns.nbytes)
    runs = RunsLoop(
        log,
        store,
        columns,
        settings.row_partitions,
        context.loop_metrics,
        observe=telemetry.MEASURED.observe,
        set_aside=telemetry.SET_ASIDE.inc,
    )
    for loop in (rows, runs.loop):
        context.health.check(loop.group, loop.problem)
    return Parts(background=[rows, runs])


async def replay(context: ReplayContext) -> Replayed:
    """The loop that keeps rows; when it is through, every run is measured once."""
    log, store, settings = context.log, context.store, context.settings
    await asyncio.to_thread(warm)
    columns_bytes = settings.columns_max_bytes
    return Replayed(
        [rows_loop(log, store, settings.row_partitions, limits=LIMITS)],
        lambda: remeasure(log, store, settings.row_partitions, columns_bytes, Saying(MEASURING)),
    )


if __name__ == "__main__":
    run_service("metrics", build, replay=replay)
