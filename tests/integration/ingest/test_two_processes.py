"""Two ingest processes at once: one catalog, whichever of them is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.integration.ingest.conftest import Stand

CLASSES = [{"name": "car"}]
ROUNDS = 5


@asynccontextmanager
async def both(stand: Stand) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    async with stand.another() as other:
        yield stand.http, other


async def post_to_both(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient], path: str, json: Any, **more: Any
) -> list[httpx.Response]:
    return list(await asyncio.gather(*(client.post(path, json=json, **more) for client in clients)))


@pytest.mark.timeout(120)
async def test_a_name_through_both_at_once_is_made_once(stand: Stand) -> None:
    async with both(stand) as clients:
        for n in range(ROUNDS):
            answers = await post_to_both(clients, "/v1/ontologies", {"name": f"o{n}", "classes": CLASSES})
            made, taken = sorted(answers, key=lambda answer: answer.status_code)
            assert (made.status_code, taken.status_code) == (201, 409)
            assert taken.json()["type"].endswith("/name-taken")
            assert taken.json()["existing_id"] == made.json()["ontology_id"]
    assert await stand.store.count("ontologies", {}) == ROUNDS


@pytest.mark.timeout(120)
async def test_a_key_through_both_at_once_is_one_creation(stand: Stand) -> None:
    async with both(stand) as clients:
        for n in range(ROUNDS):
            asked = {"name": f"o{n}", "classes": CLASSES}
            answers = await post_to_both(clients, "/v1/ontologies", asked, headers={"Idempotency-Key": f"k{n}"})
            assert all(answer.is_success for answer in answers), [answer.text for answer in answers]
            assert len({answer.json()["ontology_id"] for answer in answers}) == 1
    assert await stand.store.count("ontologies", {}) == ROUNDS


@pytest.mark.timeout(120)
async def test_what_one_has_made_the_other_knows_at_once(stand: Stand) -> None:
    async with both(stand) as (one, other):
        for n in range(ROUNDS):
            one, other = other, one
            ontology = (await one.post("/v1/ontologies", json={"name": f"o{n}", "classes": CLASSES})).json()
            asked = {"name": f"d{n}", "ontology_id": ontology["ontology_id"]}
            dataset = await other.post("/v1/datasets", json=asked)
            assert dataset.status_code == 201, dataset.text
            rows = f"/v1/datasets/{dataset.json()['dataset_id']}/data-rows:import"
            imported = await one.post(rows, content=b'{"global_key": "a"}\n')
            assert imported.json()["accepted"] == 1, imported.text


@pytest.mark.timeout(120)
async def test_an_import_with_one_key_through_both_at_once_counts_once(stand: Stand) -> None:
    ontology = await stand.post("/v1/ontologies", {"name": "o", "classes": CLASSES})
    dataset = await stand.post("/v1/datasets", {"name": "d", "ontology_id": ontology["ontology_id"]})
    path = f"/v1/datasets/{dataset['dataset_id']}/ground-truth:import"
    truth = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]}],
        "categories": [{"id": 1, "name": "car"}],
    }
    async with both(stand) as clients:
        answers = await post_to_both(clients, path, truth, headers={"Idempotency-Key": "k"})
        # Who comes second finds it running, or how it ended.
        states = sorted((answer.status_code, answer.json().get("state")) for answer in answers)
        assert states[0] == (200, "FINISHED"), states
        assert states[1] in ((200, "FINISHED"), (409, None)), states
        assert await stand.store.count("imports", {}) == 1
        again = await clients[1].post(path, json=truth, headers={"Idempotency-Key": "k"})
        assert (again.status_code, again.json()["state"], again.json()["accepted"]) == (200, "FINISHED", 1)


@pytest.mark.timeout(120)
async def test_a_running_import_of_one_is_left_alone_by_the_reaper_of_the_other(stand: Stand) -> None:
    ontology = await stand.post("/v1/ontologies", {"name": "o", "classes": CLASSES})
    dataset = await stand.post("/v1/datasets", {"name": "d", "ontology_id": ontology["ontology_id"]})
    path = f"/v1/datasets/{dataset['dataset_id']}/data-rows:import"
    go_on = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"global_key": "a"}\n'
        await go_on.wait()
        yield b'{"global_key": "b"}\n'

    upload = asyncio.create_task(stand.http.post(path, content=slowly()))
    while not await stand.store.count("imports", {"state": "RUNNING"}):
        await asyncio.sleep(0.01)
    async with stand.another() as other:  # its reaper looks when it starts
        assert (await other.post("/v1/ontologies", json={"name": "p", "classes": CLASSES})).status_code == 201
        assert await stand.store.count("imports", {"state": "RUNNING"}) == 1
        go_on.set()
        done = await upload
        assert (done.json()["state"], done.json()["accepted"]) == ("FINISHED", 2)
