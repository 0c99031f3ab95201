"""An answer to a request whose body is still coming ends the connection, as HTTP/1.1 has it (RFC 9112, 9.6).

Otherwise all of the body would have to come and go by first; and most clients look for an answer only when they have
sent all, or can send no more. The body is taken for a while, so that the answer isn't lost by the close.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_SECONDS = 30.0
SILENCE_SECONDS = 2.0
"""Who sends nothing for so long has had the time to read the answer."""


class EarlyAnswers:
    """Closes connections on which nobody reads the rest of a body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, looking whether the body has been read."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        read = closes = False

        async def reading() -> Message:
            nonlocal read
            message = await receive()
            read = read or not message.get("more_body", False)
            return message

        async def linger() -> None:
            clock = asyncio.get_running_loop().time
            end = clock() + LINGER_SECONDS
            with contextlib.suppress(TimeoutError):
                while not read and clock() < end:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        await reading()

        async def sending(message: Message) -> None:
            nonlocal closes
            if message["type"] == "http.response.start" and not read:
                closes = True
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            if closes and message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await linger()
                message = {"type": "http.response.body"}
            await send(message)

        await self._app(scope, reading, sending)


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )
