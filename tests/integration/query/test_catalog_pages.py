"""Lists of the catalog that a small world doesn't fill."""

from services.common.documents import Replace
from services.common.readmodel.mongo import ReadModel
from tests.integration.query.conftest import Api
from tests.integration.query.world import NOW, ONTOLOGY, World


async def test_versions_of_an_ontology_in_pages(api: Api, store: ReadModel, world: World):
    [ontology] = world.catalog()["ontologies"]
    classes = [{"id": n, "name": f"c{n}", "kind": "box"} for n in range(1, 6)]
    versions = [{"version": n, "classes": classes[:n]} for n in range(1, 6)]
    await store.write([Replace("ontologies", {**ontology, "versions": versions})])
    found = await api.pages(f"/v1/ontologies/{ONTOLOGY}/versions", 2)
    assert [(item["version"], len(item["classes"])) for item in found] == [(5, 5), (4, 4), (3, 3), (2, 2), (1, 1)]


async def test_saved_configs(api: Api, store: ReadModel):
    for name in "ab":
        id = f"cfg_{name}"
        config = {
            "_id": f"default/{id}",
            "project_id": "default",
            "run_config_id": id,
            "name": name,
            "config": {"n": 1},
        }
        await store.write([Replace("run_configs", {**config, "created_unix_ms": NOW})])
    expected = {"run_config_id": "cfg_a", "name": "a", "config": {"n": 1}, "created_unix_ms": NOW}
    assert await api.get("/v1/run-configs/cfg_a") == expected
    assert (await api.get("/v1/run-configs", name="a"))["items"] == [expected]
    assert [item["name"] for item in await api.pages("/v1/run-configs", 1)] == ["a", "b"]
    assert await api.refused("/v1/run-configs/none") == (404, "not-found")
