"""The HTTP server of a service, open as soon as there is something to say: first what it waits for, then its app."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.runtime import http
from services.common.runtime.health import Health
from services.common.runtime.settings import Settings


class Doors:
    """Closed, then perhaps open with an app that answers 503 and why, then open with the service's own."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.waits_for: str | None = None
        """What keeps the service from starting, as `/readyz` tells it."""
        health = Health()
        health.check("start", self._problem)
        self._app: ASGIApp = http.waiting_app(name, health, settings.hosts)
        self._settings = settings
        self._server = http.server(self._answer, settings)
        self._serving: asyncio.Task[None] | None = None

    def open(self, app: ASGIApp | None = None) -> asyncio.Task[None]:
        """Take connections from now on, if not before; with an app, for it. The task ends after `close`."""
        self._app = app or self._app
        if self._serving is None:
            sockets = http.listeners(self._settings)
            self._serving = asyncio.create_task(self._server.serve(sockets=sockets), name="http")
        return self._serving

    async def close(self) -> None:
        """Take no more connections, and finish what was asked."""
        self._server.should_exit = True
        if self._serving is not None:
            await asyncio.wait({self._serving})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _problem(self) -> str | None:
        return self.waits_for or "not started yet"
