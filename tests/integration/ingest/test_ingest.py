"""Ingest from HTTP to log and read model."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest
from starlette.requests import ClientDisconnect

from services.common.documents import Read
from services.common.eventlog.port import LogError, Message, Position
from services.common.eventlog.sqlite.processes import here
from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS
from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.outages import OUTAGES
from services.ingest.importing.jobs import Imports, Job
from sightline.formats.coco import truth_digest
from sightline.wire.events.v1.event_pb2 import Event

TRUTH: dict[str, Any] = {
    "annotations": [
        {"id": 0, "image_id": 12, "category_id": 5, "bbox": [0.1, 0.2, 3, 4], "area": 11.5, "iscrowd": 1},
        {"id": 9, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4]},
        {"id": 4, "image_id": 12, "category_id": 2, "bbox": [5, 5, 0, 4]},
    ],
    "images": [
        {"id": 7, "file_name": "b.jpg", "width": 640, "height": 480},
        {"id": -3, "file_name": "a/a.jpg"},
        {"id": 12, "file_name": "ü.jpg", "width": 100, "height": 100},
    ],
    "categories": [{"id": 5, "name": "car"}, {"id": 2, "name": "person"}],
}


def result(image: int = 7, category: int = 2, score: float | None = 0.5, **other: Any) -> dict[str, Any]:
    item = {"image_id": image, "category_id": category, "bbox": [1, 2, 3, 4], **other}
    return item if score is None else {**item, "score": score}


class Made:
    """A dataset with committed truth, a model and a run."""

    def __init__(self, stand: Any) -> None:
        self.stand = stand
        self.ids: dict[str, Any] = {}

    async def dataset(self, classes: tuple[str, ...] = ("person", "car")) -> str:
        post = self.stand.post
        ontology = await post("/v1/ontologies", {"name": "o", "classes": [{"name": name} for name in classes]})
        self.ids["ontology"] = ontology["ontology_id"]
        dataset = await post("/v1/datasets", {"name": "d", "ontology_id": self.ids["ontology"]})
        self.ids["dataset"] = dataset["dataset_id"]
        return dataset["dataset_id"]

    async def truth(self, truth: dict[str, Any] = TRUTH) -> dict[str, Any]:
        path = f"/v1/datasets/{self.ids['dataset']}/ground-truth:import"
        return await self.stand.post(path, content=json.dumps(truth).encode())

    async def commit(self) -> int:
        return (await self.stand.post(f"/v1/datasets/{self.ids['dataset']}/versions:commit", {}))["version"]

    async def run(self, version: int = 1, name: str = "r") -> str:
        if "model" not in self.ids:
            model = await self.stand.post("/v1/models", {"name": "m", "ontology_id": self.ids["ontology"]})
            self.ids["model"] = model["model_id"]
        asked = {"name": name, "model_id": self.ids["model"], "dataset_id": self.ids["dataset"]}
        run = await self.stand.post("/v1/model-runs", {**asked, "dataset_version": version})
        self.ids["run"] = run["run_id"]
        return run["run_id"]

    async def all(self) -> str:
        await self.dataset()
        await self.truth()
        await self.commit()
        return await self.run()

    def predictions_path(self, mode: str = "replace") -> str:
        return f"/v1/model-runs/{self.ids['run']}/predictions:import?format=coco&mode={mode}"


@pytest.fixture
def made(stand: Any) -> Made:
    return Made(stand)


async def test_truth_to_events_and_rows(stand: Any, made: Made) -> None:
    await made.dataset()
    job = await made.truth()
    assert (job["state"], job["accepted"], job["rejected"], job["dataset_version"]) == ("FINISHED", 3, 0, 1)
    assert job["warnings"] == {"zero_size": 1, "outside_picture": 0}
    truths = {
        e.ground_truth_replaced.global_key: e.ground_truth_replaced
        for e in await stand.events(GROUND_TRUTH)
        if e.HasField("ground_truth_replaced")
    }
    assert {key: (t.ordinal, t.boxes.count) for key, t in truths.items()} == {
        "b.jpg": (7, 1),
        "a/a.jpg": (-3, 0),
        "ü.jpg": (12, 2),
    }
    both = truths["ü.jpg"].boxes
    assert np.frombuffer(both.class_ids, "<i4").tolist() == [2, 1], "classes go by name"
    assert np.frombuffer(both.boxes, "<f8").tolist() == [0.1, 0.2, 3, 4, 5, 5, 0, 4]
    assert np.frombuffer(both.areas, "<f8").tolist() == [11.5, 0]
    assert both.crowds == b"\1\0"
    assert np.frombuffer(both.annotation_ids, "<i8").tolist() == [0, 4]

    assert await made.commit() == 1
    version = await stand.store.get("dataset_versions", f"default/{made.ids['dataset']}/1")
    assert version["truth_digest"] == truth_digest([json.dumps(TRUTH, indent=3).encode()])
    assert version["categories"] == {"2": 1, "5": 2}
    events = await stand.events(GROUND_TRUTH)
    assert Counter(e.WhichOneof("payload") for e in events) == {
        "ground_truth_replaced": 3,
        "import_ended": 4,
        "marker": 4,
    }
    assert len({e.event_id for e in events}) == len(events)
    assert len(await stand.events(DATA_ROWS)) == 3


async def test_predictions_to_events(stand: Any, made: Made) -> None:
    run = await made.all()
    items = [result(12, 5, 0.9), result(7, 2, None), result(12, 2, 0.1), result(12, 5, 0.9)]
    job = await stand.post(made.predictions_path(), content=json.dumps(items).encode())
    assert (job["state"], job["accepted"], job["rejected"], job["run_id"]) == ("FINISHED", 4, 0, run)
    said = {
        e.predictions_upserted.global_key: e.predictions_upserted
        for e in await stand.events(PREDICTIONS)
        if e.HasField("predictions_upserted")
    }
    assert sorted(said) == ["a/a.jpg", "b.jpg", "ü.jpg"], "a replacing import names every row of the version"
    assert not said["a/a.jpg"].HasField("boxes")
    assert np.frombuffer(said["ü.jpg"].boxes.class_ids, "<i4").tolist() == [2, 1, 2], "in upload order"
    assert np.isnan(np.frombuffer(said["b.jpg"].boxes.confidences, "<f8")).all()
    assert {int(p): o + 1 for p, o in job["end_offsets"].items()} == await stand.log.end_offsets(PREDICTIONS)

    await stand.post(made.predictions_path("upsert"), content=json.dumps(items[:1]).encode())
    upserted = [e for e in await stand.events(PREDICTIONS) if e.predictions_upserted.mode == 1]
    assert [e.predictions_upserted.global_key for e in upserted] == ["ü.jpg"], "an upsert names what it has"


async def test_bad_items_are_told_and_the_others_go_through(stand: Any, made: Made) -> None:
    await made.all()
    items = [result(), result(8), result(7, 3), result(score=2), result(bbox=[1, 2, 3]), result(12)]
    job = await stand.post(made.predictions_path(), content=json.dumps(items).encode())
    assert (job["state"], job["accepted"], job["rejected"]) == ("FINISHED", 2, 4)
    told = sorted((r["number"], r["code"], r["where"]) for r in job["rejections"])
    assert told == [
        (2, "unknown_image", "[1].image_id"),
        (3, "unknown_class", "[2].category_id"),
        (4, "confidence_out_of_range", "[3].score"),
        (5, "invalid", "[4].bbox"),
    ]
    errors = await stand.store.find(Read("import_errors", {"import_id": job["job"]}))
    assert sorted(e["number"] for e in errors) == [2, 3, 4, 5]


async def test_a_row_with_a_rejected_annotation_keeps_its_truth(stand: Any, made: Made) -> None:
    await made.dataset()
    await made.truth()
    await made.commit()
    bad = json.loads(json.dumps(TRUTH))
    bad["annotations"][0]["bbox"][2] = -1
    job = await made.truth(bad)
    assert (job["accepted"], job["rejected"]) == (1, 2)
    assert [r["code"] for r in job["rejections"]] == ["negative_size", "row_withheld"]
    await made.commit()
    row = await stand.store.get("data_rows", f"default/{made.ids['dataset']}/ü.jpg")
    assert [(i["from"], i["to"]) for i in row["labelled"]] == [(1, None)]
    other = await stand.store.get("data_rows", f"default/{made.ids['dataset']}/b.jpg")
    assert [(i["from"], i["to"]) for i in other["labelled"]] == [(1, 2), (2, None)]
    version = await stand.store.get("dataset_versions", f"default/{made.ids['dataset']}/2")
    assert version["truth_digest"] is None, "it is not what the file says"


async def test_a_class_that_the_ontology_lacks_leaves_its_rows_unlabelled(stand: Any, made: Made) -> None:
    await made.dataset(("person",))
    job = await made.truth()
    assert (job["accepted"], job["rejected"]) == (1, 2)
    assert Counter(r["code"] for r in job["rejections"]) == {"unknown_class": 1, "row_withheld": 1}
    await made.commit()
    version = await stand.store.get("dataset_versions", f"default/{made.ids['dataset']}/1")
    assert version["truth_digest"] is None, "with the class it would be another truth"
    await made.run()
    job = await stand.post(made.predictions_path(), content=json.dumps([result(12)]).encode())
    assert job["accepted"] == 1, "an unlabelled row takes predictions"


async def test_the_same_file_with_a_bad_annotation_is_the_same_truth(stand: Any, made: Made) -> None:
    await made.dataset()
    bad = json.loads(json.dumps(TRUTH))
    bad["annotations"][1]["bbox"] = [1, 2, 3]
    job = await made.truth(bad)
    assert (job["accepted"], job["rejected"]) == (2, 1)
    await made.commit()
    version = await stand.store.get("dataset_versions", f"default/{made.ids['dataset']}/1")
    assert version["truth_digest"] == truth_digest([json.dumps(bad).encode()])
    assert version["truth_digest"] != truth_digest([json.dumps(TRUTH).encode()])


async def test_rows_that_a_truth_does_not_name_are_unlabelled(stand: Any, made: Made) -> None:
    await made.dataset()
    await made.truth()
    await made.commit()
    fewer = {**TRUTH, "images": TRUTH["images"][:1], "annotations": TRUTH["annotations"][1:2]}
    await made.truth(fewer)
    assert await made.commit() == 2
    await made.run(version=1, name="r1")
    first = await stand.post(made.predictions_path(), content=b"[]")
    await made.run(version=2, name="r2")
    second = await stand.post(made.predictions_path(), content=b"[]")
    named = defaultdict(list)
    for event in await stand.events(PREDICTIONS):
        if event.HasField("predictions_upserted"):
            named[event.predictions_upserted.import_id].append(event.predictions_upserted.global_key)
    assert sorted(named[first["job"]]) == ["a/a.jpg", "b.jpg", "ü.jpg"]
    assert named[second["job"]] == ["b.jpg"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"{}", "a JSON object"),
        (b"[" + json.dumps(result()).encode(), "cut off"),
        (b"[[" * 300, "deeper"),
    ],
)
async def test_a_broken_file_fails_the_import_and_frees_the_run(stand: Any, made: Made, body: bytes, said: str) -> None:
    await made.all()
    answer = await stand.http.post(made.predictions_path(), content=body)
    problem = answer.json()
    assert answer.status_code == 422
    assert problem["type"].endswith("/import-failed")
    assert said in problem["detail"]
    assert problem["state"] == "FAILED"
    assert (await stand.store.get("imports", f"default/{problem['job']}"))["failure"] == problem["detail"]
    job = await stand.post(made.predictions_path(), content=json.dumps([result()]).encode())
    assert job["accepted"] == 1


async def test_a_broken_truth_changes_nothing(stand: Any, made: Made) -> None:
    await made.dataset()
    data = json.dumps(TRUTH).encode()
    path = f"/v1/datasets/{made.ids['dataset']}/ground-truth:import"
    for body in (data[:-10], b"[]", b'{"images": []}'):
        assert (await stand.http.post(path, content=body)).status_code == 422
    assert [event for event in await stand.events(GROUND_TRUTH) if not event.HasField("marker")] == []
    assert await stand.events(DATA_ROWS) == []
    await made.truth()


async def test_events_carry_the_trace_of_their_request(stand: Any, made: Made) -> None:
    await made.all()
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await stand.post(made.predictions_path(), content=b"[]", headers={"traceparent": traceparent})
    await stand.post(made.predictions_path(), content=b"[]", headers={"traceparent": "nonsense"})
    events = await stand.events(PREDICTIONS)
    traced = [e for e in events if e.HasField("predictions_upserted")]
    assert sum(e.traceparent == traceparent for e in traced) * 2 == len(traced)
    assert all(len(e.traceparent) == 55 for e in traced)


async def test_truth_can_be_looked_at_before_it_is_sent(stand: Any, made: Made) -> None:
    await made.dataset()
    bad = {"id": 9, "image_id": 99, "category_id": 2, "bbox": [1, 1, 2, 2]}
    body = json.dumps({**TRUTH, "annotations": [*TRUTH["annotations"], bad]}, indent=1).encode()
    said = await stand.post("/v1/ground-truth:inspect", content=body)
    assert (said["images"], said["annotations"], said["rejected"]) == (3, 3, 1)
    assert said["rejections"][0]["code"] == "unknown_image"
    assert said["classes"] == [c["name"] for c in TRUTH["categories"]]
    assert await stand.events(GROUND_TRUTH) == []

    said = await stand.post("/v1/ground-truth:inspect", content=json.dumps(TRUTH).encode())
    await made.truth()
    await made.commit()
    version = await stand.store.get("dataset_versions", f"default/{made.ids['dataset']}/1")
    assert version["truth_digest"] == said["truth_digest"]
    broken = await stand.http.post("/v1/ground-truth:inspect", content=b'{"images": [')
    assert (broken.status_code, broken.json()["type"].rsplit("/")[-1]) == (422, "unreadable-file")


async def test_gzip_is_unpacked_and_bounded(stand: Any, made: Made) -> None:
    await made.all()
    data = json.dumps([result(), result(12)]).encode()
    gzipped = {"Content-Encoding": "gzip"}
    job = await stand.post(made.predictions_path(), content=gzip.compress(data), headers=gzipped)
    assert job["accepted"] == 2
    two = gzip.compress(data[:10]) + gzip.compress(data[10:]) + b"\0" * 100
    assert (await stand.post(made.predictions_path(), content=two, headers=gzipped))["accepted"] == 2
    for body in (b"no gzip", gzip.compress(data)[:-3]):
        answer = await stand.http.post(made.predictions_path(), content=body, headers=gzipped)
        assert answer.status_code == 422
        assert "gzip" in answer.json()["detail"]
    answer = await stand.http.post(made.predictions_path(), content=data, headers={"Content-Encoding": "br"})
    assert answer.status_code == 415


async def test_3_a_commit_is_answered_when_its_markers_are_out(stand: Any, made: Made) -> None:
    """So the truth that a client sends after the answer never lands in the version."""
    await made.dataset()
    await made.truth()
    for version in range(1, 6):
        assert await made.commit() == version
        markers = [e.marker for e in await stand.events(GROUND_TRUTH) if e.HasField("marker")]
        assert [m.version_committed.dataset_version for m in markers].count(version) == 4
    await made.run(version=2)
    runs = [e.marker for e in await stand.events(PREDICTIONS) if e.HasField("marker")]
    assert [m.run_created.dataset_version for m in runs] == [2] * 4


async def slowly(*chunks: bytes, gate: asyncio.Event) -> AsyncIterator[bytes]:
    yield chunks[0]
    await gate.wait()
    for chunk in chunks[1:]:
        yield chunk


async def test_4_a_commit_is_refused_while_truth_is_uploaded(stand: Any, made: Made) -> None:
    await made.dataset()
    gate = asyncio.Event()
    data = json.dumps(TRUTH).encode()
    path = f"/v1/datasets/{made.ids['dataset']}/ground-truth:import"
    upload = asyncio.create_task(stand.http.post(path, content=slowly(data[:50], data[50:], gate=gate)))
    for _ in range(200):
        if await stand.store.find(Read("imports", {"state": "RUNNING"})):
            break
        await asyncio.sleep(0.01)
    answer = await stand.http.post(f"/v1/datasets/{made.ids['dataset']}/versions:commit", json={})
    assert (answer.status_code, answer.json()["type"].rsplit("/")[-1]) == (409, "import-open")
    assert answer.headers["Retry-After"] == "2"
    second = await stand.http.post(path, content=data)
    assert second.status_code == 409
    assert second.json()["existing_id"] == answer.json()["existing_id"]
    gate.set()
    assert (await upload).status_code == 200
    assert await made.commit() == 1


async def test_an_idempotency_key_makes_a_retry_the_same(stand: Any, made: Made) -> None:
    key = {"Idempotency-Key": "mine"}
    ontology = {"name": "o", "classes": [{"name": "person"}]}
    first = await stand.http.post("/v1/ontologies", json=ontology, headers=key)
    again = await stand.http.post("/v1/ontologies", json=ontology, headers=key)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    other = await stand.http.post("/v1/ontologies", json={**ontology, "name": "x"}, headers=key)
    assert (other.status_code, other.json()["type"].rsplit("/")[-1]) == (422, "idempotency-key-reused")
    made.ids["ontology"] = first.json()["ontology_id"]
    dataset = await stand.post("/v1/datasets", {"name": "d", "ontology_id": made.ids["ontology"]})
    made.ids["dataset"] = dataset["dataset_id"]
    path = f"/v1/datasets/{dataset['dataset_id']}/ground-truth:import"
    one = await stand.post(path, content=json.dumps(TRUTH).encode(), headers={"Idempotency-Key": "upload"})
    events = len(await stand.events(GROUND_TRUTH))
    two = await stand.post(path, content=json.dumps(TRUTH).encode(), headers={"Idempotency-Key": "upload"})
    assert {k: v for k, v in two.items() if k != "rejections"} == {k: v for k, v in one.items() if k != "rejections"}
    assert two["rejections"] == one["rejections"]
    assert len(await stand.events(GROUND_TRUTH)) == events


async def test_names_taken_and_things_not_there(stand: Any, made: Made) -> None:
    dataset = await made.dataset()
    answer = await stand.http.post("/v1/datasets", json={"name": " d ", "ontology_id": made.ids["ontology"]})
    assert (answer.status_code, answer.json()["existing_id"]) == (409, dataset)
    assert answer.headers["content-type"] == "application/problem+json"
    for path, body in (
        ("/v1/datasets/ds_no/versions:commit", {}),
        ("/v1/ontologies/ont_no/versions", {"classes": []}),
        ("/v1/models", {"name": "m", "ontology_id": "ont_no"}),
    ):
        assert (await stand.http.post(path, json=body)).status_code == 404
    for path in ("/v1/model-runs/run_no/predictions:import", "/v1/datasets/ds_no/ground-truth:import"):
        assert (await stand.http.post(path, content=b"[]")).status_code == 404
    assert not await stand.store.find(Read("import_jobs", {}))
    for body in ({"name": "", "classes": []}, {"name": "x", "classes": [{"name": "a", "kind": "blob"}]}, {"nam": 1}):
        answer = await stand.http.post("/v1/ontologies", json=body)
        assert answer.status_code == 422
        assert "blob" not in answer.text


async def test_data_rows(stand: Any, made: Made) -> None:
    await made.dataset()
    lines = [
        {"global_key": "b.jpg", "asset_url": "images/b.jpg", "split": "TEST", "metadata": {"light": "dusk"}},
        {"global_key": "x", "colour": "red"},
        {"global_key": "n" * 201},
        {"global_key": "y", "width": 0},
        {"global_key": "z", "split": "holdout"},
    ]
    body = "\n".join(json.dumps(line) for line in lines) + "\n{\n\n"
    job = await stand.post(f"/v1/datasets/{made.ids['dataset']}/data-rows:import", content=body.encode())
    assert (job["accepted"], job["rejected"]) == (1, 5)
    assert [r["number"] for r in job["rejections"]] == [2, 3, 4, 5, 6]
    await made.truth()
    await made.commit()
    await made.run()
    await stand.post(made.predictions_path(), content=b"[]")  # waits until rows are known
    row = await stand.store.get("data_rows", f"default/{made.ids['dataset']}/b.jpg")
    assert (row["asset_url"], row["split"], row["metadata"]) == ("images/b.jpg", "test", {"light": "dusk"})
    assert (row["width"], row["ordinal"], row["known"]) == (640, 7, True)


async def test_a_shuffled_file_says_the_same_as_a_sorted_one(stand: Any, made: Made) -> None:
    r = random.Random(3)
    await made.dataset()
    images = [{"id": i * 3, "file_name": f"{i}.png", "width": 100, "height": 100} for i in range(300)]
    await made.truth({"images": images, "annotations": [], "categories": TRUTH["categories"]})
    await made.commit()
    await made.run()
    items = [result(r.randrange(300) * 3, r.choice([2, 5]), r.random()) for _ in range(30_000)]
    items += [result(30, 2, 0.25)] * 45_000
    shuffled = r.sample(items, len(items))
    job = await stand.post(made.predictions_path(), content=json.dumps(shuffled).encode())
    assert job["accepted"] == len(items)
    expected: defaultdict[str, list[float]] = defaultdict(list)
    for item in shuffled:
        expected[f"{item['image_id'] // 3}.png"].append(item["score"])
    said: defaultdict[str, list[float]] = defaultdict(list)
    for event in await stand.events(PREDICTIONS):
        assert event.ByteSize() <= 1 << 20
        upserted = event.predictions_upserted
        if upserted.boxes.count:
            said[upserted.global_key] += np.frombuffer(upserted.boxes.confidences, "<f8").tolist()
    assert said == expected


async def test_an_import_whose_process_is_gone_is_ended_and_makes_room(stand: Any, made: Made) -> None:
    await made.all()
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
    await gone.wait()
    gate = asyncio.Event()
    upload = asyncio.create_task(stand.http.post(made.predictions_path(), content=slowly(b"[", b"]", gate=gate)))
    running: list[dict[str, Any]] = []
    for _ in range(200):
        running = await stand.store.find(Read("imports", {"state": "RUNNING"}))
        if running:
            break
        await asyncio.sleep(0.01)
    id = running[0]["_id"]
    refused = await stand.http.post(made.predictions_path(), content=b"[]")
    assert (refused.status_code, refused.json()["existing_id"]) == (409, running[0]["import_id"])

    owner = {"host": here(), "pid": gone.pid, "started": "1"}
    await stand.store.update("import_jobs", id, {"$set": {"owner": owner, "accepted": 9, "place": 17}})
    taken = await stand.post(made.predictions_path(), content=json.dumps([result()]).encode())
    assert taken["state"] == "FINISHED"
    ended = await stand.store.get("imports", id)
    assert ended["state"] == "FAILED"
    assert "number 17" in ended["failure"]
    gate.set()
    answer = await upload
    assert answer.json()["state"] == "FAILED", "who was declared gone finds out"


async def test_the_reaper_ends_leases_that_ran_out_and_leaves_others(stand: Any, made: Made) -> None:
    await made.all()
    now = time.time_ns() // 1_000_000

    async def job(import_id: str, host: str, lease: int) -> None:
        live = {"project_id": "default", "import_id": import_id, "state": "RUNNING", "accepted": 0, "rejected": 0}
        owner = {"host": host, "pid": 1, "started": "1"}
        document = {**live, "_id": f"default/{import_id}", "place": 0, "owner": owner, "lease_until_unix_ms": lease}
        await stand.store.insert("import_jobs", document)

    await job("imp_elsewhere", "another machine", now + 60_000)
    await job("imp_silent", "another machine", now - 1)
    for _ in range(100):
        states = {d["import_id"]: d["state"] for d in await stand.store.find(Read("import_jobs", {}))}
        if states["imp_silent"] == "FAILED":
            break
        await asyncio.sleep(0.1)
    assert (states["imp_silent"], states["imp_elsewhere"]) == ("FAILED", "RUNNING")


async def test_a_job_that_lost_its_lease_writes_nothing_more(
    stand: Any, made: Made, store: ReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made.all()

    async def lost(self: Imports, job: Any) -> None:
        job.lease_until = 0.0

    monkeypatch.setattr(Imports, "renew", lost)
    monkeypatch.setattr("services.ingest.importing.windows.SHORT_WINDOW", 1)
    before = await stand.log.end_offsets(PREDICTIONS)
    gate = asyncio.Event()
    gate.set()
    items = json.dumps([result()] * 40_000).encode()
    answer = await stand.http.post(made.predictions_path(), content=slowly(items[:-1], b"]", gate=gate))
    assert answer.status_code == 409
    assert answer.json()["accepted"] < 40_000
    ended = [e for e in await stand.events(PREDICTIONS) if e.HasField("import_ended")]
    assert ended == []
    assert before != await stand.log.end_offsets(PREDICTIONS)


async def test_an_upload_that_breaks_off_fails(stand: Any, made: Made) -> None:
    await made.all()

    async def breaks() -> AsyncIterator[bytes]:
        yield b"["
        raise ClientDisconnect  # what the server finds instead of the next bytes

    answer = await stand.http.post(made.predictions_path(), content=breaks())
    assert (answer.status_code, answer.json()["state"]) == (400, "FAILED")
    assert not [e for e in await stand.events(PREDICTIONS) if e.marker.HasField("import_failed")]
    assert (await stand.post(made.predictions_path(), content=b"[]"))["state"] == "FINISHED"


async def test_rows_are_told_of_an_import_whose_last_append_may_still_come(
    stand: Any, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made.all()
    append = stand.log.append

    async def no_answer(messages: Sequence[Message]) -> Sequence[Position]:
        if Event.FromString(messages[0].value).HasField("predictions_upserted"):
            raise LogError("The broker did not answer.")
        return await append(messages)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(stand.log, "append", no_answer)
        answer = await stand.http.post(made.predictions_path(), content=json.dumps([result()]))
    assert (answer.status_code, answer.json()["state"]) == (503, "FAILED")
    for topic in (PREDICTIONS, DATA_ROWS):
        markers = [e.marker.import_failed for e in await stand.events(topic)]
        told = [marker.import_id for marker in markers if marker.import_id]
        assert told == [answer.json()["job"]] * len(await stand.log.end_offsets(topic))


@pytest.mark.parametrize(
    ("outage", "said"),
    [
        (LogError("The log can't be used: database or disk is full."), "disk is full"),
        (OUTAGES[0]("primary of rs0"), "send the file again"),
    ],
)
async def test_an_outage_in_the_middle_says_what_to_do(
    stand: Any, made: Made, monkeypatch: pytest.MonkeyPatch, outage: Exception, said: str
) -> None:
    run = await made.all()

    async def away(*_: object) -> None:
        raise outage

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Job, "append", away)
        answer = await stand.http.post(f"/v1/model-runs/{run}/predictions:import", content=json.dumps([result()]))
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert said in answer.json()["detail"]
    assert answer.json()["state"] == "FAILED"
    again = await stand.post(made.predictions_path(), content=json.dumps([result()]))
    assert again["accepted"] == 1


async def test_openapi_is_in_order(stand: Any) -> None:
    document = (await stand.http.get("/openapi.json")).json()
    operations = [op for path in document["paths"].values() for op in path.values()]
    assert len(operations) >= 28
    assert all(op["summary"] and op["description"] for op in operations)


async def test_what_can_not_be_kept_is_refused_before_the_log(stand: Any, made: Made) -> None:
    await made.dataset()
    await made.truth()
    await made.commit()
    model = await stand.post("/v1/models", {"name": "m", "ontology_id": made.ids["ontology"]})
    run = {"name": "r", "model_id": model["model_id"], "dataset_id": made.ids["dataset"], "dataset_version": 1}
    before = await stand.log.end_offsets("catalog")
    for config in ('{"a": NaN}', '{"a": 9223372036854775808}', '{"a\\u0000": 1}', '{"a": "\\ud800"}'):
        body = json.dumps(run)[:-1] + f', "config": {config}}}'
        answer = await stand.http.post("/v1/model-runs", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, config
    for name in ("a\x00", "", " ", "x" * 201, "a\nb"):
        answer = await stand.http.post("/v1/models", json={"name": name, "ontology_id": made.ids["ontology"]})
        assert answer.status_code == 422
    assert await stand.log.end_offsets("catalog") == before
    created = await stand.post("/v1/model-runs", {**run, "config": {"$a.b": {"c": [1, None, 0.5]}}})
    assert created["config"] == {"$a.b": {"c": [1, None, 0.5]}}
