"""Predictions and truth as NDJSON: what fits is taken, what does not is told with its line."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import uuid
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from services.common.documents import Read
from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS
from services.common.readmodel.columns.cache import Columns
from services.ingest.importing.uploads import in_time
from services.metrics.loops import RunsLoop, rows_loop
from tests.integration.ingest.conftest import ROW_PARTITIONS
from tests.unit.evaluation import oracle
from tests.unit.evaluation.synthetic import coco

KEYS = ["a/a.jpg", "b.jpg", "ü.jpg"]
UUIDS = [str(uuid.UUID(int=n + 1)) for n in range(9)]


def line(key: str = "b.jpg", name: str = "car", box: tuple[float, ...] = (1, 2, 3, 4), **more: Any) -> dict[str, Any]:
    """An annotation; `box` is x, y, width, height."""
    left, top, width, height = box
    bbox = {"top": top, "left": left, "height": height, "width": width}
    return {"dataRow": {"globalKey": key}, "name": name, "bbox": bbox, **more}


def ndjson(*lines: Any) -> bytes:
    return b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines)


class World:
    """A dataset of rows with a model and a run."""

    def __init__(self, stand: Any) -> None:
        self.stand = stand
        self.dataset = self.run = ""

    async def make(self, **run: Any) -> World:
        post = self.stand.post
        classes = [{"name": "person"}, {"name": "car"}]
        ontology = (await post("/v1/ontologies", {"name": "o", "classes": classes}))["ontology_id"]
        self.dataset = (await post("/v1/datasets", {"name": "d", "ontology_id": ontology}))["dataset_id"]
        rows = [{"global_key": key, "width": 640, "height": 480, "ordinal": n} for n, key in enumerate(KEYS)]
        await post(f"/v1/datasets/{self.dataset}/data-rows:import", content=ndjson(*rows))
        model = (await post("/v1/models", {"name": "m", "ontology_id": ontology}))["model_id"]
        asked = {"name": "r", "model_id": model, "dataset_id": self.dataset, **run}
        self.run = (await post("/v1/model-runs", asked))["run_id"]
        return self

    @property
    def predictions_path(self) -> str:
        return f"/v1/model-runs/{self.run}/predictions:import?format=ndjson"

    async def predict(self, *lines: Any, mode: str = "upsert") -> dict[str, Any]:
        return await self.stand.post(f"{self.predictions_path}&mode={mode}", content=ndjson(*lines))

    async def truth(self, *lines: Any) -> dict[str, Any]:
        path = f"/v1/datasets/{self.dataset}/ground-truth:import?format=ndjson"
        return await self.stand.post(path, content=ndjson(*lines))

    async def said(self, job: dict[str, Any]) -> list[Any]:
        """What an import said of predictions."""
        events = [event.predictions_upserted for event in await self.stand.events(PREDICTIONS)]
        return [said for said in events if said.import_id == job["job"]]

    async def truths(self, job: dict[str, Any]) -> dict[str, Any]:
        events = [event.ground_truth_replaced for event in await self.stand.events(GROUND_TRUTH)]
        return {said.global_key: said for said in events if said.import_id == job["job"]}


@pytest.fixture
async def world(stand: Any) -> World:
    return await World(stand).make()


def told(job: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(each["number"], each["code"], each["where"]) for each in job["rejections"]]


async def test_predictions_in_any_order_with_and_without_uuids(world: World) -> None:
    job = await world.predict(
        line("ü.jpg", confidence=0.5, uuid=UUIDS[0]),
        line("b.jpg", "person", confidence=0),
        line("ü.jpg", "person", (5, 6, 7, 8), uuid=UUIDS[1].upper()),
        line("ü.jpg", confidence=1),
    )
    assert (job["state"], job["accepted"], job["rejected"], job["format"]) == ("FINISHED", 4, 0, "ndjson")
    said = {(each.global_key, bool(each.boxes.uuids)): each.boxes for each in await world.said(job)}
    assert sorted(said) == [("b.jpg", False), ("ü.jpg", False), ("ü.jpg", True)]
    named = said["ü.jpg", True]
    assert np.frombuffer(named.class_ids, "<i4").tolist() == [2, 1]
    assert np.frombuffer(named.boxes, "<f8").reshape(-1, 4).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert [uuid.UUID(bytes=named.uuids[i : i + 16]) for i in (0, 16)] == [uuid.UUID(text) for text in UUIDS[:2]]
    confidence = np.frombuffer(named.confidences, "<f8")
    assert confidence[0] == 0.5
    assert np.isnan(confidence[1]), "absent is not zero"
    assert np.frombuffer(said["b.jpg", False].confidences, "<f8").tolist() == [0]


async def test_the_content_type_says_what_it_is(world: World) -> None:
    path = f"/v1/model-runs/{world.run}/predictions:import"
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    job = await world.stand.post(path, content=gzip.compress(ndjson(line(), line())), headers=headers)
    assert (job["format"], job["accepted"]) == ("ndjson", 2)


BAD: dict[str, tuple[Any, str, str]] = {
    "broken JSON": (b'{"dataRow": {"globalKey": "b.jpg"}', "malformed", "line 2"),
    "no object": (b"[]", "invalid", "line 2"),
    "two on a line": (ndjson(line()) + b" " + ndjson(line()), "malformed", "line 2"),
    "wrong type": (line(confidence="high"), "invalid", "line 2: confidence"),
    "wrong type inside": ({**line(), "bbox": {"top": "1", "left": 1, "height": 1, "width": 1}}, "invalid", "bbox.top"),
    "NaN": (ndjson(line()).replace(b'"left": 1', b'"left": NaN'), "malformed", "line 2"),
    "Infinity": (ndjson(line()).replace(b'"left": 1', b'"left": Infinity'), "malformed", "line 2"),
    "beyond floats": (ndjson(line()).replace(b'"left": 1', b'"left": 1e999'), "", "line 2"),
    "too large": (line(box=(1, 2, 1e300, 1e300)), "out_of_range", "line 2: bbox"),
    "negative size": (line(box=(1, 2, -3, 4)), "negative_size", "line 2: bbox"),
    "confidence above": (line(confidence=1.01), "confidence_out_of_range", "line 2: confidence"),
    "confidence below": (line(confidence=-0.01), "confidence_out_of_range", "line 2: confidence"),
    "unknown class": (line(name="bus"), "unknown_class", "line 2: name"),
    "unknown row": (line("nowhere.jpg"), "unknown_row", "line 2: dataRow.globalKey"),
    "no row": ({**line(), "dataRow": {"id": "ck1"}}, "invalid", "line 2: dataRow"),
    "no class": ({**line(), "name": None}, "invalid", "line 2: name"),
    "another kind": ({"dataRow": {"globalKey": "b.jpg"}, "name": "car", "point": {"x": 1, "y": 2}}, "invalid", ""),
    "no uuid": (line(uuid="7"), "invalid", "line 2: uuid"),
    "duplicate uuid": (line("ü.jpg", uuid=UUIDS[0]), "duplicate_uuid", "line 2: uuid"),
    "long line": (line(custom="x" * (1 << 20)), "line_too_long", "line 2"),
    "empty without replace": ({"dataRow": {"globalKey": "b.jpg"}, "empty": True}, "invalid", "line 2: empty"),
    "control characters": (line("b\x00.jpg"), "name", "line 2: dataRow.globalKey"),
    "not UTF-8": (b'{"dataRow": {"globalKey": "\xff"}}', "malformed", "line 2"),
}


@pytest.mark.parametrize("name", list(BAD))
async def test_a_bad_line_is_told_and_the_others_go_through(world: World, name: str) -> None:
    bad, code, where = BAD[name]
    job = await world.predict(line(uuid=UUIDS[0]), bad, line(uuid=UUIDS[1]))
    assert (job["state"], job["accepted"], job["rejected"]) == ("FINISHED", 2, 1)
    (rejection,) = job["rejections"]
    assert rejection["number"] == 2
    assert code in rejection["code"]
    assert where in rejection["where"]
    assert sum(each.boxes.count for each in await world.said(job)) == 2
    if isinstance(bad, dict) and bad.get("uuid") in UUIDS:
        assert rejection["uuid"] == bad["uuid"]


async def test_a_row_of_another_dataset_is_unknown(world: World) -> None:
    post = world.stand.post
    ontology = (await post("/v1/ontologies", {"name": "o2", "classes": [{"name": "car"}]}))["ontology_id"]
    other = (await post("/v1/datasets", {"name": "d2", "ontology_id": ontology}))["dataset_id"]
    await post(f"/v1/datasets/{other}/data-rows:import", content=ndjson({"global_key": "theirs.jpg"}))
    job = await world.predict(line("theirs.jpg"), line())
    assert told(job) == [(1, "unknown_row", "line 1: dataRow.globalKey")]
    assert "data-rows:import" in job["rejections"][0]["message"]


async def test_odd_boxes_are_kept_as_they_are_with_a_warning(world: World) -> None:
    boxes = [(1, 2, 0, 4), (-50, 2, 60, 4), (10_000, 10_000, 5, 5), (639.5, 0, 1, 1)]
    metrics = [{"name": "blur", "value": 0.3}]
    odd = [line(customMetrics=metrics), line(confidance=0.5)]
    job = await world.predict(*(line(box=box) for box in boxes), *odd)
    assert (job["accepted"], job["rejected"]) == (6, 0)
    assert job["warnings"] == {"zero_size": 1, "outside_picture": 2, "not_kept": 1, "unknown_fields": 1}
    kept = np.concatenate([np.frombuffer(said.boxes.boxes, "<f8") for said in await world.said(job)])
    assert kept.reshape(-1, 4)[:4].tolist() == [list(box) for box in boxes]


async def test_replace_speaks_of_the_rows_that_the_file_names(world: World) -> None:
    empty = {"dataRow": {"globalKey": "ü.jpg"}, "empty": True}
    job = await world.predict(
        empty, line("b.jpg"), line("b.jpg", name="bus"), line("a/a.jpg", name="bus"), mode="replace"
    )
    said = {each.global_key: each for each in await world.said(job)}
    assert {key: each.boxes.count for key, each in said.items()} == {"b.jpg": 1, "ü.jpg": 0}
    assert all(each.mode == 2 for each in said.values())
    assert (job["accepted"], job["rejected"]) == (2, 2), "a row of which no line is right keeps what it had"


async def test_rows_make_themselves_where_the_run_lets_them(stand: Any) -> None:
    world = await World(stand).make(accepts_new_rows=True)
    job = await world.predict(line("new/1.jpg"), line("b.jpg"), line("new/2.jpg", "bus"), line("new/1.jpg"))
    assert told(job) == [(3, "unknown_class", "line 3: name")]
    made = [event.data_row_upserted for event in await stand.events(DATA_ROWS)]
    made = [row for row in made if row.only_new]
    assert [row.global_key for row in made] == ["new/1.jpg"]
    assert {each.global_key: each.boxes.count for each in await world.said(job)} == {"new/1.jpg": 2, "b.jpg": 1}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(ndjson(*[line()] * 3000))[:-20], "cut off"),
        (b"no gzip at all", "not gzip"),
    ],
)
async def test_a_broken_upload_says_how_far_it_was_taken(world: World, body: bytes, said: str) -> None:
    answer = await world.stand.http.post(
        f"{world.predictions_path}&mode=replace", content=body, headers={"Content-Encoding": "gzip"}
    )
    problem = answer.json()
    assert (answer.status_code, problem["state"]) == (422, "FAILED")
    assert said in problem["detail"]
    assert (await world.predict(line(), mode="replace"))["accepted"] == 1, "the run is free again"


async def test_a_key_belongs_to_one_file(world: World) -> None:
    async def send(body: bytes, query: str = "", **more: str) -> tuple[int, dict[str, Any]]:
        headers = {"Idempotency-Key": "k1", **more}
        answer = await world.stand.http.post(f"{world.predictions_path}{query}", content=body, headers=headers)
        return answer.status_code, answer.json()

    file = ndjson(line(), line("ü.jpg"))
    first = await send(file)
    assert first[0] == 200
    assert await send(file) == first
    assert await send(gzip.compress(file), **{"Content-Encoding": "gzip"}) == first, "packed is the same file"
    others = [(ndjson(line()), ""), (file + b"\n", ""), (b"", ""), (b"PK\x03\x04", ""), (file, "&mode=replace")]
    for body, query in others:
        status, problem = await send(body, query)
        assert (status, problem["type"].rpartition("/")[2]) == (422, "idempotency-key-reused")
    assert len(await world.said(first[1])) == 2


async def test_a_key_of_an_import_that_failed_is_compared_as_far_as_it_was_read(world: World) -> None:
    whole = ndjson(*[line()] * 3000)
    broken = gzip.compress(whole)[:-20]
    headers = {"Idempotency-Key": "k2", "Content-Encoding": "gzip"}
    first = await world.stand.http.post(world.predictions_path, content=broken, headers=headers)
    assert first.json()["state"] == "FAILED"
    again = await world.stand.http.post(world.predictions_path, content=broken, headers=headers)
    assert (again.status_code, again.json()["job"]) == (422, first.json()["job"])
    other = gzip.compress(ndjson(line("ü.jpg")))
    refused = await world.stand.http.post(world.predictions_path, content=other, headers=headers)
    assert refused.json()["type"].endswith("/idempotency-key-reused")


async def test_a_gzip_bomb_stops_at_the_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.rest.imports.unpacking", _limited(5 << 20))
    bomb = gzip.compress(b"\n" * (200 << 20), 1)
    answer = await world.stand.http.post(world.predictions_path, content=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 422
    assert "larger than 5,242,880 bytes" in answer.json()["detail"]


def _limited(limit: int) -> Any:
    from services.ingest.importing.uploads import unpacking

    return lambda body, encoding, _limit: unpacking(body, encoding, limit)


async def test_an_upload_that_stands_still_is_ended_and_holds_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest.rest.imports.in_time", lambda chunks, _seconds: in_time(chunks, 0.2))

    async def body() -> AsyncIterator[bytes]:
        yield ndjson(line())
        await asyncio.Event().wait()

    for path in (world.predictions_path, f"/v1/datasets/{world.dataset}/ground-truth:import?format=ndjson"):
        answer = await world.stand.http.post(path, content=body())
        problem = answer.json()
        assert (answer.status_code, problem["state"], problem["accepted"]) == (408, "FAILED", 0)
        assert problem["detail"] == "nothing of the upload came for 0.2 s; nothing counts: send the file again"
    await world.stand.post(f"/v1/datasets/{world.dataset}/versions:commit", {})
    inspected = await world.stand.http.post("/v1/ground-truth:inspect", content=body())
    assert (inspected.status_code, inspected.json()["type"].rpartition("/")[2]) == (408, "upload-idle")


async def test_an_import_stops_when_its_run_is_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.importing.jobs.RENEW_SECONDS", 0.05)
    gone = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield ndjson(line()) + b"\n"
        await gone.wait()
        await asyncio.sleep(0.5)
        yield ndjson(line())

    upload = asyncio.create_task(world.stand.http.post(world.predictions_path, content=body()))
    while not await world.stand.store.find(Read("imports", {"state": "RUNNING", "run_id": world.run})):
        await asyncio.sleep(0.02)
    assert (await world.stand.http.delete(f"/v1/model-runs/{world.run}")).is_success
    gone.set()
    answer = await upload
    assert (answer.status_code, answer.json()["state"]) == (409, "FAILED"), answer.text
    assert "delete" in answer.json()["detail"]
    said = [event.predictions_upserted.run_id for event in await world.stand.events(PREDICTIONS)]
    assert world.run not in said, "nothing is written for it any more"


# ---- what becomes of predictions


@pytest.fixture
async def measuring(stand: Any) -> AsyncIterator[None]:
    log, store = stand.log, stand.store
    parts = [rows_loop(log, store, ROW_PARTITIONS), RunsLoop(log, store, Columns(store, 1 << 28), ROW_PARTITIONS)]
    tasks = [asyncio.create_task(part.run()) for part in parts]
    yield
    for part in parts:
        await part.stop()
    await asyncio.gather(*tasks)


@pytest.mark.usefixtures("measuring")
@pytest.mark.parametrize("seed", [1, 2])
async def test_ties_go_by_the_upload_where_some_have_uuids(stand: Any, seed: int) -> None:
    truth, results = coco(seed, images=12, classes=3)
    dice = random.Random(seed)
    for each in results:
        each["score"] = dice.choice([0.25, 0.5, 0.75])
    dice.shuffle(results)
    for category in truth["categories"]:
        category["name"] = f"class {category['id']}"
    for image in truth["images"]:
        image["file_name"] = f"{image['id']}.jpg"
    classes = [{"name": category["name"]} for category in truth["categories"]]
    ontology = (await stand.post("/v1/ontologies", {"name": "o", "classes": classes}))["ontology_id"]
    dataset = (await stand.post("/v1/datasets", {"name": "d", "ontology_id": ontology}))["dataset_id"]
    await stand.post(f"/v1/datasets/{dataset}/ground-truth:import?format=coco", truth)
    model = (await stand.post("/v1/models", {"name": "m", "ontology_id": ontology}))["model_id"]
    run = (await stand.post("/v1/model-runs", {"name": "r", "model_id": model, "dataset_id": dataset}))["run_id"]
    lines = [
        line(
            f"{each['image_id']}.jpg",
            f"class {each['category_id']}",
            each["bbox"],
            confidence=each["score"],
            **({"uuid": str(uuid.UUID(int=n))} if dice.random() < 0.5 else {}),
        )
        for n, each in enumerate(results, 1)
    ]
    path = f"/v1/model-runs/{run}/predictions:import?format=ndjson"
    job = await stand.post(path, content=ndjson(*lines))
    assert (job["accepted"], job["rejected"]) == (len(results), 0)
    summary: dict[str, Any] = {}
    async with asyncio.timeout(60):
        while summary.get("predictions") != len(results):
            await asyncio.sleep(0.05)
            summary = await stand.store.get("run_summaries", f"default/{run}") or {}
    for name, value in oracle.twelve(oracle.evaluated(truth, results)).items():
        assert summary["coco"][name] == (None if value is None else pytest.approx(value, abs=1e-9)), name


# ---- deletion


@pytest.mark.usefixtures("measuring")
async def test_predictions_are_deleted_by_uuid(world: World) -> None:
    keys = ["b.jpg", "b.jpg", "ü.jpg", "ü.jpg", "a/a.jpg"]
    await world.predict(*(line(key, uuid=id) for key, id in zip(keys, UUIDS, strict=False)))
    names = [
        {"uuid": UUIDS[4]},
        {"dataRow": {"globalKey": "b.jpg"}, "uuid": UUIDS[0].upper()},
        {"uuid": UUIDS[8]},
        {"uuid": UUIDS[2]},
        {"dataRow": {"globalKey": "nowhere.jpg"}, "uuid": UUIDS[1]},
        {"uuid": "seven"},
        b"{",
    ]
    path = f"/v1/model-runs/{world.run}/predictions:delete"
    job = await world.stand.post(path, content=ndjson(*names))
    assert (job["state"], job["accepted"], job["rejected"]) == ("FINISHED", 3, 4)
    assert sorted(told(job)) == [
        (3, "unknown_uuid", "line 3: uuid"),
        (5, "unknown_row", "line 5: dataRow.globalKey"),
        (6, "invalid", "line 6: uuid"),
        (7, "malformed", "line 7"),
    ]
    left: set[str] = set()
    for _ in range(200):
        rows = await world.stand.store.find(Read("run_rows", {"run_id": world.run}))
        stored = b"".join(row["uuids"] for row in rows)
        left = {str(uuid.UUID(bytes=stored[i : i + 16])) for i in range(0, len(stored), 16)}
        if len(left) == 2:
            break
        await asyncio.sleep(0.05)
    assert left == {UUIDS[1], UUIDS[3]}


async def test_rows_that_a_run_may_make_need_not_be_known(stand: Any) -> None:
    world = await World(stand).make(accepts_new_rows=True)
    path = f"/v1/model-runs/{world.run}/predictions:delete"
    names = [{"dataRow": {"globalKey": key}, "uuid": UUIDS[0]} for key in ("new.jpg", "")]
    job = await stand.post(path, content=ndjson(*names))
    assert (job["accepted"], told(job)) == (1, [(2, "unknown_row", "line 2: dataRow.globalKey")])
    (taken,) = [e.predictions_deleted for e in await stand.events(PREDICTIONS) if e.HasField("predictions_deleted")]
    assert (taken.global_key, taken.uuids) == ("new.jpg", uuid.UUID(UUIDS[0]).bytes)
    assert not any(e.data_row_upserted.global_key == "new.jpg" for e in await stand.events(DATA_ROWS))


async def test_a_sealed_run_gives_nothing_back(world: World) -> None:
    await world.stand.post(f"/v1/model-runs/{world.run}:seal", {})
    answer = await world.stand.http.post(
        f"/v1/model-runs/{world.run}/predictions:delete", content=ndjson({"uuid": UUIDS[0]})
    )
    assert answer.status_code == 409


# ---- truth


async def test_truth_is_grouped_over_the_whole_upload(world: World) -> None:
    empty = {"dataRow": {"globalKey": "a/a.jpg"}, "empty": True}
    job = await world.truth(line("ü.jpg"), line("b.jpg", "person", (5, 6, 7, 8)), empty, line("ü.jpg", "person"))
    assert (job["state"], job["accepted"], job["rejected"]) == ("FINISHED", 4, 0)
    truths = await world.truths(job)
    assert {key: (said.ordinal, said.boxes.count) for key, said in truths.items()} == {
        "a/a.jpg": (0, 0),
        "b.jpg": (1, 1),
        "ü.jpg": (2, 2),
    }
    both = truths["ü.jpg"].boxes
    assert np.frombuffer(both.class_ids, "<i4").tolist() == [2, 1], "in the order of the file"
    assert np.frombuffer(both.areas, "<f8").tolist() == [12, 12]
    assert np.frombuffer(both.annotation_ids, "<i8").tolist() == [1, 2]


async def test_an_import_is_called_as_its_client_says(world: World) -> None:
    path = f"/v1/datasets/{world.dataset}/ground-truth:import?format=ndjson"
    job = await world.stand.post(f"{path}&name=époque 12.ndjson", content=ndjson(line()))
    assert job["name"] == "époque 12.ndjson"
    assert (await world.truth(line()))["name"] is None
    for name in ("x" * 201, "a%0Ab"):
        assert (await world.stand.http.post(f"{path}&name={name}", content=ndjson(line()))).status_code == 422


async def test_areas_and_crowds_of_truth(world: World) -> None:
    job = await world.truth(line(area=11.5, iscrowd=1), line(), line(iscrowd=2), line("ü.jpg", area=0))
    assert told(job) == [(3, "invalid", "line 3: iscrowd"), *((n, "row_withheld", f"line {n}") for n in (1, 2))]
    job = await world.truth(line(area=11.5, iscrowd=1), line(), line("ü.jpg", area=0))
    assert (job["accepted"], job["warnings"]["unknown_fields"]) == (3, 0)
    columns = {key: (said.boxes.areas, said.boxes.crowds) for key, said in (await world.truths(job)).items()}
    assert {key: (np.frombuffer(areas).tolist(), [*crowds]) for key, (areas, crowds) in columns.items()} == {
        "b.jpg": ([11.5, 12], [1, 0]),
        "ü.jpg": ([0], [0]),
    }


async def test_rows_that_the_truth_does_not_name_keep_theirs(world: World) -> None:
    await world.truth(*(line(key) for key in KEYS))
    await world.truth(line("b.jpg", "person"))
    await world.stand.post(f"/v1/datasets/{world.dataset}/versions:commit", {})
    for key in KEYS:
        row = await world.stand.store.get("data_rows", f"default/{world.dataset}/{key}")
        assert [(each["from"], each["to"]) for each in row["labelled"]] == [(1, None)]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (line("b.jpg", box=(1, 2, -3, 4)), "negative_size"),
        (line("b.jpg", "bus"), "unknown_class"),
        (ndjson(line("b.jpg"))[:-1], "malformed"),
        (line("b.jpg", uuid=UUIDS[0]), "duplicate_uuid"),
        (line("b.jpg", x="x" * (1 << 20)), "line_too_long"),
        ({"dataRow": {"globalKey": "b.jpg"}, "name": "car", "polygon": []}, "invalid"),
        ({"relations": [{"globalKey": "a/a.jpg"}]} | line("b.jpg", box=(1, 2, -3, 4)), "negative_size"),
        (b'{"dataRow": {"globalKey": "b.jpg"}, "name": "car", "\xff": 1}', "malformed"),
    ],
)
async def test_a_row_with_a_rejected_line_keeps_its_truth(world: World, bad: Any, code: str) -> None:
    job = await world.truth(line("ü.jpg", uuid=UUIDS[0]), line("b.jpg"), bad)
    assert (job["accepted"], job["rejected"]) == (1, 2)
    assert sorted((number, code) for number, code, _ in told(job)) == [(2, "row_withheld"), (3, code)]
    assert list(await world.truths(job)) == ["ü.jpg"]


@pytest.mark.parametrize("bad", [b"{", b'{"dataRow": {"id": "b.jpg"}, "name": "car"}', b'{"dataRow": {"globalK'])
async def test_a_rejected_line_of_which_nobody_can_tell_the_row_is_warned_of(world: World, bad: bytes) -> None:
    job = await world.truth(line("b.jpg"), bad, bad)
    assert (job["accepted"], job["rejected"]) == (1, 2)
    assert job["warnings"]["rows_may_be_incomplete"] == 2
    assert (await world.truth(line("b.jpg"), line("b.jpg", box=(1, 2, -3, 4))))["warnings"][
        "rows_may_be_incomplete"
    ] == 0


async def test_a_row_is_not_empty_and_annotated_at_once(world: World) -> None:
    job = await world.truth({"dataRow": {"globalKey": "b.jpg"}, "empty": True}, line("b.jpg"), line("ü.jpg"))
    assert [(number, code) for number, code, _ in told(job)] == [(1, "not_empty"), (2, "not_empty")]
    assert list(await world.truths(job)) == ["ü.jpg"]


async def test_truth_of_a_row_that_is_not_there_says_how_to_make_it(world: World) -> None:
    job = await world.truth(line("nowhere.jpg"), line("b.jpg"))
    assert told(job) == [(1, "unknown_row", "line 1: dataRow.globalKey")]
    assert "data-rows:import" in job["rejections"][0]["message"]


async def test_much_truth_goes_through_a_file_and_large_rows_in_chunks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest.importing.truth.ANNOTATIONS_PER_EVENT", 400)
    monkeypatch.setattr("services.ingest.importing.ndjson_truth.KEEP_IN_MEMORY", 1000)
    lines = [line(KEYS[n % 3], box=(n, 0, 1, 1)) for n in range(3000)]
    job = await world.truth(*lines)
    assert job["accepted"] == 3000
    events = [e.ground_truth_replaced for e in await world.stand.events(GROUND_TRUTH)]
    for place, key in enumerate(KEYS):
        chunks = sorted((e for e in events if e.global_key == key), key=lambda e: e.chunk)
        assert [(e.chunk, e.chunks) for e in chunks] == [(n, 3) for n in range(3)]
        left = np.concatenate([np.frombuffer(e.boxes.boxes, "<f8").reshape(-1, 4)[:, 0] for e in chunks])
        assert left.tolist() == list(range(place, 3000, 3))


async def test_a_truth_that_breaks_off_changes_nothing(world: World) -> None:
    path = f"/v1/datasets/{world.dataset}/ground-truth:import?format=ndjson"
    body = gzip.compress(ndjson(*[line()] * 1000))[:-9]
    answer = await world.stand.http.post(path, content=body, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 422
    assert [event for event in await world.stand.events(GROUND_TRUTH) if not event.HasField("marker")] == []
