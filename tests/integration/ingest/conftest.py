"""Ingest on a real log and a real MongoDB, through its ASGI app."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from services.common.eventlog.port import EventLog
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import topics
from services.common.readmodel.mongo import ReadModel
from services.common.runtime.health import Health
from services.common.runtime.http import http_app
from services.common.runtime.service import Context
from services.common.runtime.settings import Settings
from services.ingest.__main__ import build
from sightline.wire.events.v1.event_pb2 import Event

ROW_PARTITIONS = 4


@dataclass
class Stand:
    """A running ingest and what it stands on."""

    http: httpx.AsyncClient
    log: EventLog
    store: ReadModel
    path: Path

    @contextlib.asynccontextmanager
    async def another(self) -> AsyncIterator[httpx.AsyncClient]:
        """Another ingest process on the same log and read model."""
        log = SqliteLog(self.path)
        await log.open(topics(ROW_PARTITIONS))
        try:
            async with ingest(log, self.store) as http:
                yield http
        finally:
            await log.close()

    async def post(self, path: str, json: object = None, **more: object) -> dict[str, object]:
        answer = await self.http.post(path, json=json, **more)
        assert answer.is_success, answer.text
        return answer.json()

    async def events(self, topic: str) -> list[Event]:
        """Everything on a topic, partition by partition."""
        found: list[Event] = []
        for partition, end in (await self.log.end_offsets(topic)).items():
            at = 0
            while at < end:
                records = await self.log.read(topic, partition, at)
                found += [Event.FromString(record.value) for record in records]
                at = records[-1].offset + 1
        return found


@contextlib.asynccontextmanager
async def ingest(log: EventLog, store: ReadModel) -> AsyncIterator[httpx.AsyncClient]:
    """One ingest process, as far as one can be had in a test."""
    settings = Settings(row_partitions=ROW_PARTITIONS)
    health = Health()
    parts = await build(Context("ingest", settings, store, health, log))
    app = http_app("ingest", parts.routers, health, parts.describe)
    running = [asyncio.create_task(part.run()) for part in parts.background]
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as http:
            yield http
    finally:
        await asyncio.gather(*(part.stop() for part in parts.background))
        await asyncio.gather(*running)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    opened = SqliteLog(tmp_path / "log.sqlite")
    await opened.open(topics(ROW_PARTITIONS))
    yield opened
    await opened.close()


@pytest.fixture
async def stand(log: EventLog, store: ReadModel, tmp_path: Path) -> AsyncIterator[Stand]:
    async with ingest(log, store) as http:
        yield Stand(http, log, store, tmp_path / "log.sqlite")
