"""Trace context (W3C): what a request brings along goes into the events that it gives rise to, and into the logs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_current: ContextVar[str] = ContextVar("traceparent", default="")


def traceparent() -> str:
    """The trace context of the request that is being answered; empty outside of requests."""
    return _current.get()


def adopt(given: str) -> str:
    """The trace context to go on with: the given one if it has the W3C form, otherwise the root of a new trace."""
    return given if _FORM.fullmatch(given) else f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-00"


class Tracing:
    """Takes over the trace context of each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, within the trace."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
        given = next((value.decode("latin-1") for name, value in headers if name == b"traceparent"), "")
        context = adopt(given)
        token = _current.set(context)
        try:
            with structlog.contextvars.bound_contextvars(trace_id=context[3:35]):
                return await self._app(scope, receive, send)
        finally:
            _current.reset(token)
