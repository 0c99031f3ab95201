"""Keeps other people's web pages out of a server that has no authentication.

A page from anywhere may send requests to 127.0.0.1 from its reader's browser, or point a name of its own there (DNS
rebinding). So a request must name this machine, or a name that the server was told to go by, and one that changes
something must not come from another origin.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.runtime.errors import MEDIA_TYPE, Problem

_SAFE = {"GET", "HEAD", "OPTIONS"}


def is_local(host: str) -> bool:
    """Whether a Host header (name or address, with or without port) names this machine's loopback."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class SameOrigin:
    """Refuses requests that another web page made."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] = frozenset()) -> None:
        """`hosts`: names, in lower case, that are as good as this machine's own."""
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 403."""
        problem = _problem(scope, self._hosts) if scope["type"] == "http" else None
        if problem is None:
            return await self._app(scope, receive, send)
        response = JSONResponse(problem.body(), problem.status, media_type=MEDIA_TYPE)
        return await response(scope, receive, send)


def _problem(scope: Scope, hosts: frozenset[str]) -> Problem | None:
    raw: Iterable[tuple[bytes, bytes]] = scope["headers"]
    headers = {name: value.decode("latin-1") for name, value in raw if name in (b"host", b"origin")}
    host = headers.get(b"host", "")
    try:
        known = is_local(host) or urlsplit(f"//{host}").hostname in hosts
        origin = urlsplit(headers.get(b"origin", "")).netloc
    except ValueError:
        known, origin = False, ""
    if not known:
        return Problem(
            403,
            "foreign-host",
            "this server doesn't go by that name",
            "use 127.0.0.1 or localhost, or a name that SIGHTLINE_ALLOWED_HOSTS lists",
        )
    if scope["method"] not in _SAFE and b"origin" in headers and origin != host:
        return Problem(403, "foreign-origin", "a page of another origin can't change anything here")
    return None
