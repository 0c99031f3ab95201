"""Group `metrics.runs` in a replay: each run is measured once, on the rows as they are at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.replay import ReplayLog
from services.common.eventlog.topics import RUN_TOUCHED
from services.common.groups import METRICS_RUNS
from services.common.readmodel.columns.cache import Columns
from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.passing import group_passed
from services.common.runloop.clock import Clock
from services.common.runloop.handling import Batch, Delivery
from services.metrics.pacing import RunPacing
from services.metrics.row_progress import is_deleted, read_row_progress
from services.metrics.run_owner import Measuring, RunsHandler
from services.metrics.unmeasured import unmeasured
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.runs_pb2 import RunTouched

_AT_ONCE = 2
"""Partitions in hand at the same time: as many runs are in memory."""
_LOOK_SECONDS = 0.2
_COMMITTED = 20
"""Runs in one transaction."""


async def remeasure(
    log: ReplayLog, store: ReadModel, row_partitions: int, columns_max_bytes: int, report: Callable[[int, int], None]
) -> None:
    """Measure every run that isn't yet, and stand at the group's ends."""
    await _until_others_are_through(log, store)
    runs = await unmeasured(store)
    waiting: dict[int, list[str]] = {partition: [] for partition in range(row_partitions)}
    for run in runs:
        waiting[partition_of(run.partition("/")[2].encode(), row_partitions)].append(run)
    columns = Columns(store, columns_max_bytes)
    measuring = Measuring(
        columns, partial(read_row_progress, store), partial(is_deleted, store), RunPacing(row_partitions), Clock()
    )
    slots = asyncio.Semaphore(_AT_ONCE)
    done = 0

    async def partition_through(partition: int) -> None:
        nonlocal done
        async with slots:
            for start in range(0, len(waiting[partition]), _COMMITTED):
                some = waiting[partition][start : start + _COMMITTED]
                await _measure(log, store, measuring, partition, some)
                done += len(some)
                report(done, len(runs))
            await _measure(
                log, store, measuring, partition, (), end=log.ends(METRICS_RUNS).get((RUN_TOUCHED, partition), 0)
            )

    try:
        async with asyncio.TaskGroup() as tasks:
            for partition in waiting:
                tasks.create_task(partition_through(partition))
    finally:
        await columns.close()


async def _until_others_are_through(log: ReplayLog, store: ReadModel) -> None:
    """What runs are measured on, another process may still be reading."""
    for group in log.groups - {METRICS_RUNS}:
        await group_passed(store, group, log.ends(group), look_seconds=_LOOK_SECONDS)


async def _measure(
    log: ReplayLog, store: ReadModel, measuring: Measuring, partition: int, runs: Sequence[str], end: int = 0
) -> None:
    """Store the summaries of some runs; `end`: and then, where the group stands."""
    progress = await store.read_progress(METRICS_RUNS, partition)
    if not runs and progress.offsets.get(RUN_TOUCHED, 0) >= end:
        return
    batch = Batch(partition, [_touch(partition, run) for run in runs], rev=progress.rev + 1)
    outcome = RunsHandler().handle(batch, await measuring(batch, None), None)
    offsets = {**progress.offsets, RUN_TOUCHED: end} if end else progress.offsets
    after = replace(progress, rev=progress.rev + 1, writer="replay", log_id=log.log_id, offsets=offsets)
    await store.commit(METRICS_RUNS, partition, expected_rev=progress.rev, progress=after, writes=outcome.writes)


def _touch(partition: int, run: str) -> Delivery:
    project_id, _, run_id = run.partition("/")
    event = Event(project_id=project_id, run_touched=RunTouched(run_id=run_id))
    return Delivery(RUN_TOUCHED, partition, 0, run_id, event)
