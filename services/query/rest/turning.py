"""Each generation of the read model has an app of its own: requests go to that of the current one."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Turn:
    """Says which app requests go to; none: to the first."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None


class Turning:
    """Outermost around the first app."""

    def __init__(self, app: ASGIApp, turn: Turn) -> None:
        self._app = app
        self._turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        await (self._turn.app or self._app)(scope, receive, send)
