"""Datasets, versions, ontologies, models and runs: by id, by name, in pages."""

import pytest

from tests.integration.query.conftest import Api
from tests.integration.query.world import DATASET, MODEL, NOW, ONTOLOGY, World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_by_name_or_id(shared: Api, world: World):
    for path, name, id_field, id in [
        ("datasets", "street", "dataset_id", DATASET),
        ("models", "detector", "model_id", MODEL),
        ("ontologies", "things", "ontology_id", ONTOLOGY),
        ("model-runs", "first", "run_id", "run_1"),
    ]:
        found = await shared.get(f"/v1/{path}", name=name)
        assert [item[id_field] for item in found["items"]] == [id]
        assert (await shared.get(f"/v1/{path}", name="no such"))["items"] == []
        assert (await shared.get(f"/v1/{path}/{id}"))["name"] == name
        assert await shared.refused(f"/v1/{path}/no-such") == (404, "not-found")


async def test_versions_have_the_digest_of_their_truth(shared: Api):
    versions = await shared.get(f"/v1/datasets/{DATASET}/versions")
    assert versions["items"] == [{"dataset_id": DATASET, "version": 1, "truth_digest": "abc", "committed_unix_ms": NOW}]
    assert await shared.refused("/v1/datasets/none/versions") == (404, "not-found")


async def test_an_ontology_shows_its_latest_classes(shared: Api, world: World):
    ontology = await shared.get(f"/v1/ontologies/{ONTOLOGY}")
    assert {item["id"]: item["name"] for item in ontology["classes"]} == world.names


async def test_a_run_in_full(shared: Api, world: World):
    run = await shared.get("/v1/model-runs/run_1")
    assert run["summary"]["rows_in_scope"] == len(world.truth["images"])
    assert run["summary"]["coco"] == world.evaluation.coco
    assert run["config"] == {"epochs": 3}
    assert run["freshness"]["coco_behind"] is False


async def test_filters_of_runs(shared: Api):
    for asked, found in [
        ({"model_id": MODEL}, 1),
        ({"model_id": "other"}, 0),
        ({"dataset_id": DATASET, "name": "first"}, 1),
        ({"dataset_id": "other"}, 0),
    ]:
        assert len((await shared.get("/v1/model-runs", **asked))["items"]) == found


async def test_nothing_that_a_client_sends_is_an_operator(shared: Api):
    assert (await shared.get("/v1/model-runs?name[$ne]=x&model_id[$gt]="))[
        "items"
    ] != []  # unknown parameters say nothing
    assert (await shared.get("/v1/model-runs", name='{"$ne": null}'))["items"] == []
    assert await shared.refused("/v1/model-runs", page_token="eyIkZ3QiOiAiIn0") == (422, "bad-page-token")


@pytest.mark.parametrize("page_size", [0, -1, 1001, "x"])
async def test_sizes_of_pages_are_bounded(shared: Api, page_size: object):
    assert await shared.refused("/v1/model-runs", page_size=page_size) == (422, "invalid-request")


async def test_unknown_paths_are_problems(shared: Api):
    assert await shared.refused("/v1/nothing") == (404, "not-found")


async def test_openapi_describes_every_read(shared: Api):
    described = await shared.get("/openapi.json")
    for path, methods in described["paths"].items():
        assert path.startswith("/v1/")
        assert set(methods) == {"get"}
        assert methods["get"]["description"]
        assert "404" in methods["get"]["responses"]
        assert "HTTPValidationError" not in str(methods)
    assert "/v1/model-runs/{run_id}/metrics" in described["paths"]
    assert described["info"]["title"] == "Sightline"


async def test_filters_by_what_a_run_is_measured_on(shared: Api):
    for asked, found in [
        ({"dataset_version": 1}, 1),
        ({"dataset_version": 2}, 0),
        ({"state": "open"}, 1),
        ({"state": "sealed"}, 0),
    ]:
        assert len((await shared.get("/v1/model-runs", **asked))["items"]) == found
    run = await shared.get("/v1/model-runs/run_1")
    assert (run["splits"], run["accepts_new_rows"], run["state"]) == ([], False, "open")


async def test_versions_one_by_one(shared: Api, world: World):
    listed = await shared.get(f"/v1/datasets/{DATASET}/versions")
    assert await shared.get(f"/v1/datasets/{DATASET}/versions/1") == listed["items"][0]
    for absent in (2, 7):
        assert await shared.refused(f"/v1/datasets/{DATASET}/versions/{absent}") == (404, "not-found")
    ontology = await shared.get(f"/v1/ontologies/{ONTOLOGY}")
    assert await shared.get(f"/v1/ontologies/{ONTOLOGY}/versions/1") == ontology
    assert (await shared.get(f"/v1/ontologies/{ONTOLOGY}/versions"))["items"] == [ontology]
    assert await shared.refused(f"/v1/ontologies/{ONTOLOGY}/versions/2") == (404, "not-found")
    assert await shared.refused("/v1/ontologies/none/versions") == (404, "not-found")


async def test_there_is_always_a_project(shared: Api):
    [project] = (await shared.get("/v1/projects"))["items"]
    assert (project["project_id"], project["name"], project["current"]) == ("default", "default", True)
    assert await shared.get("/v1/projects/default") == project | {"datasets": 1, "models": 1, "model_runs": 1}
    assert await shared.refused("/v1/projects/other") == (404, "not-found")
