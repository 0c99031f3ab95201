"""An ingest process that sleeps through its import's lease, and writes when it wakes."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from services.common.documents import Read
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import GROUND_TRUTH, PREDICTIONS, topics
from services.common.readmodel.mongo import ReadModel
from sightline.wire.events.v1.event_pb2 import Event
from tests.integration.ingest.test_kill import process
from tests.integration.metrics.conftest import World
from tests.unit.evaluation import oracle
from tests.unit.metrics.saying import PARTITIONS

IMAGES = 1_200
"""More than an append takes, so that an import has a second one."""
CLASSES = ("car", "bus")
EXACT = 1e-9


def truth_file(shift: int) -> dict[str, Any]:
    """Two boxes on every image."""
    annotations = [
        {
            "id": 2 * i + n + 1,
            "image_id": i,
            "category_id": n + 1,
            "bbox": [10 * i % 70 + shift, 5, 20 + n, 30],
            "area": 30 * (20 + n),
            "iscrowd": 0,
        }
        for i in range(IMAGES)
        for n in range(2)
    ]
    return {
        "images": [{"id": i, "file_name": f"{i}.png"} for i in range(IMAGES)],
        "annotations": annotations,
        "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES, 1)],
    }


def results_file(truth: dict[str, Any], shift: float, score: float) -> list[dict[str, Any]]:
    """A prediction for every annotation, more or less beside it."""
    found = []
    for place, annotation in enumerate(truth["annotations"]):
        x, y, width, height = annotation["bbox"]
        box = [x + shift * (place % 9), y, width, height]
        said = {"image_id": annotation["image_id"], "category_id": annotation["category_id"], "bbox": box}
        found.append({**said, "score": score + 0.001 * (place % 97)})
    return found


class Stand:
    """Two processes of ingest on one log: one that falls asleep in its imports, and one that stays awake."""

    def __init__(self, sleeper: tuple[Any, httpx.AsyncClient], awake: httpx.AsyncClient, store: ReadModel, log: Path):
        self._process, self._sleeper = sleeper
        self.awake = awake
        self._store = store
        self._log = log

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        answer = await self.awake.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    @asynccontextmanager
    async def asleep(self, path: str, body: Any) -> AsyncIterator[asyncio.Task[httpx.Response]]:
        """An upload whose process sleeps for longer than anybody waits for it, and wakes at the end of the block."""
        upload = asyncio.create_task(self._sleeper.post(path, json=body))
        while psutil.Process(self._process.pid).status() != psutil.STATUS_STOPPED:
            assert not upload.done(), upload.result().text
            await asyncio.sleep(0.01)
        try:
            [job] = await self._store.find(Read("import_jobs", {"state": "RUNNING"}))
            await self._store.update("import_jobs", job["_id"], {"$set": {"lease_until_unix_ms": 0}})
            self._not_heard_of()
            yield upload
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _not_heard_of(self) -> None:
        with closing(sqlite3.connect(self._log, timeout=30)) as file, file:
            file.execute("UPDATE members SET heartbeat_unix_ms = 0 WHERE pid = ?", (self._process.pid,))


async def after_its_marker(log: SqliteLog, topic: str, import_id: str) -> int:
    """How many events an import wrote after it had failed."""
    late = 0
    for partition in range(PARTITIONS):
        failed = False
        for record in await log.read(topic, partition, 0, max_records=100_000, max_bytes=1 << 30):
            event = Event.FromString(record.value)
            failed |= event.marker.import_failed.import_id == import_id
            late += failed and event.event_id.startswith(f"{import_id}/")
    return late


@pytest.mark.timeout(180)
async def test_what_it_writes_when_it_wakes_changes_nothing(
    mongo_url: str, database_name: str, store: ReadModel, tmp_path: Path
) -> None:
    log_path = tmp_path / "log.sqlite"
    environment = {
        "SIGHTLINE_MONGO_URL": mongo_url,
        "SIGHTLINE_MONGO_DATABASE": database_name,
        "SIGHTLINE_LOG_PATH": str(log_path),
        "SIGHTLINE_ROW_PARTITIONS": str(PARTITIONS),
    }
    truth, old_truth = truth_file(0), truth_file(3)
    results, old_results = results_file(truth, 1.5, 0.5), results_file(old_truth, 0.5, 0.6)

    async with (
        process(environment) as (_, awake),
        process(environment, "tests.integration.ingest.sleeper") as sleeper,
    ):
        stand = Stand(sleeper, awake, store, log_path)
        classes = [{"name": name} for name in CLASSES]
        ontology = (await stand.post("/v1/ontologies", {"name": "o", "classes": classes}))["ontology_id"]
        dataset = (await stand.post("/v1/datasets", {"name": "d", "ontology_id": ontology}))["dataset_id"]
        model = (await stand.post("/v1/models", {"name": "m", "ontology_id": ontology}))["model_id"]

        # Truth: it is given up, sent again and committed, and what its process has in hand comes then.
        path = f"/v1/datasets/{dataset}/ground-truth:import"
        async with stand.asleep(path, old_truth) as upload:
            truth_job = (await stand.post(path, truth))["job"]
            await stand.post(f"/v1/datasets/{dataset}/versions:commit", {})
        truth_upload = await upload

        # Predictions: the same, in a run that another file replaces meanwhile.
        asked = {"name": "r", "model_id": model, "dataset_id": dataset, "dataset_version": 1}
        run = (await stand.post("/v1/model-runs", asked))["run_id"]
        path = f"/v1/model-runs/{run}/predictions:import?mode=replace"
        async with stand.asleep(path, old_results) as upload:
            job = (await stand.post(path, results))["job"]
        results_upload = await upload

    for answer in (truth_upload, results_upload):
        assert (answer.status_code, answer.json()["state"]) == (409, "FAILED")
        assert "is gone" in answer.json()["failure"]

    log = SqliteLog(log_path)
    await log.open(topics(PARTITIONS))
    try:
        assert await after_its_marker(log, GROUND_TRUTH, truth_upload.json()["job"])
        assert await after_its_marker(log, PREDICTIONS, results_upload.json()["job"])
        world = World(log, store)
        async with world.running(accepting=True):
            await world.until(lambda: world.settled(run), 60)
            await world.until(world.at_rest, 60)
    finally:
        await log.close()

    truths = await store.find(Read("truths", {}, {"from": 1, "to": 1, "import_id": 1}))
    assert {(each["from"], each["to"], each["import_id"]) for each in truths} == {(1, None, truth_job)}
    rows = await store.find(Read("data_rows", {}))
    labelled = {(each["from"], each["to"], each["import_id"]) for row in rows for each in row["labelled"]}
    assert (len(truths), len(rows), labelled) == (IMAGES, IMAGES, {(1, None, truth_job)})
    said = await store.find(Read("run_rows", {}, {"imports": 1, "count": 1}))
    assert {(*each["imports"], each["count"]) for each in said} == {(job, 2)}
    summary = await world.summary(run)
    assert summary is not None
    expected = oracle.twelve(oracle.evaluated(truth, results))
    assert summary["coco"] == {
        name: value if value is None else pytest.approx(value, abs=EXACT) for name, value in expected.items()
    }
