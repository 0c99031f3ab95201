"""A real ingest process under NDJSON: killed in mid-import, without MongoDB for a while, and how much it holds."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.common.documents import Read
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import topics
from services.common.readmodel.columns.cache import Columns
from services.common.readmodel.initiate import initiate
from services.common.readmodel.mongo import ReadModel
from services.metrics.loops import RunsLoop, rows_loop
from sightline.mongod import Mongod, Process
from tests.integration.ingest.test_kill import process
from tests.unit.evaluation import oracle
from tests.unit.evaluation.synthetic import coco

PARTITIONS = 2
MIB = 1 << 20
LINES = int(os.environ.get("SIGHTLINE_TEST_UPLOAD_LINES", "300000"))
"""Of a large upload: half a kilobyte each."""


def held_by(pid: int) -> int:
    """Memory of a process, without files that are mapped: the kernel writes those out when it needs room."""
    status = dict(text.split(":", 1) for text in Path(f"/proc/{pid}/status").read_text().splitlines())
    return sum(int(status[name].split()[0]) for name in ("RssAnon", "RssShmem")) << 10


def environment_of(mongo_url: str, database_name: str, tmp_path: Path) -> dict[str, str]:
    return {
        "SIGHTLINE_MONGO_URL": mongo_url,
        "SIGHTLINE_MONGO_DATABASE": database_name,
        "SIGHTLINE_LOG_PATH": str(tmp_path / "log.sqlite"),
        "SIGHTLINE_ROW_PARTITIONS": str(PARTITIONS),
    }


def line(key: str, name: str, box: Any, **more: Any) -> bytes:
    bbox = dict(zip(("left", "top", "width", "height"), box, strict=True))
    said = {"dataRow": {"globalKey": key}, "name": name, "bbox": bbox, "uuid": str(uuid.uuid4()), **more}
    return json.dumps(said).encode()


async def until(true: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await true()):
            await asyncio.sleep(0.05)
    return found


async def post(http: httpx.AsyncClient, path: str, **how: Any) -> dict[str, Any]:
    answer = await http.post(path, **how)
    assert answer.is_success, answer.text
    return answer.json()


async def made(http: httpx.AsyncClient, classes: list[str], **first: Any) -> str:
    """The path to predictions of a run on a new dataset; `first` is what is posted to the dataset before."""
    asked = {"name": "o", "classes": [{"name": name} for name in classes]}
    ontology = (await post(http, "/v1/ontologies", json=asked))["ontology_id"]
    dataset = (await post(http, "/v1/datasets", json={"name": "d", "ontology_id": ontology}))["dataset_id"]
    for verb, content in first.items():
        await post(http, f"/v1/datasets/{dataset}/{verb.replace('_', '-')}:import", content=content)
    model = (await post(http, "/v1/models", json={"name": "m", "ontology_id": ontology}))["model_id"]
    run = {"name": "r", "model_id": model, "dataset_id": dataset}
    return f"/v1/model-runs/{(await post(http, '/v1/model-runs', json=run))['run_id']}/predictions:import?format=ndjson"


async def accepted_so_far(store: ReadModel) -> dict[str, Any] | None:
    jobs = await store.find(Read("import_jobs", {"state": "RUNNING"}))
    return jobs[0] if jobs and jobs[0]["accepted"] else None


@pytest.mark.timeout(240)
async def test_killed_in_mid_import_and_sent_again_the_numbers_are_pycocotools(
    mongo_url: str, database_name: str, store: ReadModel, tmp_path: Path
) -> None:
    truth, results = coco(5, images=200, classes=4, truths=5, detections=1000)
    names = {category["id"]: f"class {category['id']}" for category in truth["categories"]}
    for category in truth["categories"]:
        category["name"] = names[category["id"]]
    for image in truth["images"]:
        image["file_name"] = f"{image['id']}.jpg"
    # In the order of rows windows are short, so that much is on the log before the file ends.
    results.sort(key=lambda each: each["image_id"])
    data = b"\n".join(
        line(f"{each['image_id']}.jpg", names[each["category_id"]], each["bbox"], confidence=each["score"])
        for each in results
    )
    environment = environment_of(mongo_url, database_name, tmp_path)
    async with process(environment) as (first, http):
        path = await made(http, list(names.values()), ground_truth=json.dumps(truth).encode())
        killed = asyncio.Event()

        async def most() -> AsyncIterator[bytes]:
            yield data[: len(data) * 9 // 10]
            await killed.wait()

        upload = asyncio.create_task(http.post(path, content=most()))
        job = await until(lambda: accepted_so_far(store))
        first.kill()
        await first.wait()
        job = await store.get("import_jobs", job["_id"]) or {}  # it may have come further
        killed.set()
        with pytest.raises(httpx.TransportError):
            await upload
    assert 0 < job["accepted"] < len(results)

    async with process(environment) as (_, http):
        again = await post(http, path, content=data)
        assert (again["state"], again["accepted"], again["rejected"]) == ("FINISHED", len(results), 0)
    ended = await store.get("imports", job["_id"])
    assert ended is not None
    assert (ended["state"], ended["accepted"]) == ("FAILED", job["accepted"])
    assert f"number {job['place']} of the file" in ended["failure"]

    log = SqliteLog(tmp_path / "log.sqlite")
    await log.open(topics(PARTITIONS))
    parts = [rows_loop(log, store, PARTITIONS), RunsLoop(log, store, Columns(store, 1 << 28), PARTITIONS)]
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:

        async def measured() -> dict[str, Any] | None:
            summary = await store.get("run_summaries", f"default/{again['run_id']}")
            at = (summary or {}).get("version", {})
            passed = all(
                at.get(partition, {}).get("offsets", {}).get("predictions", 0) > end
                for partition, end in again["end_offsets"].items()
            )
            return summary if passed else None

        summary = await until(measured, 120)
    finally:
        for part in parts:
            await part.stop()
        await asyncio.gather(*tasks)
        await log.close()
    assert summary["predictions"] == len(results)
    for name, value in oracle.twelve(oracle.evaluated(truth, results)).items():
        assert summary["coco"][name] == (None if value is None else pytest.approx(value, abs=1e-9)), name


@pytest.mark.timeout(240 + LINES // 2_000)
async def test_a_file_many_times_what_is_held_with_its_rows_interleaved(
    mongo_url: str, database_name: str, store: ReadModel, tmp_path: Path
) -> None:
    """Memory stays that of a window and of what is read ahead, whatever the file's size."""
    keys = [f"row {n}" for n in range(500)]
    rows = b"\n".join(json.dumps({"global_key": key}).encode() for key in keys)
    padding = "x" * 300
    total, dice = 0, random.Random(1)

    def lines(count: int) -> Iterator[bytes]:
        nonlocal total
        for _ in range(count // 500):
            text = b"".join(line(dice.choice(keys), "car", (1, 2, 3, 4), note=padding) + b"\n" for _ in range(500))
            total += len(text)
            yield text

    async def zipped(count: int) -> AsyncIterator[bytes]:
        for text in lines(count):
            yield gzip.compress(text, 1)
            await asyncio.sleep(0)

    async with process(environment_of(mongo_url, database_name, tmp_path)) as (ingest, http):
        path = await made(http, ["car"], data_rows=rows)
        headers = {"Content-Encoding": "gzip"}
        await post(http, path, content=zipped(20_000), headers=headers)
        before, most, total = held_by(ingest.pid), 0, 0
        http.timeout = httpx.Timeout(None)
        upload = asyncio.create_task(post(http, path, content=zipped(LINES), headers=headers))
        while not upload.done():
            most = max(most, held_by(ingest.pid))
            await asyncio.sleep(0.05)
        job = await upload
        assert (job["accepted"], job["rejected"]) == (LINES, 0)
        assert total > 450 * LINES
        assert most - before < 80 * MIB


@pytest.mark.timeout(240)
async def test_mongodb_is_away_for_five_seconds_in_mid_import(database_name: str, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="sightline-mongo-") as directory:
        mongod = Process(Mongod.prepare(Path(directory), cache_gb=0.25))
        try:
            url = mongod.mongod.url
            initiate(url)
            async with process(environment_of(url, database_name, tmp_path)) as (_, http):
                keys = [f"row {n}" for n in range(200)]
                rows = b"\n".join(json.dumps({"global_key": key}).encode() for key in keys)
                path = await made(http, ["car"], data_rows=rows)
                halves = [b"\n".join(line(key, "car", (1, 2, 3, 4)) for key in keys * 20) + b"\n" for _ in range(2)]

                async def body() -> AsyncIterator[bytes]:
                    yield halves[0]
                    await asyncio.sleep(1)
                    os.kill(mongod.pid, signal.SIGSTOP)
                    yield halves[1]
                    await asyncio.sleep(5)
                    os.kill(mongod.pid, signal.SIGCONT)

                job = await post(http, path, content=body())
                assert (job["state"], job["accepted"], job["rejected"]) == ("FINISHED", 8000, 0)
        finally:
            os.kill(mongod.pid, signal.SIGCONT)
            mongod.kill()
