"""Changes through two ingest processes at once: one order, whichever of them is asked."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx
import pytest

from tests.integration.ingest.conftest import Stand
from tests.integration.ingest.test_changes import Things, slug, stored

NAMES = ("a", "b", "c")
SEEDS = (1, 2, 3)


def ndjson(lines: Iterable[Any]) -> bytes:
    return b"\n".join(json.dumps(line).encode() for line in lines)


@pytest.mark.timeout(120)
async def test_a_deletion_through_both_at_once_is_done_once(stand: Stand) -> None:
    things = await Things(stand.http).make()
    async with stand.another() as other:
        for n in range(5):
            run = await things.run(name=f"r{n}")
            answers = await asyncio.gather(*(http.delete(f"/v1/model-runs/{run}") for http in (stand.http, other)))
            assert sorted(answer.status_code for answer in answers) == [200, 404]


@pytest.mark.timeout(120)
async def test_names_change_hands_in_one_order(stand: Stand) -> None:
    """Both ask for the same names at once: each name has one thing, and every answer is true of some order."""
    things = await Things(stand.http).make()
    async with stand.another() as other:
        runs = [await things.run(name=f"r{n}") for n in range(4)]
        for seed in SEEDS:
            chance = random.Random(seed)
            asked = [(chance.choice((stand.http, other)), run, chance.choice(NAMES)) for run in runs for _ in range(3)]
            answers = await asyncio.gather(
                *(http.patch(f"/v1/model-runs/{run}", json={"name": name}) for http, run, name in asked)
            )
            assert {slug(answer) for answer in answers if not answer.is_success} <= {(409, "name-taken")}
            left = [(await stored(stand, "model_runs", run))["name"] for run in runs]
            assert len(set(left)) == len(runs)
            granted = {(answer.json()["run_id"], answer.json()["name"]) for answer in answers if answer.is_success}
            for run, name in zip(runs, left, strict=True):
                assert (run, name) in granted or all(run != renamed for renamed, _ in granted)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", SEEDS)
async def test_changes_of_a_row_lose_nothing(stand: Stand, seed: int) -> None:
    """Each process changes a field of its own: both are kept, in whatever order they came."""
    things = await Things(stand.http).make()
    chance = random.Random(seed)
    rows = f"/v1/datasets/{things.dataset}/data-rows"
    async with stand.another() as other:
        asked = [(stand.http, "width", chance.randint(1, 99)), (other, "height", chance.randint(1, 99))]
        for _ in range(5):
            chance.shuffle(asked)
            answers = await asyncio.gather(
                *(http.patch(f"{rows}/2.jpg", json={field: value}) for http, field, value in asked)
            )
            for answer, (_, field, value) in zip(answers, asked, strict=True):
                assert answer.json()[field] == value
            row = await stored(stand, "data_rows", things.dataset, "2.jpg")
            assert all(row[field] == value for _, field, value in asked)


@pytest.mark.timeout(120)
async def test_a_row_that_both_make_is_one_of_theirs(stand: Stand) -> None:
    things = await Things(stand.http).make()
    rows = f"/v1/datasets/{things.dataset}/data-rows"

    async def make(http: httpx.AsyncClient, key: str, width: int) -> httpx.Response:
        asked: dict[str, Any] = {"global_key": key, "width": width}
        return await http.post(rows, json=asked)

    async with stand.another() as other:
        for n in range(5):
            answers = await asyncio.gather(make(stand.http, f"k{n}", 1), make(other, f"k{n}", 2))
            made, refused = sorted(answers, key=lambda answer: answer.status_code)
            assert (made.status_code, slug(refused)) == (201, (409, "name-taken"))
            assert (await stored(stand, "data_rows", things.dataset, f"k{n}"))["width"] == made.json()["width"]


@pytest.mark.timeout(120)
async def test_a_row_that_one_deletes_while_the_other_changes_it(stand: Stand) -> None:
    """Whatever the order, the row that is left has nothing of the time before its deletion."""
    things = await Things(stand.http).make()
    rows = f"/v1/datasets/{things.dataset}/data-rows"
    async with stand.another() as other:
        for n in range(5):
            asked = {"global_key": f"k{n}", "width": 7, "metadata": {"old": True}}
            await things.post(rows, asked)
            deleted, changed = await asyncio.gather(
                stand.http.delete(f"{rows}/k{n}"), other.patch(f"{rows}/k{n}", json={"height": 9})
            )
            assert deleted.status_code == 200
            assert changed.status_code in (200, 404)
            row = await stored(stand, "data_rows", things.dataset, f"k{n}")
            assert row == {} or (row["height"], row["width"], row["metadata"]) == (9, None, {})


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", ["data-rows", "ground-truth"])
async def test_many_rows_go_through_both_at_once(stand: Stand, what: str) -> None:
    """Each takes the draft for a moment: they wait for each other, and only another import that is open is refused."""
    things = await Things(stand.http).make()
    dataset = f"/v1/datasets/{things.dataset}"
    keys = [f"k{n}" for n in range(20)]
    box = {"left": 1, "top": 2, "width": 3, "height": 4}
    lines = [{"dataRow": {"globalKey": key}, "name": "car", "bbox": box} for key in keys]
    await stand.post(f"{dataset}/data-rows:import", content=ndjson({"global_key": key} for key in keys))
    await stand.post(f"{dataset}/ground-truth:import?format=ndjson", content=ndjson(lines))
    async with stand.another() as other:
        turns = zip(keys, itertools.cycle((stand.http, other)), strict=False)
        answers = await asyncio.gather(*(http.delete(f"{dataset}/{what}/{key}") for key, http in turns))
        assert [answer.text for answer in answers if answer.status_code != 200] == []
        gone = await asyncio.gather(*(http.delete(f"{dataset}/{what}/k0") for http in (stand.http, other)))
        assert [slug(answer) for answer in gone] == [(404, "not-found")] * 2

        ended = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield ndjson(lines)[:50]
            await ended.wait()

        upload = asyncio.create_task(other.post(f"{dataset}/ground-truth:import?format=coco", content=body()))
        while not (open_imports := (await stored(stand, "datasets", things.dataset))["open_imports"]):
            await asyncio.sleep(0.01)
        refused = await stand.http.delete(f"{dataset}/{what}/2.jpg")
        assert slug(refused) == (409, "import-open")
        assert (refused.json()["existing_id"], refused.headers["Retry-After"]) == (open_imports[0], "2")
        assert f"(format coco): try again when it has ended; GET /v1/imports/{open_imports[0]}" in refused.text
        ended.set()
        await upload


@pytest.mark.timeout(120)
async def test_a_deletion_that_is_sent_again_while_it_runs_is_answered_alike(stand: Stand) -> None:
    things = await Things(stand.http).make()
    path, headers = f"/v1/datasets/{things.dataset}/data-rows/2.jpg", {"Idempotency-Key": "k"}
    answers = await asyncio.gather(*(stand.http.delete(path, headers=headers) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.text for answer in answers}) == 1
