"""Changes through two ingest processes at once: one order, whichever of them is asked."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx
import pytest

from tests.integration.ingest.conftest import Stand
from tests.integration.ingest.test_changes import Things, slug, stored

NAMES = ("a", "b", "c")
SEEDS = (1, 2, 3)


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
