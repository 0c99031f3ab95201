"""The query service over a stored world, asked through ASGI."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.common.readmodel.columns.cache import Columns
from services.common.readmodel.mongo import ReadModel
from services.common.runtime.health import Health
from services.common.runtime.http import http_app
from services.query import rest
from services.query.openapi import Writes
from services.query.passthrough import Ingest
from services.query.peers import Peers
from services.query.reads import Reads
from services.query.sources import Sources
from services.query.thumbnails import Thumbnails
from tests.integration.query.world import PARTITIONS, World
from tests.unit.evaluation.synthetic import coco


class Api:
    """A client that checks what every answer must be."""

    def __init__(self, client: httpx.AsyncClient, sources: Sources) -> None:
        self.client = client
        self.sources = sources

    async def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        answer = await self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        assert "NaN" not in answer.text
        assert "Infinity" not in answer.text
        return answer.json()

    async def refused(self, path: str, **parameters: Any) -> tuple[int, str]:
        """The status and the kind of a problem."""
        answer = await self.client.get(path, params=parameters)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        problem = answer.json()
        assert problem["status"] == answer.status_code
        return answer.status_code, problem["type"].rsplit("/", 1)[-1]

    async def pages(self, path: str, page_size: int, **parameters: Any) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            page = await self.get(path, page_size=page_size, **parameters, **token)
            assert len(page["items"]) <= page_size
            items += page["items"]
            if page["next_page_token"] is None:
                return items
            assert len(page["items"]) == page_size
            token = {"page_token": page["next_page_token"]}


@asynccontextmanager
async def opened(
    store: ReadModel,
    asset_root: Path | None = None,
    peers: Mapping[str, str] | None = None,
    ingest: Ingest | None = None,
    thumbnails: Thumbnails | None = None,
) -> AsyncIterator[Api]:
    columns = Columns(store, 1 << 30)
    sources = Sources(Reads(store), columns, Peers(peers or {}), PARTITIONS, asset_root, thumbnails or Thumbnails())
    routers = (rest.front(sources), rest.reading(sources), rest.writing(ingest or Ingest("")))
    writes = Writes(partial(sources.peers.description, "ingest"))
    app = http_app("query", routers, Health(), lambda app: rest.describe(app, writes))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as client:
            yield Api(client, sources)
    finally:
        await columns.close()
        await sources.peers.close()


@pytest.fixture(scope="session")
def world() -> World:
    truth, results = coco(7, images=30, classes=5, truths=4, detections=12)
    return World(truth, results)


@pytest.fixture
async def api(store: ReadModel, world: World, tmp_path: Path) -> AsyncIterator[Api]:
    await world.store(store)
    async with opened(store, tmp_path) as api:
        yield api


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(mongo_url: str, world: World) -> AsyncIterator[Api]:
    """For tests that only read: one world for all of them."""
    store = await ReadModel.open(mongo_url, f"sightline_test_{uuid.uuid4().hex[:12]}")
    try:
        await world.store(store)
        async with opened(store) as api:
            yield api
    finally:
        await store.database.client.drop_database(store.database.name)
        await store.close()
