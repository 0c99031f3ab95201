"""Import jobs: what they say while they run, and when they are measured."""

import asyncio
import json
from typing import Any

import pytest

from services.common.documents import Replace
from services.common.readmodel.mongo import ReadModel
from tests.integration.query.conftest import Api
from tests.integration.query.world import NOW, PROJECT, World


async def test_an_import_that_is_measured(api: Api, world: World):
    job = await api.get("/v1/imports/imp_1")
    assert (job["job"], job["name"], job["state"], job["measured"]) == ("imp_1", "imp_1.json", "FINISHED", True)
    assert (job["accepted"], job["rejected"], job["rejections"]) == (len(world.results), 0, [])
    assert (job["run_id"], job["dataset_version"]) == ("run_1", 1)


async def test_an_import_that_runs_shows_its_live_side(api: Api, store: ReadModel, world: World):
    running = world.import_document("imp_2", state="RUNNING", accepted=0, end_offsets={}, ended_unix_ms=None)
    live = {"bytes": 4096, "accepted": 17, "rejected": 2, "place": 19, "warnings": {"odd": 1}, "state": "RUNNING"}
    await store.write(
        [Replace("imports", running), Replace("import_jobs", {"_id": f"{PROJECT}/imp_2", "import_id": "imp_2", **live})]
    )
    job = await api.get("/v1/imports/imp_2")
    assert (job["state"], job["accepted"], job["rejected"], job["measured"]) == ("RUNNING", 17, 2, False)
    assert job["progress"] == {"bytes": 4096, "place": 19}
    assert job["warnings"] == {"odd": 1}


@pytest.mark.parametrize(
    ("changes", "is_measured"),
    [
        ({"run_id": None}, True),
        ({"run_id": None, "end_offsets": {"0": 10}}, False),
        ({"run_id": None, "format": "data-rows"}, True),
        ({"end_offsets": {"3": 10}}, False),
        ({"state": "FAILED", "failure": "the connection broke"}, False),
    ],
)
async def test_measured(api: Api, store: ReadModel, world: World, changes: dict[str, object], is_measured: bool):
    await store.write([Replace("imports", world.import_document("imp_2", **changes))])
    assert (await api.get("/v1/imports/imp_2"))["measured"] is is_measured


async def test_waiting_ends_as_soon_as_it_is_measured(api: Api, store: ReadModel, world: World):
    await store.write([Replace("run_summaries", world.summary(4) | {"version": {}})])
    assert (await api.get("/v1/imports/imp_1", wait=0.2))["measured"] is False

    waiting = await long_wait(api, "imp_1")
    await store.write([Replace("run_summaries", world.summary())])
    async with before_it_is_over():
        assert (await waiting)["measured"] is True


async def test_waiting_ends_when_it_has_failed(api: Api, store: ReadModel, world: World):
    await store.write([Replace("imports", world.import_document("imp_2", state="RUNNING", ended_unix_ms=None))])
    waiting = await long_wait(api, "imp_2")
    await store.write([Replace("imports", world.import_document("imp_2", state="FAILED", failure="broken"))])
    async with before_it_is_over():
        assert (await waiting)["failure"] == "broken"


async def test_nobody_waits_for_a_run_that_was_deleted(api: Api, store: ReadModel, world: World):
    await store.write([Replace("imports", world.import_document("imp_2", run_id="run_gone"))])
    async with asyncio.timeout(20):
        assert (await api.get("/v1/imports/imp_2", wait=30))["measured"] is False


async def test_waiting_ends_when_the_service_stops(api: Api, store: ReadModel, world: World):
    await store.write([Replace("run_summaries", world.summary(4) | {"version": {}})])
    waiting = await long_wait(api, "imp_1")
    api.sources.stopping.set()
    async with before_it_is_over():
        assert (await waiting)["measured"] is False


async def long_wait(api: Api, job: str) -> asyncio.Task[dict[str, Any]]:
    """The longest wait for an import, begun and not answered yet."""
    waiting = asyncio.create_task(api.get(f"/v1/imports/{job}", wait=60))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    return waiting


def before_it_is_over() -> asyncio.Timeout:
    """The answer comes for what has happened, not because the wait is over."""
    return asyncio.timeout(50)


async def test_all_rejected_items_are_lines(api: Api, store: ReadModel):
    errors = [
        {
            "_id": f"{PROJECT}/imp_1/{n:06}",
            "project_id": PROJECT,
            "import_id": "imp_1",
            "number": n * 2,
            "code": "bad-box",
            "message": "a box has a negative size",
            "where": "bbox",
            **({"uuid": f"{n:032}"} if n % 2 else {}),
        }
        for n in range(1, 2_501)
    ]
    await store.write([Replace("import_errors", error) for error in errors])
    answer = await api.client.get("/v1/imports/imp_1/errors")
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines == [
        {**{k: error[k] for k in ("number", "code", "message", "where")}, "uuid": error.get("uuid")} for error in errors
    ]
    assert [item["number"] for item in (await api.get("/v1/imports/imp_1"))["rejections"]] == list(range(2, 42, 2))


async def test_imports_that_are_not_there(api: Api):
    assert await api.refused("/v1/imports/none") == (404, "not-found")
    assert await api.refused("/v1/imports/none/errors") == (404, "not-found")
    assert await api.refused("/v1/imports/imp_1", wait=61) == (422, "invalid-request")


async def test_the_newest_imports_come_first_page_by_page(api: Api, store: ReadModel, world: World):
    assert [each["job"] for each in (await api.get("/v1/imports"))["items"]] == ["imp_1"]
    changes: list[dict[str, Any]] = [
        {"run_id": None, "format": "data-rows", "mode": None},
        {"run_id": None, "end_offsets": {"0": 10}},
        {"end_offsets": {"3": 10}},
        {"run_id": "run_gone"},
        {"state": "FAILED", "failure": "the connection broke", "name": None},
        {"state": "RUNNING", "accepted": 0, "ended_unix_ms": None, "dataset_id": "ds_2"},
    ]
    begun = {f"imp_{n}": NOW + n // 2 for n in range(2, 2 + len(changes))}
    documents = [
        world.import_document(job, begun_unix_ms=at, **change)
        for (job, at), change in zip(begun.items(), changes, strict=True)
    ]
    live = {"_id": f"{PROJECT}/imp_7", "import_id": "imp_7", "accepted": 17, "rejected": 2, "warnings": {"odd": 1}}
    await store.write([*(Replace("imports", each) for each in documents), Replace("import_jobs", live)])

    found = await api.pages("/v1/imports", 2)
    assert [each["job"] for each in found] == ["imp_7", "imp_6", "imp_5", "imp_4", "imp_3", "imp_2", "imp_1"]
    for item in found:
        alone = await api.get(f"/v1/imports/{item['job']}")
        assert alone == {**item, "rejections": []}
    assert [each["job"] for each in found if each["measured"]] == ["imp_2", "imp_1"]

    async def jobs(**filters: str) -> list[str]:
        return [each["job"] for each in await api.pages("/v1/imports", 1, **filters)]

    assert await jobs(run_id="run_1") == ["imp_7", "imp_6", "imp_4", "imp_1"]
    assert await jobs(run_id="run_1", state="FINISHED") == ["imp_4", "imp_1"]
    assert await jobs(dataset_id="ds_2") == ["imp_7"]
    assert await jobs(format="data-rows") == ["imp_2"]
    assert await jobs(run_id="none") == []
    assert await api.refused("/v1/imports", state="DONE") == (422, "invalid-request")
    assert await api.refused("/v1/imports", run="run_1") == (422, "unknown-parameter")
