"""Writes go to ingest unchanged: this port is the one origin, ingest is the one that accepts."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import httpx

from services.common.runtime.errors import Problem
from services.common.runtime.tracing import traceparent
from services.query.addresses import Address, Resolve, parse, processes, resolve
from services.query.early_answers import TakesEarlyAnswers
from services.query.readiness import Readiness

_OF_ONE_HOP = frozenset(
    {
        b"connection",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers about one connection (RFC 9110, 7.6.1): each of the two connections makes its own."""
_LOOKED_AT = frozenset({b"origin", b"traceparent"})
"""Seen to here. Origin: ingest, at another address, would refuse our own pages. Trace context: this request has one."""

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Passed:
    """Ingest's answer, its body still to come."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes]


class Ingest:
    """The ingest service, as this one sees it: processes that take what they are given, each in its turn."""

    def __init__(
        self, urls: str, *, transport: httpx.AsyncBaseTransport | None = None, resolve: Resolve = resolve
    ) -> None:
        self._urls = parse(urls)
        self._resolve = resolve
        self._turn = itertools.count()
        # An upload may take hours, and its answer comes when all of it is on the log: only connecting has a limit.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=5.0)
        self._client = httpx.AsyncClient(
            transport=transport or TakesEarlyAnswers(httpx.AsyncHTTPTransport(limits=limits, trust_env=False)),
            timeout=httpx.Timeout(None, connect=3.0),
            follow_redirects=False,
            trust_env=False,
        )
        self._readiness = Readiness(self._client)

    async def pass_on(self, method: str, target: bytes, headers: Headers, body: AsyncIterator[bytes]) -> Passed:
        """Send a request on, and answer as soon as ingest does. `target` is path and query, as they came."""
        if not self._urls:
            raise Problem(
                503,
                "ingest-unavailable",
                "there is no ingest service",
                "set SIGHTLINE_INGEST_URL for the query service",
            )
        given = {name.lower() for name, _ in headers}
        bodiless = b"content-length" not in given and b"transfer-encoding" not in given
        passed = [(key, value) for key, value in _end_to_end(headers) if key.lower() not in _LOOKED_AT]
        passed.append((b"traceparent", traceparent().encode()))
        answer = await self._send(method, target.decode("latin-1"), passed, None if bodiless else body)
        # This server dates its answers itself.
        kept = [(name, value) for name, value in _end_to_end(answer.headers.raw) if name.lower() != b"date"]
        return Passed(answer.status_code, kept, _whole(answer))

    async def _send(
        self, method: str, target: str, headers: Headers, body: AsyncIterator[bytes] | None
    ) -> httpx.Response:
        """Send to the process whose turn it is among those that are ready.

        Where it takes no connection, to the next: nothing was sent. Where none is ready, to one that may yet answer.
        """
        in_turn = _from(await processes(self._urls, self._resolve), next(self._turn))
        for address in await self._readiness.best_first(in_turn):
            host = (b"host", address.host.encode())
            request = self._client.build_request(method, address.url + target, headers=[host, *headers], content=body)
            try:
                return await self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except httpx.TransportError:
                raise _unavailable(
                    "the connection broke, and whether the write was accepted is not known: send it again, with the "
                    "same Idempotency-Key if it had one"
                ) from None
        raise _unavailable("it takes no connections; nothing was written: try again in a few seconds")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


def _from(addresses: list[Address], turn: int) -> list[Address]:
    """All of them, once around, from the one whose turn it is."""
    begin = turn % len(addresses)
    return addresses[begin:] + addresses[:begin]


async def _whole(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_raw():
            yield piece
    finally:
        await answer.aclose()


def _end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    headers = list(headers)
    named = {
        name.strip().lower() for key, value in headers if key.lower() == b"connection" for name in value.split(b",")
    }
    return [(key, value) for key, value in headers if key.lower() not in _OF_ONE_HOP | named]


def _unavailable(detail: str) -> Problem:
    return Problem(
        503, "ingest-unavailable", "the ingest service does not answer", detail, headers={"Retry-After": "2"}
    )
