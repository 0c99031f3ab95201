"""An ingest process that is killed in the middle of an import."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.common.documents import Read
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import PREDICTIONS, topics
from services.common.readmodel.mongo import ReadModel
from sightline.wire.events.v1.event_pb2 import Event

CLASSES = [{"name": "car"}]
TRUTH = {
    "images": [{"id": i, "file_name": f"{i}.png"} for i in range(400)],
    "annotations": [],
    "categories": [{"id": 1, "name": "car"}],
}


@asynccontextmanager
async def process(
    environment: dict[str, str], module: str = "services.ingest"
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, env={**os.environ, **environment, "SIGHTLINE_PORT": str(port)}
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            for _ in range(300):
                try:
                    if (await http.get("/readyz")).status_code == 200:
                        break
                except httpx.TransportError:
                    assert started.returncode is None
                await asyncio.sleep(0.1)
            yield started, http
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGTERM)
        await started.wait()


@pytest.mark.timeout(120)
async def test_killed_in_mid_import_and_sent_again(
    mongo_url: str, database_name: str, store: ReadModel, tmp_path: Path
) -> None:
    environment = {
        "SIGHTLINE_MONGO_URL": mongo_url,
        "SIGHTLINE_MONGO_DATABASE": database_name,
        "SIGHTLINE_LOG_PATH": str(tmp_path / "log.sqlite"),
        "SIGHTLINE_ROW_PARTITIONS": "2",
    }
    items = [{"image_id": i // 500, "category_id": 1, "bbox": [i, 0, 1, 1], "score": 0.5} for i in range(400 * 500)]
    data = json.dumps(items).encode()

    async with process(environment) as (first, http):

        async def post(path: str, body: Any) -> dict[str, Any]:
            answer = await http.post(path, json=body)
            assert answer.is_success, answer.text
            return answer.json()

        ontology = (await post("/v1/ontologies", {"name": "o", "classes": CLASSES}))["ontology_id"]
        dataset = (await post("/v1/datasets", {"name": "d", "ontology_id": ontology}))["dataset_id"]
        await post(f"/v1/datasets/{dataset}/ground-truth:import", TRUTH)
        await post(f"/v1/datasets/{dataset}/versions:commit", {})
        model = (await post("/v1/models", {"name": "m", "ontology_id": ontology}))["model_id"]
        asked = {"name": "r", "model_id": model, "dataset_id": dataset, "dataset_version": 1}
        run = (await post("/v1/model-runs", asked))["run_id"]

        killed = asyncio.Event()

        async def most() -> AsyncIterator[bytes]:
            yield data[: len(data) * 9 // 10]
            await killed.wait()
            yield data[len(data) * 9 // 10 :]

        path = f"/v1/model-runs/{run}/predictions:import?mode=replace"
        upload = asyncio.create_task(http.post(path, content=most()))
        job: dict[str, Any] = {}
        for _ in range(300):
            jobs = await store.find(Read("import_jobs", {"state": "RUNNING"}))
            if jobs and jobs[0]["accepted"]:
                job = jobs[0]
                break
            await asyncio.sleep(0.05)
        assert job["accepted"] > 0
        first.kill()
        await first.wait()
        job = await store.get("import_jobs", job["_id"]) or {}  # it may have come further
        killed.set()
        with pytest.raises(httpx.TransportError):
            await upload

    async with process(environment) as (_, http):
        answer = await http.post(path, content=data)
        assert answer.status_code == 200, answer.text
        assert answer.json()["accepted"] == len(items)
    ended = await store.get("imports", job["_id"])
    assert ended is not None
    assert (ended["state"], ended["accepted"]) == ("FAILED", job["accepted"])
    assert f"number {job['place']} of the file" in ended["failure"]

    log = SqliteLog(tmp_path / "log.sqlite")
    await log.open(topics(2))
    said = 0
    for partition in range(2):
        for record in await log.read(PREDICTIONS, partition, 0, max_records=100_000, max_bytes=1 << 30):
            event = Event.FromString(record.value)
            if event.predictions_upserted.import_id == answer.json()["job"]:
                said += event.predictions_upserted.boxes.count
    await log.close()
    assert said == len(items)
