"""An answer that comes before all of a body was sent reaches whoever sends it, through query as well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import httpx
import pytest
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp

from services.common.runtime import early_answers, http
from services.common.runtime.errors import not_found
from services.common.runtime.health import Health
from services.common.runtime.settings import Settings
from services.query.passthrough import Ingest
from services.query.rest import writing

STANDS_STILL = b"POST /v1/refused:import HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
PATIENCE_SECONDS = 20


@contextlib.asynccontextmanager
async def served(app: ASGIApp) -> AsyncGenerator[int]:
    """The port at which an app is served."""
    settings = Settings()
    server = http.server(app, settings)
    sockets = http.listeners(settings)
    for each in sockets:
        each.listen()
    serving = asyncio.create_task(server.serve(sockets=sockets))
    try:
        yield sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


def refusing() -> ASGIApp:
    routes = APIRouter()

    @routes.post("/v1/refused:import")
    async def refuse() -> Response:  # pyright: ignore[reportUnusedFunction]
        raise not_found("run")

    @routes.post("/v1/taken:import")
    async def take(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse({"bytes": sum([len(chunk) async for chunk in request.stream()])})

    return http.http_app("ingest", [routes], Health())


@pytest.fixture(params=["to ingest", "through query"])
async def port(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(early_answers, "SILENCE_SECONDS", 0.3)
    async with served(refusing()) as ingest_port:
        if request.param == "to ingest":
            yield ingest_port
            return
        ingest = Ingest(f"http://127.0.0.1:{ingest_port}")
        async with served(http.http_app("query", [writing(ingest)], Health())) as query_port:
            yield query_port
        await ingest.close()


async def test_who_stands_still_hears_a_refusal_and_the_connection_ends(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(STANDS_STILL)
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"}")
    writer.close()


async def test_who_sends_on_hears_a_refusal_before_the_end(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_answers, "LINGER_SECONDS", 0.3)

    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1 << 16)

    def send() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
            answer = client.post("/v1/refused:import", content=endless())
            assert (answer.status_code, answer.json()["title"]) == (404, "no such run")
            taken = client.post("/v1/taken:import", content=bytes(5_000_000))
            assert taken.json() == {"bytes": 5_000_000}

    await asyncio.to_thread(send)


async def test_who_ends_soon_hears_a_refusal_whatever_it_reads_with(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
        for size in (30_000_000, 1, 0):
            answer = await client.post("/v1/refused:import", content=bytes(size))
            assert (answer.status_code, answer.json()["title"]) == (404, "no such run")


async def test_who_breaks_off_is_not_taken_for_one_who_has_ended(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(STANDS_STILL.replace(b"refused", b"taken"))
    await writer.drain()
    writer.close()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
        assert (await client.post("/v1/taken:import", content=b"[]")).json() == {"bytes": 2}
