"""Wires a service and runs it: log, read model, loops and HTTP in one event loop, until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Generator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import uvicorn
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Receive, Scope, Send

import sightline
from services.common.eventlog.metrics import LoopMetrics
from services.common.eventlog.port import EventLog, LogError
from services.common.eventlog.sqlite import SqliteLog
from services.common.eventlog.topics import topics
from services.common.readmodel.mongo import ReadModel, ReadModelError
from services.common.readmodel.outages import OUTAGES
from services.common.runtime import errors, telemetry
from services.common.runtime.body_limit import BodyLimit
from services.common.runtime.health import Health
from services.common.runtime.loop_metrics import PrometheusLoopMetrics
from services.common.runtime.same_origin import SameOrigin
from services.common.runtime.settings import Settings

DRAIN_SECONDS = 20.0


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
        server = _Server(_http(_app(name, parts, health), settings))
        tasks = [asyncio.create_task(part.run(), name=type(part).__name__) for part in parts.background]
        serving = asyncio.create_task(server.serve(), name="http")
        stopped = asyncio.create_task(stopping.wait(), name="signal")
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


async def _stop(part: Background) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(part.stop(), DRAIN_SECONDS)


def _http(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=75,
    )


class _Server(uvicorn.Server):
    """Uvicorn inside our loop: signals are ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class _Measure:
    """Observes how long requests take, without touching their streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status = 500

        async def watch(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begun = time.perf_counter()
        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            telemetry.REQUESTS.labels(scope["method"], route, str(status)).observe(time.perf_counter() - begun)


def _app(name: str, parts: Parts, health: Health) -> FastAPI:
    app = FastAPIOffline(title=f"Sightline {name}", version=sightline.__version__, redoc_url=None)
    errors.install(app)

    for outage in (*OUTAGES, LogError):
        errors.say_unavailable(app, outage)
    app.add_middleware(BodyLimit)
    app.add_middleware(SameOrigin)
    app.add_middleware(_Measure)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        return {"status": "alive", "service": name, "version": sightline.__version__}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:  # pyright: ignore[reportUnusedFunction]
        problems = await health.problems()
        body = {"status": "not ready" if problems else "ready", "service": name, "problems": problems}
        return JSONResponse(body, 503 if problems else 200)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    for router in parts.routers:
        app.include_router(router)
    parts.describe(app)
    return app
