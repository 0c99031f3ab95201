"""Wires a service and runs it: log, read model, loops and HTTP in one event loop, until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, repeat
from typing import Protocol, TypeVar

from fastapi import APIRouter, FastAPI
from pydantic import ValidationError

from services.common.eventlog.opening import LogAway, open_log
from services.common.eventlog.port import EventLog, LogError
from services.common.readmodel.mongo import ReadModel, ReadModelAway, ReadModelError
from services.common.runloop.metrics import LoopMetrics
from services.common.runtime import http, telemetry
from services.common.runtime.doors import Doors
from services.common.runtime.health import Health
from services.common.runtime.loop_metrics import PrometheusLoopMetrics
from services.common.runtime.replaying import REPLAY, Replay, run_replay
from services.common.runtime.settings import Settings

DRAIN_SECONDS = 20.0
PAUSES = (0.5, 1.0, 2.0, 5.0)
"""Seconds between tries to open a log or a read model that is away; the last for all that follow."""

Opened = TypeVar("Opened")
COLLECT_AFTER = 20_000
"""Objects made before the collector looks at the young ones: a batch makes many, and reference counts free them."""


class Background(Protocol):
    """Something that runs beside the HTTP server."""

    async def run(self) -> None:
        """Run until `stop`. An exception ends the service."""
        ...

    async def stop(self) -> None:
        """Finish what is in hand, and let `run` return."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a service is built from."""

    name: str
    settings: Settings
    store: ReadModel
    health: Health
    event_log: EventLog | None
    loop_metrics: LoopMetrics = field(default_factory=PrometheusLoopMetrics)

    @property
    def log(self) -> EventLog:
        """The log, for services that have one."""
        if self.event_log is None:
            raise LogError(f"{self.name} only reads: it has no log")
        return self.event_log


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is made of."""

    routers: Sequence[APIRouter] = ()
    background: Sequence[Background] = ()
    describe: Callable[[FastAPI], None] = field(default=lambda _app: None)
    """Last touches on the app: title, description, tags."""


Build = Callable[[Context], Awaitable[Parts]]


def run_service(name: str, build: Build, *, uses_log: bool = True, replay: Replay | None = None) -> None:
    """Run a service until SIGTERM or SIGINT. Exit code 0 after a clean stop, 1 with a line that says what is wrong.

    Called with `--replay`, it does no service, but makes its part of a generation of the read model: see `replaying`.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit("\n".join(_wrong_settings(error)))
    telemetry.configure(name, settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(settings.data_dir)  # what is spilled goes where there is room for it
    try:
        import uvloop
    except ImportError:
        runner = asyncio.run
    else:
        runner = uvloop.run
    asked = replay if REPLAY in sys.argv[1:] else None
    try:
        runner(_run(name, settings, build, uses_log) if asked is None else run_replay(settings, asked))
    except (LogError, ReadModelError, http.CantListen) as error:
        telemetry.get_logger().error("can't go on", reason=str(error))
        sys.exit(1)


def _wrong_settings(error: ValidationError) -> list[str]:
    """A line for each setting that can't be used, without its value: it may be a secret."""
    return [
        f"{' '.join(f'SIGHTLINE_{part}'.upper() for part in each['loc']) or 'settings'}: {each['msg']}"
        for each in error.errors()
    ]


async def _run(name: str, settings: Settings, build: Build, uses_log: bool) -> None:
    logger = telemetry.get_logger()
    if settings.unauthenticated_network:
        logger.warning(
            "NO AUTHENTICATION: whoever reaches this port may read and write everything",
            host=settings.host,
            switch="SIGHTLINE_UNAUTHENTICATED_NETWORK",
        )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    stopped = asyncio.create_task(stopping.wait(), name="signal")
    doors = Doors(name, settings)
    async with contextlib.AsyncExitStack() as stack:
        starting = asyncio.create_task(_start(name, settings, build, uses_log, doors, stack), name="start")
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await _serve(settings, doors, *starting.result(), stopped)
        else:
            starting.cancel()
            await asyncio.wait({starting})
            await doors.close()
    logger.info("stopped")


async def _start(
    name: str, settings: Settings, build: Build, uses_log: bool, doors: Doors, stack: contextlib.AsyncExitStack
) -> tuple[Parts, FastAPI]:
    """Open what the service stands on, as soon as it is there, and put the service together."""
    log: EventLog | None = None
    if uses_log:
        log = await _patiently("the log", partial(open_log, settings), doors)
        stack.push_async_callback(log.close)
    log_id = log.log_id if log else None
    open_store = partial(ReadModel.open, settings.mongo_url, settings.mongo_database, log_id)
    store = await _patiently("MongoDB", open_store, doors)
    stack.push_async_callback(store.close)
    doors.waits_for = None
    health = Health()
    parts = await build(Context(name, settings, store, health, log))
    return parts, http.http_app(name, parts.routers, health, parts.describe, settings.hosts)


async def _patiently(what: str, open_it: Callable[[], Awaitable[Opened]], doors: Doors) -> Opened:
    """Open it; while it is away, say so and try again. What no waiting can mend is raised."""
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        try:
            return await open_it()
        except (LogAway, ReadModelAway) as error:
            doors.waits_for = f"waiting for {what}: {error}"
            doors.open()
            telemetry.get_logger().warning(f"waiting for {what}", reason=str(error), again_in_seconds=pause)
            await asyncio.sleep(pause)
    raise AssertionError("it is tried for ever")


async def _serve(settings: Settings, doors: Doors, parts: Parts, app: FastAPI, stopped: asyncio.Task[bool]) -> None:
    """Run until asked to end, or until a part fails."""
    logger = telemetry.get_logger()
    serving = doors.open(app)
    tasks = [serving, *(asyncio.create_task(part.run(), name=type(part).__name__) for part in parts.background)]
    _spare_collections()
    logger.info("started", port=settings.port)
    try:
        done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        logger.info("stopping")
        closing = asyncio.create_task(doors.close())
        await asyncio.gather(*(_stop(part) for part in parts.background))
        await asyncio.wait({closing, *tasks}, timeout=DRAIN_SECONDS)
        asking_to_stop = stopped.done()
        for task in (*tasks, closing, stopped):
            task.cancel()
    for task in done - {stopped}:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
        if not asking_to_stop:
            raise LogError(f"{task.get_name()} ended by itself")


def _spare_collections() -> None:
    """What is there by now stays: looking for garbage in it, as often as batches come, would be in vain."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


async def _stop(part: Background) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(part.stop(), DRAIN_SECONDS)
