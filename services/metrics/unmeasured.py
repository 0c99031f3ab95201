"""Runs whose summary doesn't rest on all that touched them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from services.common.documents import Read
from services.common.eventlog.port import EventLog, Message
from services.common.eventlog.topics import RUN_TOUCHED, SCHEMA_VERSION
from services.common.groups import METRICS_RUNS
from services.common.readmodel.collections import RUN_SUMMARIES, RUN_TOUCHES
from services.common.readmodel.mongo import ReadModel
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.runs_pb2 import RunTouched

_Touches = Mapping[str, Mapping[str, int]]
_Summaries = Mapping[str, Mapping[str, Any]]


async def unmeasured(store: ReadModel) -> list[str]:
    """Runs, as project/run, whose summary isn't there, may not rest on all that touched them, or has to go."""
    touches, summaries = await _found(store)
    return sorted(
        run
        for run in touches.keys() | summaries.keys()
        if run not in touches or not _rests_on(summaries.get(run), touches[run]) or _has_scope(summaries[run])
    )


async def touch_again(log: EventLog, store: ReadModel, unix_ms: int) -> None:
    """Touch runs that aren't measured: their touches may have passed when they were set aside."""
    touches, summaries = await _found(store)
    runs = [run for run, touched in touches.items() if not _rests_on(summaries.get(run), touched)]
    if runs:
        await log.append([_touch(run, unix_ms) for run in runs])


async def _found(store: ReadModel) -> tuple[_Touches, _Summaries]:
    """What touched each run last, by partition; and the summaries, read after that."""
    touches: dict[str, dict[str, int]] = {}
    for touch in await store.find(Read(RUN_TOUCHES.name, {})):
        run, _, partition = touch["_id"].rpartition("/")
        touches.setdefault(run, {})[partition] = touch["rev"]
    found = await store.find(Read(RUN_SUMMARIES.name, {}, {"version": 1, "scope_version": 1}))
    return touches, {summary["_id"]: summary for summary in found}


def _rests_on(summary: Mapping[str, Any] | None, touched: Mapping[str, int]) -> bool:
    if summary is None:
        return False
    return all(summary["version"].get(number, {"rev": 0})["rev"] >= rev for number, rev in touched.items())


def _has_scope(summary: Mapping[str, Any]) -> bool:
    """Whether it rests on splits: their changes aren't among the touches that are kept."""
    return summary["scope_version"] is not None


def _touch(run: str, unix_ms: int) -> Message:
    project_id, _, run_id = run.partition("/")
    event = Event(
        event_id=f"{METRICS_RUNS}/again/{uuid.uuid4().hex}",
        project_id=project_id,
        time_unix_ms=unix_ms,
        producer="metrics",
        schema_version=SCHEMA_VERSION,
        run_touched=RunTouched(run_id=run_id),
    )
    return Message(RUN_TOUCHED, run_id.encode(), event.SerializeToString(deterministic=True))
