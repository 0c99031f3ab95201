"""Writes over HTTP: to a real ingest, or a problem that says what to do."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from services.common.readmodel.mongo import ReadModel
from services.query.passthrough import Ingest
from tests.integration.query.conftest import opened

LARGE = 40 << 20


@contextlib.asynccontextmanager
async def ingest(*, ready: bool = True) -> AsyncGenerator[str]:
    """A server that says what it got."""
    app = FastAPI()

    @app.get("/readyz")
    async def say() -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(status_code=200 if ready else 503)

    @app.post("/v1/{path:path}")
    async def take(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        if request.url.path == "/v1/refused":
            return JSONResponse({"type": "https://sightline.dev/problems/too-large"}, 413)
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        said = {
            "path": request.scope["raw_path"].decode(),
            "query": request.url.query,
            "size": size,
            "ready": ready,
            "key": request.headers.get("idempotency-key"),
            "encoding": request.headers.get("content-encoding"),
        }
        return JSONResponse(said, 201, headers={"x-from": "ingest"})

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def test_a_large_upload_passes_unchanged(store: ReadModel):
    async def body() -> AsyncIterator[bytes]:
        for _ in range(LARGE >> 20):
            yield bytes(1 << 20)

    async with ingest() as url, opened(store, ingest=Ingest(url)) as api:
        answer = await api.client.post(
            "/v1/model-runs/a%2Fb/predictions:import?format=coco&mode=replace",
            content=body(),
            headers={"Idempotency-Key": "k", "Content-Encoding": "gzip"},
        )
        assert answer.status_code == 201
        assert answer.headers["x-from"] == "ingest"
        assert answer.json() == {
            "path": "/v1/model-runs/a%2Fb/predictions:import",
            "query": "format=coco&mode=replace",
            "size": LARGE,
            "ready": True,
            "key": "k",
            "encoding": "gzip",
        }


async def test_a_refusal_comes_back_as_it_is(store: ReadModel):
    async with ingest() as url, opened(store, ingest=Ingest(url)) as api:
        answer = await api.client.post("/v1/refused", content=b"x")
        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (413, "too-large")


async def test_processes_that_stand_still_or_are_not_ready_are_passed_over(store: ReadModel):
    """The kernel takes connections for a process that is halted, as for this socket."""
    with socket.create_server(("127.0.0.1", 0)) as halted:
        silent = f"http://127.0.0.1:{halted.getsockname()[1]}"
        async with ingest() as good, ingest(ready=False) as bad:
            async with opened(store, ingest=Ingest(f"{silent},{bad},{good}")) as api:
                for _ in range(6):
                    assert (await api.client.post("/v1/x", content=b"x")).json()["ready"]
            async with opened(store, ingest=Ingest(f"{silent},{bad}")) as api:
                assert not (await api.client.post("/v1/x", content=b"x")).json()["ready"]


async def test_without_ingest_a_write_is_a_problem(store: ReadModel):
    async with ingest() as url:
        pass
    async with opened(store, ingest=Ingest(url)) as api:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = await api.client.request(method, "/v1/datasets", json={})
            assert answer.status_code == 503
            assert answer.json()["type"].endswith("ingest-unavailable")
            assert answer.headers["retry-after"]
        assert isinstance(answer, httpx.Response)
