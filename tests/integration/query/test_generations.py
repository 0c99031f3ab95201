"""A generation that is swapped in while questions are asked: every answer is whole, of one or of the other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from services.common.documents import DeleteMany, Replace
from services.common.readmodel.collections import COLLECTIONS, PROGRESS
from services.common.readmodel.generations import begin_generation, drop_generation, swap
from services.common.readmodel.mongo import ReadModel
from services.common.runtime.health import Health
from services.common.runtime.http import http_app
from services.common.runtime.service import Context, Parts
from services.common.runtime.settings import Settings
from services.query import generations
from services.query.__main__ import build
from services.query.rpc import GrpcServer
from sightline.wire.query.v1 import query_pb2_grpc, runs_pb2
from tests.integration.query.world import PARTITIONS, World

PATHS = [
    "/v1/model-runs/run_1",
    "/v1/model-runs/run_1/metrics?iou=0.5&confidence=0.3",
    "/v1/model-runs/run_1/rows?page_size=1000",
    "/v1/model-runs/run_1/predictions",
    "/v1/model-runs/run_1/curves",
]
ASKERS = 4


@asynccontextmanager
async def running(store: ReadModel, folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Parts]]:
    """The service as it is wired, with all that runs beside HTTP."""
    settings = Settings(data_dir=folder, row_partitions=PARTITIONS, mongo_database=store.home.name)
    parts = await build(Context("query", settings, store, Health(), None))
    app = http_app("query", parts.routers, Health(), parts.describe)
    beside = [asyncio.create_task(part.run()) for part in parts.background]
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as client:
            yield client, parts
    finally:
        await asyncio.gather(*(part.stop() for part in parts.background))
        await asyncio.gather(*beside)


async def swap_in(store: ReadModel, there: World) -> str:
    """Another generation, with another world in it."""
    made = await begin_generation(store.home, log_id="log", version="1", anew=False, made_unix_ms=1)
    other = store.of_generation(made.database)
    await there.store(other)
    progress = await store.page(PROGRESS.name, {}, limit=100)
    await swap(store.home, store.database, made.database, {p["_id"]: p["rev"] for p in progress.documents}, ())
    return made.database


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generations, "LOOK_SECONDS", 0.02)


async def test_questions_that_are_asked_while_it_is_swapped(store: ReadModel, world: World, tmp_path: Path) -> None:
    await world.store(store)
    # As a replay leaves it: other revisions, and here other predictions, so that one can tell.
    there = World(world.truth, world.results[::2], revision=2)
    seen: dict[str, list[str]] = {path: [] for path in PATHS}
    asked = 0
    over = asyncio.Event()
    async with running(store, tmp_path) as (client, parts):

        async def ask() -> None:
            nonlocal asked
            while not over.is_set():
                for path in PATHS:
                    answer = await client.get(path)
                    assert answer.status_code == 200, (path, answer.text)
                    asked += 1
                    if (said := content(answer)) not in seen[path]:
                        seen[path].append(said)

        async def rounds(more: int) -> None:
            wanted = asked + more * ASKERS * len(PATHS)
            while asked < wanted:
                await asyncio.sleep(0.01)

        old = {path: content(await client.get(path)) for path in PATHS}
        askers = [asyncio.create_task(ask()) for _ in range(ASKERS)]
        await rounds(2)
        before = store.database.name
        current = await swap_in(store, there)
        while content(await client.get(PATHS[0])) == old[PATHS[0]]:
            await asyncio.sleep(0.01)
        await rounds(2)  # what was asked of the old one is answered
        await drop_all(store)
        await rounds(2)
        over.set()
        await asyncio.gather(*askers)
        new = {path: content(await client.get(path)) for path in PATHS}
        assert (await client.get("/v1/models")).json()["items"]
        grpc_server = next(part for part in parts.background if isinstance(part, GrpcServer))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_server.port}") as channel:
            stub: Any = query_pb2_grpc.QueryServiceStub(channel)
            found = await stub.GetRun(runs_pb2.GetRunRequest(run_id="run_1"))
            assert found.run.summary.predictions == len(there.results)
    for path in PATHS:
        assert seen[path] == [old[path], new[path]], path
    assert before != current
    await drop_generation(store.home, current)


def content(answer: httpx.Response) -> str:
    """An answer, as of generation 1 or 2: the swap itself moves the old one's revisions by one."""
    return re.sub(r'("counts_at":)({[^}]*})', lambda at: at[1] + ("2" if ":2" in at[2] else "1"), answer.text)


async def drop_all(store: ReadModel) -> None:
    """What `--drop-old` does: whoever still looked there would find nothing."""
    await store.write([DeleteMany(each.name, {}) for each in COLLECTIONS if each.kind != "operational"])


async def test_who_waits_in_an_old_generation_is_answered(store: ReadModel, world: World, tmp_path: Path) -> None:
    await world.store(store)
    unmeasured = world.import_document("imp_2", end_offsets={str(partition): 99 for partition in range(PARTITIONS)})
    await store.write([Replace("imports", unmeasured)])
    async with running(store, tmp_path) as (client, _):
        waiting = asyncio.create_task(client.get("/v1/imports/imp_2?wait=30"))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        current = await swap_in(store, world)
        async with asyncio.timeout(10):
            answer = await waiting
        assert answer.json()["measured"] is False
    await drop_generation(store.home, current)
