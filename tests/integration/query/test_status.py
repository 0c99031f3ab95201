"""Status: services, how far groups are, how fresh runs are."""

import httpx

from services.common.documents import Replace
from services.common.readmodel.mongo import ReadModel
from services.query.peers import Peers
from services.query.sources import Sources
from services.query.views.status import status
from tests.integration.query.conftest import Api
from tests.integration.query.world import PARTITIONS, PROJECT, World

TELEMETRY = """
# TYPE sightline_partition_lag_events gauge
sightline_partition_lag_events{group="metrics.rows",partition="3",topic="predictions"} 12.0
"""


async def test_groups_and_runs(api: Api, world: World):
    answer = await api.get("/v1/status")
    alone = {"name": "query", "ready": True, "problem": None, "processes": 1, "processes_ready": 1}
    assert answer["services"] == [alone]
    topics = {(each["group"], each["topic"]): each for each in answer["topics"]}
    assert topics["metrics.rows", "predictions"]["applied"] == 10 * PARTITIONS
    assert topics["metrics.rows", "predictions"]["lag"] is None
    (run,) = answer["runs"]
    assert (run["predictions_visible"], run["partitions_behind"]) == (len(world.results), [])
    assert run["predictions_accepting"] is None


async def test_a_run_that_is_being_written(api: Api, store: ReadModel, world: World):
    run = {**world.run_document("run_1", "first", 0), "open_import": "imp_2"}
    live = {"_id": f"{PROJECT}/imp_2", "project_id": PROJECT, "import_id": "imp_2", "accepted": 40}
    await store.write([Replace("model_runs", run), Replace("import_jobs", live)])
    await store.write([Replace("run_touches", world.touch(partition, 8)) for partition in range(PARTITIONS)])
    (shown,) = (await api.get("/v1/status"))["runs"]
    assert shown["predictions_accepting"] == 40
    assert shown["partitions_behind"] == list(range(PARTITIONS))


async def test_lag_and_readiness_are_what_the_services_tell(api: Api):
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/metrics":
            return httpx.Response(200, text=TELEMETRY)
        return httpx.Response(503, json={"problems": {"log": "away"}})

    peers = Peers({"metrics": "http://127.0.0.1:1"}, transport=httpx.MockTransport(answer))
    sources = Sources(api.sources.reads, api.sources.columns, peers, PARTITIONS)
    shown = await status(sources)
    assert shown.ready is False
    assert [(each.name, each.problem) for each in shown.services] == [("query", None), ("metrics", "log: away")]
    assert [(each.processes_ready, each.processes) for each in shown.services] == [(1, 1), (0, 1)]
    lags = {(each.group, each.topic): (each.lag, each.lag_by_partition) for each in shown.topics}
    assert lags["metrics.rows", "predictions"] == (12, {"3": 12})
    await peers.close()
