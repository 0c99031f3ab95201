"""Things of the catalog and data rows over HTTP: changed, sealed, deleted, with a real log and read model."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS
from services.common.readmodel.mongo import ReadModel
from services.ingest.data_rows import DataRows
from tests.integration.ingest.conftest import Stand

TRUTH = {
    "images": [
        {"id": 1, "file_name": "a/1.jpg", "width": 64, "height": 48},
        {"id": 2, "file_name": "2.jpg", "width": 64, "height": 48},
    ],
    "categories": [{"id": 1, "name": "car"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}],
}
KEYS = ["a/1.jpg", "2.jpg"]
RESULTS = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]


class Things:
    """One of each, and the paths to them."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def make(self, truth: dict[str, Any] | None = TRUTH) -> Things:
        self.ontology = (await self.post("/v1/ontologies", {"name": "o", "classes": [{"name": "car"}]}))["ontology_id"]
        with_ontology = {"ontology_id": self.ontology}
        self.dataset = (await self.post("/v1/datasets", {"name": "d", **with_ontology}))["dataset_id"]
        self.model = (await self.post("/v1/models", {"name": "m", **with_ontology}))["model_id"]
        if truth is not None:
            await self.post(f"/v1/datasets/{self.dataset}/ground-truth:import", truth)
        return self

    async def post(self, path: str, json: Any = None) -> dict[str, Any]:
        answer = await self.http.post(path, json=json)
        assert answer.is_success, answer.text
        return answer.json()

    def run_asked(self, **more: Any) -> dict[str, Any]:
        return {"name": "r", "model_id": self.model, "dataset_id": self.dataset, **more}

    async def run(self, **more: Any) -> str:
        return (await self.post("/v1/model-runs", self.run_asked(**more)))["run_id"]

    async def predict(self, run: str) -> httpx.Response:
        return await self.http.post(f"/v1/model-runs/{run}/predictions:import", json=RESULTS)


@pytest.fixture
async def things(stand: Stand) -> Things:
    return await Things(stand.http).make()


def slug(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]


async def test_everything_is_renamed_and_keeps_its_id(things: Things):
    run = await things.run()
    for path in (
        f"/v1/ontologies/{things.ontology}",
        f"/v1/datasets/{things.dataset}",
        f"/v1/models/{things.model}",
        f"/v1/model-runs/{run}",
    ):
        answer = await things.http.patch(path, json={"name": "another"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["name"] == "another"
        assert path.rsplit("/", 1)[-1] in answer.json().values()
        for wrong in ({}, {"name": None}, {"name": ""}, {"nome": "x"}):
            assert slug(await things.http.patch(path, json=wrong)) == (422, "invalid-request")
        absent = path.rsplit("/", 1)[0] + "/none"
        assert slug(await things.http.patch(absent, json={"name": "x"})) == (404, "not-found")
        assert slug(await things.http.delete(absent)) == (404, "not-found")


async def test_a_name_that_something_else_has_is_taken(things: Things):
    other = await things.post("/v1/models", {"name": "other", "ontology_id": things.ontology})
    answer = await things.http.patch(f"/v1/models/{things.model}", json={"name": "other"})
    assert slug(answer) == (409, "name-taken")
    assert answer.json()["existing_id"] == other["model_id"]


async def test_a_patch_changes_what_is_sent_and_nothing_else(things: Things):
    run = await things.run(config={"epochs": 3})
    named = (await things.http.patch(f"/v1/model-runs/{run}", json={"name": "s"})).json()
    assert (named["name"], named["config"]) == ("s", {"epochs": 3})
    configured = (await things.http.patch(f"/v1/model-runs/{run}", json={"config": {}})).json()
    assert (configured["name"], configured["config"]) == ("s", {})


async def test_null_empties_what_may_be_empty(things: Things):
    run = f"/v1/model-runs/{await things.run(config={'epochs': 3})}"
    assert (await things.http.patch(run, json={"config": None})).json()["config"] == {}
    refused = await things.http.patch(run, json={"name": None})
    assert slug(refused) == (422, "invalid-request")
    assert "There is always a name" in refused.json()["detail"]

    rows = f"/v1/datasets/{things.dataset}/data-rows"
    full = {"ordinal": 7, "asset_url": "a.png", "width": 3, "height": 4, "split": "test", "metadata": {"light": "dusk"}}
    empty = dict.fromkeys(full) | {"split": "unassigned", "metadata": {}}
    whole = await things.post(rows, {"global_key": "k", **full})
    for field, emptied in empty.items():
        whole[field] = emptied
        assert (await things.http.patch(f"{rows}/k", json={field: None})).json() == whole
    await things.http.patch(f"{rows}/k", json=full)
    assert (await things.http.patch(f"{rows}/k", json=dict.fromkeys(full))).json() == whole


async def test_a_version_has_the_order_that_was_said_before_it_was_committed(
    things: Things, stand: Stand, monkeypatch: pytest.MonkeyPatch
):
    """Rows of an import wait to be applied; what they change of truth is told before the commit all the same."""
    store = ReadModel.commit

    async def late(self: ReadModel, group: str, *rest: Any, **more: Any) -> None:
        if group == "ingest.rows":
            await asyncio.sleep(0.2)
        await store(self, group, *rest, **more)

    monkeypatch.setattr(ReadModel, "commit", late)
    path = f"/v1/datasets/{things.dataset}"
    lines = [json.dumps({"global_key": key, "ordinal": n}) for n, key in enumerate(KEYS, 20)]
    assert (await things.http.post(f"{path}/data-rows:import", content="\n".join(lines))).is_success
    await things.post(f"{path}/versions:commit")
    assert (await things.http.patch(f"{path}/data-rows/2.jpg", json={"ordinal": None})).is_success
    await things.post(f"{path}/versions:commit")
    assert (await things.http.patch(f"{path}/data-rows/2.jpg", json={"ordinal": 7})).is_success
    assert (await things.http.patch(f"{path}/data-rows/2.jpg", json={"width": 7})).is_success
    labelled = [(await stored(stand, "data_rows", things.dataset, key))["labelled"] for key in KEYS]
    assert [[(i["from"], i["to"], i["ordinal"]) for i in each] for each in labelled] == [
        [(1, None, 20)],
        [(1, 2, 21), (2, 3, None), (3, None, 7)],
    ]


async def test_a_change_that_loses_to_a_deletion_makes_nothing(
    things: Things, stand: Stand, monkeypatch: pytest.MonkeyPatch
):
    path = f"/v1/datasets/{things.dataset}/data-rows/2.jpg"
    say = DataRows._say

    async def after_a_deletion(self: DataRows, *said: Any, **how: Any) -> None:
        monkeypatch.undo()
        assert (await things.http.delete(path)).is_success
        await say(self, *said, **how)

    monkeypatch.setattr(DataRows, "_say", after_a_deletion)
    assert slug(await things.http.patch(path, json={"width": 7})) == (404, "not-found")
    assert await stored(stand, "data_rows", things.dataset, "2.jpg") == {}


async def test_runs_have_a_scope_and_copies_of_saved_configs(things: Things):
    saved = await things.post("/v1/run-configs", {"name": "nightly", "config": {"epochs": 9}})
    asked = things.run_asked(run_config_id=saved["run_config_id"], splits=["test", "validation", "test"])
    run = await things.post("/v1/model-runs", asked)
    assert run["config"] == {"epochs": 9}
    assert run["splits"] == ["test", "validation"]
    assert (run["dataset_version"], run["accepts_new_rows"], run["state"]) == (1, False, "open")
    path = f"/v1/run-configs/{saved['run_config_id']}"
    changed = (await things.http.patch(path, json={"config": {"epochs": 10}})).json()
    assert (changed["name"], changed["config"]) == ("nightly", {"epochs": 10})
    assert (await things.http.delete(path)).status_code == 200
    both = things.run_asked(name="x", run_config_id=saved["run_config_id"])
    answer = await things.http.post("/v1/model-runs", json=both)
    assert slug(answer) == (404, "not-found")
    assert answer.json()["next"]["http"] == "POST /v1/run-configs"


async def test_a_sealed_run_takes_no_predictions_until_it_is_reopened(things: Things):
    run = await things.run()
    assert (await things.predict(run)).status_code == 200
    assert (await things.post(f"/v1/model-runs/{run}:seal"))["state"] == "sealed"
    refused = await things.predict(run)
    assert slug(refused) == (409, "not-now")
    assert refused.json()["next"]["http"] == "POST /v1/model-runs/{run_id}:reopen"
    assert (await things.post(f"/v1/model-runs/{run}:reopen"))["state"] == "open"
    assert (await things.predict(run)).status_code == 200


async def test_what_goes_with_what(things: Things, stand: Stand):
    await things.run()
    await things.post(f"/v1/datasets/{things.dataset}/versions:commit")
    await things.run(name="on 2")
    assert slug(await things.http.delete(f"/v1/ontologies/{things.ontology}")) == (409, "not-now")
    assert slug(await things.http.delete(f"/v1/datasets/{things.dataset}/versions/2")) == (409, "not-now")
    version = await things.http.delete(f"/v1/datasets/{things.dataset}/versions/1")
    assert version.json() == {"dataset_id": things.dataset, "version": 1, "deleted_runs": 1}
    assert slug(await things.http.delete(f"/v1/datasets/{things.dataset}/versions/1")) == (404, "not-found")
    model = await things.http.delete(f"/v1/models/{things.model}")
    assert model.json() == {"model_id": things.model, "deleted_runs": 1}
    assert (await things.http.delete(f"/v1/datasets/{things.dataset}")).json()["deleted_runs"] == 0
    assert (await things.http.delete(f"/v1/ontologies/{things.ontology}")).status_code == 200
    for collection in ("datasets", "dataset_versions", "models", "model_runs", "ontologies"):
        assert await stand.store.count(collection, {}) == 0
    await things.make()  # names are free again


async def test_a_deletion_that_is_repeated_under_its_key_is_answered_the_same(things: Things):
    key = {"Idempotency-Key": "once"}
    path = f"/v1/models/{things.model}"
    first, again = [await things.http.delete(path, headers=key) for _ in range(2)]
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert slug(await things.http.delete(path)) == (404, "not-found")


async def test_a_deletion_is_answered_when_all_rows_are_told(things: Things, stand: Stand):
    run = await things.run()
    await things.http.delete(f"/v1/model-runs/{run}")
    told = [event for event in await stand.events(PREDICTIONS) if event.marker.HasField("runs_deleted")]
    assert len(told) == len(await stand.log.end_offsets(PREDICTIONS))


# ---- single rows


async def stored(stand: Stand, collection: str, *ids: object) -> dict[str, Any]:
    """A document of the project; empty if it isn't there."""
    return dict(await stand.store.get(collection, "/".join(["default", *map(str, ids)])) or {})


@pytest.mark.parametrize(
    "key",
    [
        *(
            "b.jpg",
            "a b/ü?.jpg",
            "100%/#1",
            "x/data-rows/y",
            "x/asset",
            "thumbnail",
            "a:import",
            "/a//",
            "../a",
            "a/..",
        ),
        *(" ", "%2F", "😀" * 200),
    ],
)
async def test_a_row_is_made_changed_and_deleted(things: Things, stand: Stand, key: str):
    rows = f"/v1/datasets/{things.dataset}/data-rows"
    path = f"{rows}/{quote(key, safe='')}"
    asked = {"global_key": key, "width": 10, "height": 20, "split": "test", "metadata": {"light": "dusk", "n": 1}}
    made = await things.http.post(rows, json=asked)
    assert made.status_code == 201, made.text
    assert made.json() == {"dataset_id": things.dataset, "ordinal": None, "asset_url": None, **asked}
    again = await things.http.post(rows, json=asked)
    assert (again.status_code, again.json()) == (200, made.json())
    assert slug(await things.http.post(rows, json={**asked, "width": 11})) == (409, "name-taken")

    changed = await things.http.patch(path, json={"metadata": {"light": "day"}, "asset_url": "x.png"})
    assert changed.json() == {**made.json(), "metadata": {"light": "day"}, "asset_url": "x.png"}

    assert (await things.http.delete(path)).json() == {"dataset_id": things.dataset, "global_key": key}
    assert await stored(stand, "data_rows", things.dataset, key) == {}
    assert slug(await things.http.delete(path)) == (404, "not-found")
    assert slug(await things.http.patch(path, json={"width": 1})) == (404, "not-found")
    assert (await things.http.post(rows, json={"global_key": key})).json()["metadata"] == {}


async def test_writes_of_a_row_are_done_once_under_a_key(things: Things):
    rows = f"/v1/datasets/{things.dataset}/data-rows"
    truth = f"/v1/datasets/{things.dataset}/ground-truth/{KEYS[0]}"
    metadata = {"a.b": 1, "$c": None}

    async def send(key: str, method: str, path: str, json: Any = None) -> httpx.Response:
        return await things.http.request(method, path, json=json, headers={"Idempotency-Key": key})

    requests = (
        ("POST", rows, {"global_key": "k", "metadata": metadata}),
        ("PATCH", f"{rows}/k", {"width": 1}),
        ("DELETE", f"{rows}/k", None),
        ("DELETE", truth, None),
    )
    refused = await send("key 1", *requests[1])
    assert slug(refused) == (404, "not-found")
    firsts = [await send(f"key {n}", *request) for n, request in enumerate(requests)]
    assert [first.status_code for first in firsts] == [201, 200, 200, 200]
    for n, (request, first) in enumerate(zip(requests, firsts, strict=True)):
        again = await send(f"key {n}", *request)
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        for other in (*requests, ("PATCH", f"{rows}/k", {"width": 2})):
            if other != request:
                assert slug(await send(f"key {n}", *other)) == (422, "idempotency-key-reused")
    assert slug(await things.http.delete(f"{rows}/k")) == (404, "not-found")


@pytest.mark.parametrize(
    "wrong",
    [
        {"global_key": ""},
        {"global_key": "a\nb"},
        {"global_key": "x" * 201},
        {"global_key": "k", "width": 0},
        {"global_key": "k", "height": -1},
        {"global_key": "k", "split": "none"},
        {"global_key": "k", "metadata": {"x": "y" * 70_000}},
        {"global_key": "k", "metadata": []},
        {"global_key": "k", "colour": "red"},
        {"global_key": "k", "ordinal": 2**63},
        {},
    ],
)
async def test_a_row_that_is_not_valid(things: Things, stand: Stand, wrong: dict[str, Any]):
    before = len(await stand.events(DATA_ROWS))
    assert slug(await things.http.post(f"/v1/datasets/{things.dataset}/data-rows", json=wrong)) == (
        422,
        "invalid-request",
    )
    assert len(await stand.events(DATA_ROWS)) == before


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
async def test_numbers_that_are_none(things: Things, number: str):
    body = '{"global_key": "k", "metadata": {"x": ' + number + "}}"
    answer = await things.http.post(
        f"/v1/datasets/{things.dataset}/data-rows", content=body, headers={"content-type": "application/json"}
    )
    assert slug(answer) == (422, "invalid-request")


async def test_a_deleted_row_takes_its_truth_along_and_no_digest_holds_any_more(things: Things, stand: Stand):
    await things.post(f"/v1/datasets/{things.dataset}/versions:commit")
    assert (await stored(stand, "dataset_versions", things.dataset, 1))["truth_digest"]
    assert (await things.http.delete(f"/v1/datasets/{things.dataset}/data-rows/a%2F1.jpg")).status_code == 200
    assert not (await stored(stand, "data_rows", things.dataset, "a/1.jpg")).get("known")
    assert (await stored(stand, "dataset_versions", things.dataset, 1))["truth_digest"] is None
    assert (await stored(stand, "datasets", things.dataset))["draft_digest"] is None
    for topic in (GROUND_TRUTH, PREDICTIONS):
        assert sum(event.marker.HasField("row_deleted") for event in await stand.events(topic)) == 1


async def test_truth_of_one_row_goes_from_the_draft_and_stays_in_versions(things: Things, stand: Stand):
    await things.post(f"/v1/datasets/{things.dataset}/versions:commit")
    path = f"/v1/datasets/{things.dataset}/ground-truth/a%2F1.jpg"
    assert (await things.http.delete(path)).json()["state"] == "FINISHED"
    labelled = (await stored(stand, "data_rows", things.dataset, "a/1.jpg"))["labelled"]
    assert [(interval["from"], interval["to"]) for interval in labelled] == [(1, 2)]
    assert (await stored(stand, "datasets", things.dataset))["draft_digest"] is None
    assert (await stored(stand, "dataset_versions", things.dataset, 1))["truth_digest"]
    assert slug(await things.http.delete(path)) == (404, "not-found")
    assert slug(await things.http.delete(f"/v1/datasets/{things.dataset}/ground-truth/none")) == (404, "not-found")


# ---- the order of the steps

WRONG_ORDERS = {
    "a dataset before its ontology": ("/v1/datasets", {"name": "x", "ontology_id": "ont_none"}, "ontology"),
    "a model before its ontology": ("/v1/models", {"name": "x", "ontology_id": "ont_none"}, "ontology"),
    "classes before their ontology": ("/v1/ontologies/ont_none/versions", {"classes": [{"name": "x"}]}, "ontology"),
    "a row before its dataset": ("/v1/datasets/ds_none/data-rows", {"global_key": "x"}, "dataset"),
    "rows before their dataset": ("/v1/datasets/ds_none/data-rows:import", {"global_key": "x"}, "dataset"),
    "truth before its dataset": ("/v1/datasets/ds_none/ground-truth:import", TRUTH, "dataset"),
    "a commit before its dataset": ("/v1/datasets/ds_none/versions:commit", None, "dataset"),
    "predictions before their run": ("/v1/model-runs/run_none/predictions:import", RESULTS, "model run"),
    "sealing before the run": ("/v1/model-runs/run_none:seal", None, "model run"),
}


def missing(answer: httpx.Response) -> tuple[int, str, str]:
    problem = answer.json()
    assert problem["detail"]
    assert problem["next"]["http"].startswith("POST /v1/")
    assert problem["next"]["command"].startswith("sightline ")
    return *slug(answer), problem["missing"]


@pytest.mark.parametrize("case", WRONG_ORDERS)
async def test_a_step_before_what_it_rests_on(stand: Stand, case: str):
    path, body, what = WRONG_ORDERS[case]
    assert missing(await stand.http.post(path, json=body)) == (404, "not-found", what)


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("/v1/datasets", {"name": "x"}, "ontology"),
        ("/v1/models", {"name": "x", "ontology_id": None}, "ontology"),
        ("/v1/model-runs", {"name": "x"}, "dataset"),
        ("/v1/model-runs", {"name": "x", "dataset_id": "ds_none"}, "model"),
    ],
)
async def test_what_a_step_rests_on_has_to_be_named(stand: Stand, path: str, body: dict[str, Any], what: str):
    assert missing(await stand.http.post(path, json=body)) == (422, "invalid-request", what)


@pytest.mark.parametrize(("field", "what"), [("model_id", "model"), ("dataset_id", "dataset")])
async def test_a_run_before_its_model_or_dataset(things: Things, field: str, what: str):
    answer = await things.http.post("/v1/model-runs", json=things.run_asked(**{field: "none"}))
    assert missing(answer) == (404, "not-found", what)


async def test_a_run_before_rows(stand: Stand):
    things = await Things(stand.http).make(truth=None)
    step_missing = (409, "step-missing", "data rows")
    key = {"Idempotency-Key": "k"}
    answer = await stand.http.post("/v1/model-runs", json=things.run_asked(), headers=key)
    assert missing(answer) == step_missing
    assert await things.run(name="production", accepts_new_rows=True)
    await things.post(f"/v1/datasets/{things.dataset}/data-rows", {"global_key": "x", "ordinal": 1})
    made = await stand.http.post("/v1/model-runs", json=things.run_asked(), headers=key)
    assert made.status_code == 201
    await stand.http.delete(f"/v1/datasets/{things.dataset}/data-rows/x")
    assert missing(await things.predict(made.json()["run_id"])) == step_missing


async def test_truth_that_makes_no_rows_before_rows(stand: Stand):
    things = await Things(stand.http).make(truth=None)
    answer = await stand.http.post(f"/v1/datasets/{things.dataset}/ground-truth:import?format=ndjson", content=b"{}")
    assert missing(answer) == (409, "step-missing", "data rows")


async def test_truth_or_a_run_before_classes(stand: Stand):
    things = await Things(stand.http).make(truth=None)
    ontology = (await things.post("/v1/ontologies", {"name": "empty", "classes": []}))["ontology_id"]
    things.dataset = (await things.post("/v1/datasets", {"name": "e", "ontology_id": ontology}))["dataset_id"]
    things.model = (await things.post("/v1/models", {"name": "e", "ontology_id": ontology}))["model_id"]
    await things.post(f"/v1/datasets/{things.dataset}/data-rows", {"global_key": "x"})
    step_missing = (409, "step-missing", "classes")
    truth = await stand.http.post(f"/v1/datasets/{things.dataset}/ground-truth:import", json=TRUTH)
    assert missing(truth) == step_missing
    key = {"Idempotency-Key": "k"}
    asked = things.run_asked()
    assert missing(await stand.http.post("/v1/model-runs", json=asked, headers=key)) == step_missing
    await things.post(f"/v1/ontologies/{ontology}/versions", {"classes": [{"name": "car"}]})
    assert (await stand.http.post("/v1/model-runs", json=asked, headers=key)).status_code == 201


async def test_projects_are_made_changed_and_deleted(stand: Stand):
    made = await stand.http.post("/v1/projects", json={"name": " night shift ", "description": "cameras\nafter ten"})
    assert made.status_code == 201, made.text
    project = made.json()
    assert project == {
        "project_id": project["project_id"],
        "name": "night shift",
        "description": "cameras\nafter ten",
        "current": False,
    }
    assert slug(await stand.http.post("/v1/projects", json={"name": "night shift"})) == (409, "name-taken")
    path = f"/v1/projects/{project['project_id']}"
    assert (await stand.http.patch(path, json={"description": ""})).json() == {**project, "description": ""}
    assert (await stand.http.patch("/v1/projects/default", json={"name": "us"})).json()["current"] is True
    assert slug(await stand.http.delete("/v1/projects/default")) == (409, "default-project")
    assert (await stand.http.delete(path)).json() == {"project_id": project["project_id"]}
    assert slug(await stand.http.delete(path)) == (404, "not-found")


@pytest.mark.parametrize("asked", [{}, {"name": ""}, {"name": "x", "description": "x" * 2001}, {"name": "x", "d": 1}])
async def test_what_is_no_project_is_refused(stand: Stand, asked: dict[str, Any]):
    assert slug(await stand.http.post("/v1/projects", json=asked)) == (422, "invalid-request")
