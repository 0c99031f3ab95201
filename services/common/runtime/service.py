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
from typing import Protocol

from fastapi import APIRouter, FastAPI

from services.common.eventlog.metrics import LoopMetrics
from services.common.eventlog.port import EventLog, LogError
from services.common.eventlog.sqlite import SqliteLog
from services.common.eventlog.topics import topics
from services.common.readmodel.mongo import ReadModel, ReadModelError
from services.common.runtime import http, telemetry
from services.common.runtime.health import Health
from services.common.runtime.loop_metrics import PrometheusLoopMetrics
from services.common.runtime.settings import Settings

DRAIN_SECONDS = 20.0
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


def run_service(name: str, build: Build, *, uses_log: bool = True) -> None:
    """Run a service until SIGTERM or SIGINT. Exit code 0 after a clean stop, 1 with a line that says what is wrong."""
    settings = Settings()
    telemetry.configure(name, settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(settings.data_dir)  # what is spilled goes where there is room for it
    try:
        import uvloop
    except ImportError:
        runner = asyncio.run
    else:
        runner = uvloop.run
    try:
        runner(_run(name, settings, build, uses_log))
    except (LogError, ReadModelError) as error:
        telemetry.get_logger().error("can't go on", reason=str(error))
        sys.exit(1)


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

    async with contextlib.AsyncExitStack() as stack:
        log: EventLog | None = None
        if uses_log:
            log = SqliteLog(settings.log_path)
            await log.open(topics(settings.row_partitions))
            stack.push_async_callback(log.close)
        store = await ReadModel.open(settings.mongo_url, settings.mongo_database, log.log_id if log else None)
        stack.push_async_callback(store.close)
        health = Health()
        parts = await build(Context(name, settings, store, health, log))
        server = http.server(http.http_app(name, parts.routers, health, parts.describe, settings.hosts), settings)
        tasks = [asyncio.create_task(part.run(), name=type(part).__name__) for part in parts.background]
        serving = asyncio.create_task(server.serve(), name="http")
        stopped = asyncio.create_task(stopping.wait(), name="signal")
        _spare_collections()
        logger.info("started", port=settings.port)
        try:
            done, _ = await asyncio.wait({*tasks, serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            logger.info("stopping")
            server.should_exit = True
            await asyncio.gather(*(_stop(part) for part in parts.background))
            await asyncio.wait({serving, *tasks}, timeout=DRAIN_SECONDS)
            for task in (*tasks, serving, stopped):
                task.cancel()
        for task in done - {stopped}:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
            if not stopping.is_set():
                raise LogError(f"{task.get_name()} ended by itself")
    logger.info("stopped")


def _spare_collections() -> None:
    """What is there by now stays: looking for garbage in it, as often as batches come, would be in vain."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


async def _stop(part: Background) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(part.stop(), DRAIN_SECONDS)
