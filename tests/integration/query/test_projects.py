"""Projects are listed; what another one holds is not there."""

import pytest

from services.common.documents import Replace
from services.common.readmodel.mongo import ReadModel
from tests.integration.query.conftest import Api, opened
from tests.integration.query.world import DATASET, MODEL, NOW, ONTOLOGY, World

LISTS = ("datasets", "ontologies", "models", "model-runs")
SINGLE = (
    f"datasets/{DATASET}",
    f"datasets/{DATASET}/versions",
    f"datasets/{DATASET}/data-rows/1.jpg/asset",
    f"ontologies/{ONTOLOGY}",
    f"models/{MODEL}",
    "model-runs/run_1",
    "model-runs/run_1/metrics",
    "model-runs/run_1/curves",
    "model-runs/run_1/confusion-matrix",
    "model-runs/run_1/rows",
    "model-runs/run_1/rows/1.jpg",
    "imports/imp_1",
    "imports/imp_1/errors",
)


async def test_no_question_reaches_another_project(store: ReadModel, world: World):
    await World(world.truth, world.results, project="other").store(store)
    async with opened(store) as api:
        for path in LISTS:
            assert (await api.get(f"/v1/{path}"))["items"] == []
        for path in SINGLE:
            assert await api.refused(f"/v1/{path}") == (404, "not-found"), path
        assert (await api.get("/v1/status"))["runs"] == []


@pytest.mark.parametrize("path", ["../other/run_1", "..%2Fother%2Frun_1", "default/run_1"])
async def test_an_id_can_not_name_another_project(store: ReadModel, world: World, path: str):
    await World(world.truth, world.results, project="other").store(store)
    async with opened(store) as api:
        assert (await api.refused(f"/v1/model-runs/{path}"))[0] == 404


IMPLICIT = {
    "project_id": "default",
    "name": "default",
    "description": "",
    "current": True,
    "created_unix_ms": None,
}


async def test_the_default_project_is_there_without_anything_being_said_of_it(api: Api):
    assert (await api.get("/v1/projects"))["items"] == [IMPLICIT]
    assert (await api.get("/v1/projects", name="default"))["items"] == [IMPLICIT]
    assert (await api.get("/v1/projects", name="other"))["items"] == []
    held = {"datasets": 1, "models": 1, "model_runs": len((await api.get("/v1/model-runs"))["items"])}
    assert await api.get("/v1/projects/default") == IMPLICIT | held
    assert await api.refused("/v1/projects/other") == (404, "not-found")


async def test_projects_in_pages_and_by_name(api: Api, store: ReadModel):
    for id, name, created in (("default", "us", None), ("prj_a", "a", NOW), ("prj_z", "z", NOW)):
        project = {"project_id": id, "name": name, "description": "", "created_unix_ms": created}
        await store.write([Replace("projects", {"_id": id, "source_offset": 1, **project})])
    found = await api.pages("/v1/projects", 1)
    assert [(item["name"], item["current"]) for item in found] == [("a", False), ("us", True), ("z", False)]
    assert (await api.get("/v1/projects", name="default"))["items"] == []
    assert (await api.get("/v1/projects/prj_z"))["datasets"] == 0
