"""All predictions of a run at once: lines that say what is stored, COCO results, one moment, little memory."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import Any

import msgspec
import numpy as np
import pytest

from services.common.documents import DeleteMany, Replace
from services.common.readmodel.collections import under
from services.common.readmodel.mongo import ReadModel
from services.query.bulk.predictions import predictions
from services.query.bulk.wanted import Wanted
from services.query.reads import Reads
from sightline.formats.labelbox import AnnotationReader
from tests.integration.query.conftest import Api, opened
from tests.integration.query.world import DATASET, World
from tests.unit.evaluation.oracle import evaluated, twelve

PATH = "/v1/model-runs/run_1/predictions"
TRUTH = f"/v1/datasets/{DATASET}/ground-truth"

on_shared = pytest.mark.asyncio(loop_scope="session")


async def lines(api: Api, path: str = PATH, **asked: Any) -> list[dict[str, Any]]:
    answer = await api.client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def said(world: World) -> set[tuple[Any, ...]]:
    names = {image["id"]: image["file_name"] for image in world.truth["images"]}
    classes = {category["id"]: category["name"] for category in world.truth["categories"]}
    return {(names[r["image_id"]], classes[r["category_id"]], *r["bbox"], r["score"]) for r in world.results}


def as_said(found: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    order = ("left", "top", "width", "height")
    return {
        (line["dataRow"]["globalKey"], line["name"], *(line["bbox"][side] for side in order), line["confidence"])
        for line in found
    }


@on_shared
async def test_all_that_a_run_says_by_key_and_upload(shared: Api, world: World):
    found = await lines(shared)
    assert len(found) == len(world.results)
    assert as_said(found) == said(world)
    keys = [line["dataRow"]["globalKey"] for line in found]
    assert keys == sorted(keys)
    within = [(line["dataRow"]["globalKey"], line["uuid"]) for line in found]  # the world's uuids are places
    assert within == sorted(within)


@on_shared
async def test_some_of_it(shared: Api, world: World):
    everything = await lines(shared)
    key, name = everything[0]["dataRow"]["globalKey"], everything[0]["name"]
    assert await lines(shared, row=key) == [line for line in everything if line["dataRow"]["globalKey"] == key]
    assert await lines(shared, **{"class": name}) == [line for line in everything if line["name"] == name]
    confident = await lines(shared, min_confidence=0.6)
    assert confident == [line for line in everything if line["confidence"] >= 0.6]
    assert await lines(shared, split="validation") == everything
    assert await lines(shared, split=["test", "training"]) == []
    assert await lines(shared, row="none") == []


@on_shared
async def test_what_is_refused(shared: Api):
    assert await shared.refused("/v1/model-runs/none/predictions") == (404, "not-found")
    assert await shared.refused(PATH, **{"class": "none"}) == (422, "unknown-class")
    assert await shared.refused(PATH, min_confidence=2) == (422, "invalid-request")
    assert await shared.refused(PATH, split="none") == (422, "invalid-request")
    assert await shared.refused(PATH, format="none") == (422, "invalid-request")
    assert await shared.refused("/v1/datasets/none/ground-truth") == (404, "not-found")
    assert await shared.refused(TRUTH, version=9) == (404, "not-found")


async def test_a_prediction_without_confidence_has_none_and_counts_as_1(store: ReadModel, world: World):
    await world.store(store)
    row = next(row for row in world.rows()["run_rows"] if row["count"])
    nothing = np.full(row["count"], np.nan).tobytes()
    await store.write([Replace("run_rows", {**row, "confidences": nothing})])
    async with opened(store) as api:
        found = await lines(api, row=row["global_key"], min_confidence=1)
        assert [line.get("confidence") for line in found] == [None] * row["count"]
        answer = await api.client.get(PATH, params={"row": row["global_key"], "format": "coco"})
        assert {each["score"] for each in answer.json()} == {1.0}


async def test_rows_without_predictions_are_named_if_asked_for(store: ReadModel, world: World):
    await world.store(store)
    row = {**next(row for row in world.rows()["run_rows"] if row["count"]), "count": 0}
    row |= dict.fromkeys(("class_ids", "boxes", "confidences", "places", "uuids"), b"")
    await store.write([Replace("run_rows", row)])
    async with opened(store) as api:
        found = [line for line in await lines(api, empty=True) if "bbox" not in line]
        assert found == [{"dataRow": {"globalKey": row["global_key"]}, "empty": True}]
        keys = [line["dataRow"]["globalKey"] for line in await lines(api, empty=True)]
        assert keys == sorted(keys)
        assert all("bbox" in line for line in await lines(api))


@on_shared
@pytest.mark.parametrize(
    ("accepted", "packed"), [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("identity", False)]
)
async def test_it_is_packed_for_who_takes_that(shared: Api, accepted: str, packed: bool):
    request = shared.client.build_request("GET", PATH, headers={"Accept-Encoding": accepted})
    answer = await shared.client.send(request, stream=True)
    raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert answer.headers["vary"] == "Accept-Encoding"
    text = gzip.decompress(raw) if packed else raw
    assert text == (await shared.client.get(PATH)).content


@on_shared
async def test_truth_as_lines_with_what_boxes_do_not_say(shared: Api, world: World):
    found = await lines(shared, TRUTH, version=1)
    labelled = {image["file_name"] for image in world.truth["images"]}
    assert {line["dataRow"]["globalKey"] for line in found} == labelled
    boxes = [line for line in found if "bbox" in line]
    keys = [line["dataRow"]["globalKey"] for line in found]
    assert keys == sorted(keys)
    assert len(boxes) == len(world.truth["annotations"])
    assert sum(line.get("iscrowd", 0) for line in boxes) == sum(a["iscrowd"] for a in world.truth["annotations"])
    areas = sorted(line.get("area", line["bbox"]["width"] * line["bbox"]["height"]) for line in boxes)
    assert areas == sorted(annotation["area"] for annotation in world.truth["annotations"])
    reader = AnnotationReader(truth=True)
    read = [*reader.feed(b"\n".join(map(msgspec.json.encode, found))), *reader.finish()]
    assert (sum(map(len, read)), sum(block.unknown_fields for block in read)) == (len(boxes), 0)


async def test_coco_files_are_what_pycocotools_takes_for_the_same(store: ReadModel, world: World):
    await world.store(store)
    dataset = await store.get("datasets", f"default/{DATASET}")
    version = await store.get("dataset_versions", f"default/{DATASET}/1")
    assert dataset is not None
    assert version is not None
    categories = {str(category): number for category, number in world.class_ids.items()}
    await store.write([Replace("dataset_versions", {**version, "categories": categories})])
    async with opened(store) as api:
        truth = await api.get(TRUTH, format="coco", version=1)
        results = (await api.client.get(PATH, params={"format": "coco"})).json()
    assert twelve(evaluated(truth, results)) == pytest.approx(world.evaluation.coco, abs=1e-9)
    for listed, name in (("images", "file_name"), ("categories", "name")):
        assert {(each["id"], each[name]) for each in truth[listed]} == {
            (each["id"], each[name]) for each in world.truth[listed]
        }
    ids = [each["id"] for each in truth["annotations"]]
    assert sorted(ids) == sorted(each["id"] for each in world.truth["annotations"])


async def test_what_has_no_number_of_its_own_gets_one(store: ReadModel, world: World):
    await world.store(store)
    rows = sorted(world.rows()["truths"], key=lambda row: row["global_key"])
    unnumbered = [row["global_key"] for row in rows[::3]]
    ids = {row["_id"]: np.arange(1, row["count"] + 1).tobytes() for row in rows}  # as an upload of lines leaves them
    await store.write([Replace("truths", {**row, "annotation_ids": ids[row["_id"]]}) for row in rows])
    await store.write([Replace("truths", {**row, "ordinal": None}) for row in rows[::3]])
    async with opened(store) as api:
        truth = await api.get(TRUTH, format="coco")
        results = (await api.client.get(PATH, params={"format": "coco"})).json()
        one = await api.get(TRUTH, format="coco", row=unnumbered[-1])
        async with api.sources.columns.run("default", "run_1") as view:
            order = view.rows
    numbers = {image["file_name"]: image["id"] for image in truth["images"]}
    assert sorted(numbers, key=numbers.__getitem__) == list(order)
    assert [image["id"] for image in one["images"]] == [numbers[unnumbered[-1]]]
    assert {each["image_id"] for each in results} <= {*numbers.values()}
    assert len({each["id"] for each in truth["annotations"]}) == len(world.truth["annotations"])
    assert min(each["id"] for each in truth["annotations"]) == 1


async def test_what_is_said_of_unlabelled_rows_is_in_no_coco_file(store: ReadModel, world: World):
    await world.store(store)
    row = next(row for row in world.rows()["run_rows"] if row["count"])
    await store.write([DeleteMany("truths", {"row": row["row"]})])
    async with opened(store) as api:
        results = (await api.client.get(PATH, params={"format": "coco"})).json()
        assert len(results) == len(world.results) - row["count"]
        assert len(await lines(api)) == len(world.results)


async def test_a_run_that_is_deleted_meanwhile_is_read_to_its_end(store: ReadModel, world: World):
    await world.store(store)
    await many_rows(store, world, 450, 3)
    pieces = predictions(Reads(store), "run_2", Wanted(), "ndjson")
    found = [await anext(pieces)]
    await store.write([DeleteMany("run_rows", under_run("run_2")), DeleteMany("model_runs", {"run_id": "run_2"})])
    found += [piece async for piece in pieces]
    assert b"".join(found).count(b"\n") == 450 * 3


async def test_a_large_run_takes_little_memory(store: ReadModel, world: World):
    await world.store(store)
    await many_rows(store, world, 2_000, 100)
    tracemalloc.start()
    try:
        size = 0
        async for piece in predictions(Reads(store), "run_2", Wanted(), "ndjson"):
            size += len(piece)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 40_000_000
    assert most < 20_000_000


async def many_rows(store: ReadModel, world: World, rows: int, each: int) -> None:
    """Another run, `run_2`, of many rows."""
    row = next(row for row in world.rows()["run_rows"] if row["count"])
    random = np.random.default_rng(1)
    columns = {
        "count": each,
        "class_ids": np.ones(each, "<i4").tobytes(),
        "boxes": random.random((each, 4)).tobytes(),
        "confidences": random.random(each).tobytes(),
        "places": np.arange(each, dtype="<i4").tobytes(),
        "uuids": random.bytes(16 * each),
    }
    documents = (
        {**row, **columns, "_id": f"default/run_2/{n:06}", "run_id": "run_2", "global_key": f"{n:06}"}
        for n in range(rows)
    )
    await store.write([Replace("model_runs", world.run_document("run_2", "second", 1))])
    await store.write([Replace("run_rows", document) for document in documents])


def under_run(run_id: str) -> dict[str, Any]:
    return {"_id": under("default", run_id)}
