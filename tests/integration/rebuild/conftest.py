"""Ingest and metrics on a real log and read model with something of everything, and the command that rebuilds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from services.common.eventlog.opening import open_log
from services.common.eventlog.port import EventLog
from services.common.readmodel.mongo import ReadModel
from services.common.runtime.health import Health
from services.common.runtime.http import http_app
from services.common.runtime.service import Context
from services.common.runtime.settings import Settings
from services.ingest.__main__ import build as build_ingest
from services.metrics.__main__ import build as build_metrics
from tests.e2e.environment import plain_environment
from tests.unit.evaluation.synthetic import coco

GROUPS = {
    "ingest.catalog": ("catalog",),
    "ingest.dead-letters": ("dead-letters",),
    "ingest.rows": ("data-rows", "ground-truth"),
    "metrics.rows": ("ground-truth", "predictions"),
    "metrics.runs": ("run-touched",),
}
ROW_PARTITIONS = 4
SECONDS = 60.0


@dataclass
class Ground:
    """A log and a read model, on which services may run or not."""

    settings: Settings
    environment: dict[str, str]

    @contextlib.asynccontextmanager
    async def log(self) -> AsyncGenerator[EventLog]:
        opened = await open_log(self.settings)
        try:
            yield opened
        finally:
            await opened.close()

    @contextlib.asynccontextmanager
    async def store(self) -> AsyncGenerator[ReadModel]:
        """The current generation."""
        opened = await ReadModel.open(self.settings.mongo_url, self.settings.mongo_database)
        try:
            yield opened
        finally:
            await opened.close()

    @contextlib.asynccontextmanager
    async def services(self, *, measuring: bool = True) -> AsyncGenerator[Client]:
        """Ingest and metrics run, as far as they can in a test; runs are measured, or not."""
        async with self.log() as log, self.store() as store:
            health = Health()
            parts = await build_ingest(Context("ingest", self.settings, store, health, log))
            rows, runs = (await build_metrics(Context("metrics", self.settings, store, Health(), log))).background
            background = [*parts.background, rows, *([runs] if measuring else [])]
            running = [asyncio.create_task(part.run()) for part in background]
            app = http_app("ingest", parts.routers, health, parts.describe)
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            try:
                async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=SECONDS) as http:
                    yield Client(http, store, log)
            finally:
                await asyncio.gather(*(part.stop() for part in background))
                await asyncio.gather(*running)

    def begin(self, *options: str) -> subprocess.Popen[str]:
        """Start `rebuild`."""
        command = (sys.executable, "-m", "services.common.ops", "rebuild", *options)
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**plain_environment(), **self.environment},
        )

    async def said(self, *options: str) -> dict[str, Any]:
        """The last that `rebuild` says."""
        process = self.begin(*options)
        out, complaints = await asyncio.to_thread(process.communicate, timeout=120)
        assert out, complaints
        return json.loads(out.splitlines()[-1])

    async def rebuild(self, *options: str) -> dict[str, Any]:
        """What `rebuild` comes to."""
        said = await self.said(*options)
        assert "result" in said, said
        return said["result"]


@dataclass
class Client:
    """The API of running services."""

    http: httpx.AsyncClient
    store: ReadModel
    log: EventLog

    async def post(self, path: str, body: Any = None) -> dict[str, Any]:
        answer = await self.http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def delete(self, path: str) -> None:
        answer = await self.http.delete(path)
        assert answer.is_success, answer.text

    async def settled(self, groups: Iterable[str] = tuple(GROUPS)) -> None:
        """Wait until groups have applied what is on the log."""
        async with asyncio.timeout(SECONDS):
            while not await self._are_settled(groups):
                await asyncio.sleep(0.1)

    async def _are_settled(self, groups: Iterable[str]) -> bool:
        for group in groups:
            for topic in GROUPS[group]:
                for partition, end in (await self.log.end_offsets(topic)).items():
                    if (await self.store.read_progress(group, partition)).offsets.get(topic, 0) < end:
                        return False
        return True


class Story:
    """What people do, one thing after the other: imports, changes of mind and deletions."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def begin(self, images: int = 12) -> None:
        """Two runs on a committed version, one on the draft."""
        post = self.client.post
        self.truth, self.results = coco(5, images=images)
        classes = [{"name": category["name"]} for category in self.truth["categories"]]
        ontology = (await post("/v1/ontologies", {"name": "o", "classes": classes}))["ontology_id"]
        self.dataset = (await post("/v1/datasets", {"name": "d", "ontology_id": ontology}))["dataset_id"]
        self.model = (await post("/v1/models", {"name": "m", "ontology_id": ontology}))["model_id"]
        await post(f"/v1/datasets/{self.dataset}/ground-truth:import", self.truth)
        await post(f"/v1/datasets/{self.dataset}/versions:commit", {})
        self.runs = [await self.run(f"r{number}") for number in range(3)]

    async def run(self, name: str) -> str:
        asked = {"name": name, "model_id": self.model, "dataset_id": self.dataset}
        run = (await self.client.post("/v1/model-runs", asked))["run_id"]
        await self.client.post(f"/v1/model-runs/{run}/predictions:import", self.results)
        return run

    async def changes(self) -> None:
        """Truth is another, a run goes, a row goes, names change."""
        other = {**self.truth, "annotations": self.truth["annotations"][::2]}
        await self.client.post(f"/v1/datasets/{self.dataset}/ground-truth:import", other)
        await self.client.delete(f"/v1/model-runs/{self.runs[0]}")
        image = self.truth["images"][1]["file_name"]
        await self.client.delete(f"/v1/datasets/{self.dataset}/data-rows/{image}")
        await self.client.post(f"/v1/model-runs/{self.runs[1]}/predictions:import", self.results[::3])
        await self.client.post(f"/v1/model-runs/{self.runs[2]}:seal")


@pytest.fixture
async def ground(tmp_path: Path, mongo_url: str, database_name: str) -> AsyncIterator[Ground]:
    environment = {
        "SIGHTLINE_MONGO_URL": mongo_url,
        "SIGHTLINE_MONGO_DATABASE": database_name,
        "SIGHTLINE_LOG_PATH": str(tmp_path / "log.sqlite"),
        "SIGHTLINE_ROW_PARTITIONS": str(ROW_PARTITIONS),
    }
    settings = Settings(
        mongo_url=mongo_url,
        mongo_database=database_name,
        log_path=tmp_path / "log.sqlite",
        row_partitions=ROW_PARTITIONS,
    )
    yield Ground(settings, environment)
    await drop(mongo_url, database_name)


async def drop(mongo_url: str, database_name: str) -> None:
    """Drop a database and the generations that were made beside it."""
    client: AsyncIOMotorClient[dict[str, object]] = AsyncIOMotorClient(mongo_url)
    for name in await client.list_database_names():
        if name == database_name or name.startswith(f"{database_name}_g"):
            await client.drop_database(name)
    client.close()
