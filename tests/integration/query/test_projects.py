"""What another project holds is not there."""

import pytest

from services.common.readmodel.mongo import ReadModel
from tests.integration.query.conftest import opened
from tests.integration.query.world import DATASET, MODEL, ONTOLOGY, World

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
