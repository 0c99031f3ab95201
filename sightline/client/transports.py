"""Two ways to drive flows over HTTP: blocking and awaiting. All that differs between them is here."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, NoReturn, TypeVar

import httpx

from sightline.client.asking import Body, Call, Flow, Pause, decoded, refused
from sightline.client.errors import ConnectionLost, InvalidAddress, SightlineError, Unreachable
from sightline.client.retrying import Retries

T = TypeVar("T")
A = TypeVar("A")

URL_VARIABLE = "SIGHTLINE_URL"
DEFAULT_URL = "http://127.0.0.1:8790"

_ORDINARY = httpx.Timeout(75.0, connect=5.0)
# The answer to an upload comes when the log has all of it.
_UPLOAD = httpx.Timeout(900.0, connect=5.0)


def address(url: str | None) -> str:
    """Where the server is: as said, as the environment says, or on this machine."""
    said = url or os.environ.get(URL_VARIABLE) or DEFAULT_URL
    try:
        found = httpx.URL(said)
    except httpx.InvalidURL as error:
        raise InvalidAddress(said) from error
    if found.scheme not in ("http", "https") or not found.host:
        raise InvalidAddress(said)
    return said.rstrip("/")


class Blocking:
    """Sends, and waits."""

    def __init__(self, url: str, retries: Retries, transport: httpx.BaseTransport | None) -> None:
        self.url = url
        self._retries = retries
        self._http = httpx.Client(
            base_url=url,
            transport=transport,
            timeout=_ORDINARY,
            trust_env=not _is_near(url),
            headers={"Accept-Encoding": "identity"} if _is_near(url) else {},
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._step(step)
                except SightlineError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as end:
            return end.value

    def answer(self, call: Call[T]) -> T:
        """Send until it is answered, or until it makes no sense any more."""
        return self._patiently(call, lambda call: decoded(self._once(call), call.kind))

    def pieces(self, call: Call[bytes]) -> Iterator[bytes]:
        """An answer of any size, as it comes. One that breaks off isn't asked for again: it would be another."""
        answer = self._patiently(call, self._begun)
        try:
            yield from answer.iter_bytes()
        except httpx.TransportError as error:
            _explain(error, self.url)
        finally:
            answer.close()

    def _patiently(self, call: Call[Any], send: Callable[[Call[Any]], A]) -> A:
        attempt = 0
        while True:
            try:
                return send(call)
            except SightlineError as error:
                again = self._retries.again(call, error, attempt)
                if again is None:
                    raise
            call, seconds = again
            attempt += 1
            time.sleep(seconds)

    def _step(self, step: Call[Any] | Pause) -> Any:
        return time.sleep(step.seconds) if isinstance(step, Pause) else self.answer(step)

    def _begun(self, call: Call[Any]) -> httpx.Response:
        try:
            answer = self._http.send(_request(self._http, call, None), stream=True)
            if not answer.is_success:
                answer.read()
        except httpx.TransportError as error:
            _explain(error, self.url)
        return _fine(answer)

    def _once(self, call: Call[Any]) -> bytes:
        content = call.body.chunks() if call.body else None
        try:
            answer = self._http.send(_request(self._http, call, content))
        except httpx.TransportError as error:
            _explain(error, self.url)
        return _content(answer)


class Awaiting:
    """The same, without blocking the event loop."""

    def __init__(self, url: str, retries: Retries, transport: httpx.AsyncBaseTransport | None) -> None:
        self.url = url
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=url,
            transport=transport,
            timeout=_ORDINARY,
            trust_env=not _is_near(url),
            headers={"Accept-Encoding": "identity"} if _is_near(url) else {},
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = await self._step(step)
                except SightlineError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as end:
            return end.value

    async def answer(self, call: Call[T]) -> T:
        """Send until it is answered, or until it makes no sense any more."""

        async def send(call: Call[Any]) -> T:
            return decoded(await self._once(call), call.kind)

        return await self._patiently(call, send)

    async def pieces(self, call: Call[bytes]) -> AsyncIterator[bytes]:
        """An answer of any size, as it comes. One that breaks off isn't asked for again: it would be another."""
        answer = await self._patiently(call, self._begun)
        try:
            async for piece in answer.aiter_bytes():
                yield piece
        except httpx.TransportError as error:
            _explain(error, self.url)
        finally:
            await answer.aclose()

    async def _patiently(self, call: Call[Any], send: Callable[[Call[Any]], Awaitable[A]]) -> A:
        attempt = 0
        while True:
            try:
                return await send(call)
            except SightlineError as error:
                again = self._retries.again(call, error, attempt)
                if again is None:
                    raise
            call, seconds = again
            attempt += 1
            await asyncio.sleep(seconds)

    async def _step(self, step: Call[Any] | Pause) -> Any:
        return await (asyncio.sleep(step.seconds) if isinstance(step, Pause) else self.answer(step))

    async def _begun(self, call: Call[Any]) -> httpx.Response:
        try:
            answer = await self._http.send(_request(self._http, call, None), stream=True)
            if not answer.is_success:
                await answer.aread()
        except httpx.TransportError as error:
            _explain(error, self.url)
        return _fine(answer)

    async def _once(self, call: Call[Any]) -> bytes:
        content = _aside(call.body) if call.body else None
        try:
            answer = await self._http.send(_request(self._http, call, content))
        except httpx.TransportError as error:
            _explain(error, self.url)
        return _content(answer)


async def _aside(body: Body) -> AsyncIterator[bytes]:
    """The chunks of a body, made in a thread."""
    chunks = body.chunks()
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk


def _request(
    http: httpx.Client | httpx.AsyncClient, call: Call[Any], content: Iterator[bytes] | AsyncIterator[bytes] | None
) -> httpx.Request:
    timeout = _UPLOAD if call.body else _ORDINARY
    return http.build_request(
        call.method,
        call.path,
        params=call.asked,
        headers=call.headers,
        json=call.json,
        content=content,
        timeout=timeout,
    )


def _is_near(url: str) -> bool:
    """On this machine: no proxy of the environment knows the way, and packing costs more than it saves."""
    return httpx.URL(url).host in ("127.0.0.1", "::1", "localhost")


def _explain(error: httpx.TransportError, url: str) -> NoReturn:
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        raise Unreachable(url) from error
    what = "no answer in time" if isinstance(error, httpx.TimeoutException) else "the connection broke"
    raise ConnectionLost(f"{what} ({url}): whether the server has carried out the request is not known") from error


def _content(answer: httpx.Response) -> bytes:
    return _fine(answer).content


def _fine(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    raise refused(answer.status_code, answer.headers, answer.content)
