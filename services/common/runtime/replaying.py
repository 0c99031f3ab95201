"""A service that replays: `python -m services.NAME --replay` makes its part of a generation, and ends.

It is told by one JSON document on stdin what to make: `{"generation": DATABASE, "ends": [[GROUP, TOPIC, PARTITION, NEXT
OFFSET], ...]}`. On stdout it says how far it is, as JSON lines `{"phase", "done", "total"}`. What it was killed in the
middle of goes on where it stood.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from typing_extensions import override

from services.common.documents import Write
from services.common.eventlog.opening import open_log
from services.common.eventlog.replay import Place, ReplayLog
from services.common.progress import Progress
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import Limits, RunLoop
from services.common.runtime.settings import Settings

REPLAY = "--replay"
READING, MEASURING = "reading", "measuring"
LIMITS = Limits(records=2_000, bytes=8 << 20, in_flight=4)
"""Larger batches than those of a service: nobody waits for the first of them."""

_SAY_SECONDS = 0.2


class ReplayedModel(ReadModel):
    """A generation that is being made: what a batch gave rise to is on the log, so its outbox is empty."""

    @override
    async def commit(
        self, group: str, partition: int, *, expected_rev: int, progress: Progress, writes: Sequence[Write]
    ) -> None:
        progress = replace(progress, outbox=())
        await super().commit(group, partition, expected_rev=expected_rev, progress=progress, writes=writes)


class Saying:
    """Says how far a phase is, not too often."""

    def __init__(self, phase: str) -> None:
        self._phase = phase
        self._said = 0.0

    def __call__(self, done: int, total: int) -> None:
        """So much of it."""
        now = time.monotonic()
        if total and (done == total or now - self._said >= _SAY_SECONDS):
            self._said = now
            sys.stdout.write(json.dumps({"phase": self._phase, "done": done, "total": total}) + "\n")
            sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """What a replay is built from."""

    settings: Settings
    log: ReplayLog
    store: ReadModel


async def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay is made of."""

    loops: Sequence[RunLoop]
    afterwards: Callable[[], Awaitable[None]] = field(default=_nothing)
    """What is left to do when all loops have reached their ends."""


Replay = Callable[[ReplayContext], Awaitable[Replayed]]


async def run_replay(settings: Settings, build: Replay) -> None:
    """Make what stdin asks for."""
    plan = json.load(sys.stdin)
    ends: dict[str, dict[Place, int]] = {}
    for group, topic, partition, end in plan["ends"]:
        ends.setdefault(group, {})[topic, partition] = end
    async with AsyncExitStack() as stack:
        log = await open_log(settings, create=False)
        stack.push_async_callback(log.close)
        store = await ReplayedModel.open(
            settings.mongo_url, settings.mongo_database, log.log_id, generation=plan["generation"]
        )
        stack.push_async_callback(store.close)
        replayed = ReplayLog(log, ends, Saying(READING))
        parts = await build(ReplayContext(settings, replayed, store))
        await read_to_ends(replayed, parts.loops)
        await parts.afterwards()


async def read_to_ends(log: ReplayLog, loops: Sequence[RunLoop]) -> None:
    """Run loops until all of them have applied what lies before their ends. Raises what no retry can mend."""
    finished = asyncio.create_task(log.finished())
    running = [asyncio.create_task(loop.run(), name=loop.group) for loop in loops]
    try:
        await asyncio.wait({finished, *running}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        finished.cancel()
        await asyncio.gather(*(loop.stop() for loop in loops))
        await asyncio.gather(*running)
