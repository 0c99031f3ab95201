"""The HTTP side of a service: what every app has, and the server that runs in our loop."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Generator, MutableMapping, Sequence
from typing import Any

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Receive, Scope, Send

import sightline
from services.common.eventlog.port import LogError
from services.common.readmodel.outages import OUTAGES
from services.common.runtime import errors, telemetry
from services.common.runtime.body_limit import BodyLimit
from services.common.runtime.early_answers import EarlyAnswers
from services.common.runtime.errors import Problem
from services.common.runtime.health import Health
from services.common.runtime.query_names import refuse_unknown_names
from services.common.runtime.same_origin import SameOrigin
from services.common.runtime.settings import Settings
from services.common.runtime.tracing import Tracing


class CantListen(Exception):
    """A port can't be had; the message says which."""


def listeners(settings: Settings) -> list[socket.socket]:
    """The sockets that a service listens on: its own, and one that it shares with other processes, if asked to."""
    own = _bound(settings.host, settings.port, shared=False)
    if not settings.shared_port:
        return [own]
    try:
        return [own, _bound(settings.host, settings.shared_port, shared=True)]
    except CantListen:
        own.close()
        raise


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        # The kernel deals out connections among all who listen so, as long as they are one user's.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise CantListen(f"can't listen on {host}, port {port}: {error.strerror}") from error
    opened.setblocking(False)
    return opened


def server(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    """A server of the app, to be run inside our loop."""
    config = uvicorn.Config(
        EarlyAnswers(app),
        host=settings.host,
        port=settings.port,
        loop="none",
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=75,
    )
    return _Server(config)


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


def waiting_app(name: str, health: Health, hosts: frozenset[str] = frozenset()) -> FastAPI:
    """What a service answers until it can do its work: alive, not ready and why, and 503 to everything else."""
    router = APIRouter()

    @router.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def starting(path: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        detail = "; ".join((await health.problems()).values())
        raise Problem(503, "starting", f"{name} is starting", detail, headers={"Retry-After": "2"})

    return http_app(name, [router], health, hosts=hosts)


def http_app(
    name: str,
    routers: Sequence[APIRouter],
    health: Health,
    describe: Callable[[FastAPI], None] = lambda _app: None,
    hosts: frozenset[str] = frozenset(),
) -> FastAPI:
    """A service's app: its routers, and what every service answers.

    `describe` puts the last touches on it; `hosts` are names, besides loopback, that it goes by.
    """
    app = FastAPIOffline(
        title=f"Sightline {name}",
        version=sightline.__version__,
        redoc_url=None,
        dependencies=[Depends(refuse_unknown_names)],
    )
    errors.install(app)

    for outage in (*OUTAGES, LogError):
        errors.say_unavailable(app, outage)
    app.add_middleware(BodyLimit)
    app.add_middleware(SameOrigin, hosts=hosts)
    app.add_middleware(Tracing)
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

    for router in routers:
        app.include_router(router)
    describe(app)
    return app
