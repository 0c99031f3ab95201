"""Data rows of a dataset: one by one, in pages, filtered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from services.common.documents import Replace
from services.common.readmodel.mongo import ReadModel
from tests.integration.query.conftest import Api, opened
from tests.integration.query.world import DATASET, World

ROWS = f"/v1/datasets/{DATASET}/data-rows"
IN_FIRST_ONLY = {"from": 1, "to": 2, "ordinal": None, "import_id": None}
IN_ALL = {"from": 1, "to": None, "ordinal": None, "import_id": None}
IN_DRAFT_ONLY = {"from": 2, "to": None, "ordinal": None, "import_id": None}


def row(key: str, split: str = "unassigned", labelled: Any = (), **metadata: Any) -> Replace:
    document = {
        "_id": f"default/{DATASET}/{key}",
        "project_id": "default",
        "dataset_id": DATASET,
        "global_key": key,
        "partition": 0,
        "known": True,
        "ordinal": None,
        "asset_url": "x/ü.png",
        "width": 4,
        "height": 3,
        "split": split,
        "metadata": metadata,
        "labelled": list(labelled),
    }
    return Replace("data_rows", document)


@pytest.fixture
async def api(store: ReadModel, world: World) -> AsyncIterator[Api]:
    await store.write([Replace(name, document) for name, all in world.catalog().items() for document in all])
    await store.write(
        [
            row("a/1", "test", [IN_ALL], light="dusk", n=1, ok=True),
            row("a/2", "test", [IN_FIRST_ONLY], light="day", n=1.5),
            row("a/2/b", "validation", [IN_DRAFT_ONLY], light="dusk", n=1, **{"$where": "1", "a.b": 2}),
            row("b", "training", light=None, big=2**63 - 1),
            row("ü?&/#", labelled=[IN_ALL], light="1"),
        ]
    )
    # Others' rows, and a dataset whose id begins like this one's.
    others = [row("a/1").document, row("a/9").document]
    others[0] = {**others[0], "_id": "other/" + str(others[0]["_id"]), "project_id": "other"}
    others[1] = {**others[1], "_id": f"default/{DATASET}x/a/9", "dataset_id": DATASET + "x"}
    await store.write([Replace("data_rows", document) for document in others])
    async with opened(store) as api:
        yield api


async def keys(api: Api, **asked: Any) -> list[str]:
    return [item["global_key"] for item in await api.pages(ROWS, 2, **asked)]


ALL = ["a/1", "a/2", "a/2/b", "b", "ü?&/#"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ALL),
        ({"q": "a/"}, ALL[:3]),
        ({"q": "a/2"}, ALL[1:3]),
        ({"q": "ü"}, ALL[4:]),
        ({"q": "none"}, []),
        ({"split": "test"}, ALL[:2]),
        ({"labelled": True}, [ALL[0], ALL[2], ALL[4]]),
        ({"labelled": False}, [ALL[1], ALL[3]]),
        ({"labelled": True, "version": 1}, [ALL[0], ALL[1], ALL[4]]),
        ({"labelled": False, "version": 1}, [ALL[2], ALL[3]]),
        ({"labelled": True, "version": 2}, [ALL[0], ALL[2], ALL[4]]),
        ({"metadata.light": "dusk"}, [ALL[0], ALL[2]]),
        ({"metadata.light": "1"}, [ALL[4]]),
        ({"metadata.n": "1"}, [ALL[0], ALL[2]]),
        ({"metadata.n": "1.5"}, [ALL[1]]),
        ({"metadata.ok": "true"}, [ALL[0]]),
        ({"metadata.big": str(2**63 - 1)}, [ALL[3]]),
        ({"metadata.big": str(2**64)}, []),
        ({"metadata.light": "dusk", "metadata.n": "1", "split": "validation"}, [ALL[2]]),
        ({"metadata.light": '{"$ne": 1}'}, []),
        ({"metadata.light": "null"}, []),
    ],
)
async def test_filters(api: Api, asked: dict[str, Any], found: list[str]):
    assert await keys(api, **asked) == found


@pytest.mark.parametrize("key", ["$where", "a.b", "", "x\0", "light.$ne", "x" * 101])
async def test_metadata_keys_that_are_not_asked_for(api: Api, key: str):
    assert await api.refused(ROWS, **{f"metadata.{key}": "1"}) == (422, "invalid-request")


async def test_what_is_not_there(api: Api):
    assert await api.refused("/v1/datasets/none/data-rows") == (404, "not-found")
    assert await api.refused(ROWS, version=3) == (404, "not-found")
    assert await api.refused(f"{ROWS}/a") == (404, "not-found")
    assert await api.refused(f"{ROWS}/") == (404, "not-found")
    assert await api.refused(ROWS, split="none") == (422, "invalid-request")
    assert await api.refused(ROWS, page_token="WyJhIl0") == (422, "bad-page-token")


async def test_a_token_belongs_to_its_question(api: Api):
    token = (await api.get(ROWS, page_size=1))["next_page_token"]
    assert await api.refused(ROWS, page_size=1, page_token=token, split="test") == (422, "bad-page-token")


@pytest.mark.parametrize("key", ALL)
async def test_one_row(api: Api, key: str):
    found = await api.get(f"{ROWS}/{quote(key, safe='')}")
    assert found["global_key"] == key
    assert found["asset_url"] == "x/ü.png"
    assert found["asset"] == f"{ROWS}/{quote(key, safe='')}/asset"
    assert found["thumbnail"] == f"{ROWS}/{quote(key, safe='')}/thumbnail"
    assert found["labelled"] is (key in {ALL[0], ALL[2], ALL[4]})
    [listed] = [item for item in (await api.get(ROWS))["items"] if item["global_key"] == key]
    assert listed == found
