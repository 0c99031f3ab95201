"""Requests with a body to ingest: an answer that comes before all of the body was sent is taken at once.

httpx looks for an answer when the whole body is sent. There a refusal would wait for an upload of hours, or for a
client that stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import h11
import httpx

_READ = 64 << 10
_NO_ANSWER = "it closed the connection without an answer"


class TakesEarlyAnswers(httpx.AsyncBaseTransport):
    """Sends a body and listens at the same time, on a connection of its own; all else goes as ever."""

    def __init__(self, others: httpx.AsyncBaseTransport) -> None:
        self._others = others

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as soon as the other side does."""
        if isinstance(request.stream, httpx.ByteStream) or request.url.scheme != "http":
            return await self._others.handle_async_request(request)
        assert isinstance(request.stream, httpx.AsyncByteStream)
        connection = await _Connection.to(request)
        try:
            return await connection.exchange(request, request.stream)
        except BaseException:
            connection.close()
            raise

    async def aclose(self) -> None:
        """Let go of connections that wait for more."""
        await self._others.aclose()


class _Connection:
    """One connection, for one request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    @classmethod
    async def to(cls, request: httpx.Request) -> _Connection:
        """Connect to where a request goes."""
        url = request.url
        try:
            async with asyncio.timeout(request.extensions["timeout"]["connect"]):
                return cls(*await asyncio.open_connection(url.host, url.port or 80))
        except TimeoutError as error:
            raise httpx.ConnectTimeout("it takes no connection in time") from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error

    async def exchange(self, request: httpx.Request, body: httpx.AsyncByteStream) -> httpx.Response:
        """Send a request until its answer begins."""
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"connection"]
        headers.append((b"connection", b"close"))
        head = h11.Request(method=request.method, target=request.url.raw_path, headers=headers)
        sending = asyncio.create_task(self._send(head, body))
        answering = asyncio.create_task(self._answer())
        try:
            await asyncio.wait({sending, answering}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() and sending.exception() is not None:  # the body broke off
                raise sending.exception() or AssertionError
            answer = await answering
        finally:
            for task in (sending, answering):
                task.cancel()
            await asyncio.gather(sending, answering, return_exceptions=True)
        return httpx.Response(answer.status_code, headers=answer.headers.raw_items(), stream=_Rest(self))

    async def _send(self, head: h11.Request, body: httpx.AsyncByteStream) -> None:
        with contextlib.suppress(ConnectionError):  # where the other side takes no more, its answer tells why
            await self._write(head)
            async for piece in body:
                await self._write(h11.Data(data=piece))
            await self._write(h11.EndOfMessage())

    async def _write(self, event: h11.Request | h11.Data | h11.EndOfMessage) -> None:
        self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    async def _answer(self) -> h11.Response:
        while True:
            event = await self._next()
            if isinstance(event, h11.Response):
                return event

    async def _next(self) -> h11.InformationalResponse | h11.Response | h11.Data | h11.EndOfMessage:
        """What the other side says next."""
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_READ))
        except (h11.RemoteProtocolError, ConnectionError) as error:
            raise httpx.RemoteProtocolError(_NO_ANSWER) from error
        match event:
            case h11.InformationalResponse() | h11.Response() | h11.Data() | h11.EndOfMessage():
                return event
            case _:
                raise httpx.RemoteProtocolError(_NO_ANSWER)

    async def rest(self) -> AsyncIterator[bytes]:
        """The body of the answer."""
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    def close(self) -> None:
        """Let go of it, also where the request was not sent to its end."""
        self._writer.close()


class _Rest(httpx.AsyncByteStream):
    """The body of an answer that has begun."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._connection.rest():
            yield piece

    async def aclose(self) -> None:
        """Let go of the connection."""
        self._connection.close()
