"""Bounds the bodies of requests that are read whole. Uploads stream, and have a limit of their own."""

from __future__ import annotations

from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.runtime.errors import MEDIA_TYPE, Problem

WHOLE_BODY_MAX_BYTES = 4 << 20
STREAMED = (":import", ":inspect", "/predictions:delete")
"""Ends of paths whose bodies are streamed."""


class BodyLimit:
    """Answers 413 to a body that is too large, before it is in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, counting."""
        if scope["type"] != "http" or _streams(scope):
            return await self._app(scope, receive, send)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > WHOLE_BODY_MAX_BYTES:
            detail = f"{WHOLE_BODY_MAX_BYTES:,} bytes are taken at most"
            problem = Problem(413, "too-large", "the request is too large", detail)
            response = JSONResponse(problem.body(), problem.status, media_type=MEDIA_TYPE)
            return await response(scope, receive, send)
        taken = 0

        async def count() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > WHOLE_BODY_MAX_BYTES:
                raise HTTPException(413)
            return message

        return await self._app(scope, count, send)


def _streams(scope: Scope) -> bool:
    # What is posted to ends in a verb; anything else may end in a key, which looks as it likes.
    return scope["method"] == "POST" and scope["path"].endswith(STREAMED)
