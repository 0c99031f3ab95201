"""An answer is never older than the summary beside it, however late the change feed is."""

import asyncio

from services.common.documents import Replace
from services.common.progress import Progress
from services.common.readmodel.mongo import ReadModel
from tests.integration.query.conftest import Api, opened
from tests.integration.query.world import PARTITIONS, PROJECT, World

METRICS = "/v1/model-runs/run_1/metrics"


async def batch(store: ReadModel, world: World, partition: int, revision: int) -> None:
    """What metrics would commit when predictions of this partition come."""
    rows = [row for row in world.rows(every=True)["run_rows"] if row["partition"] == partition]
    markers = world.progress(revision)["row_partitions"][partition]
    progress = Progress(revision, "w", "log", {"predictions": 20, "ground-truth": 10})
    writes = [Replace("run_rows", row) for row in rows] + [Replace("row_partitions", markers)]
    writes.append(Replace("run_touches", world.touch(partition, revision)))
    await store.commit("metrics.rows", partition, expected_rev=revision - 1, progress=progress, writes=writes)


async def test_counts_are_as_fresh_as_the_summary(store: ReadModel, world: World, api: Api):
    before = await api.get(METRICS)
    assert before["total"] == world.evaluation.total

    more = World(world.truth, world.results + world.results[:40])
    for partition in range(PARTITIONS):
        await batch(store, more, partition, 6)
    await store.replace("run_summaries", more.summary(6))
    after = await api.get(METRICS)
    assert after["coco"] == more.evaluation.coco
    assert after["total"] == more.evaluation.total
    assert after["freshness"]["coco_behind"] is False


async def test_counts_may_be_ahead_of_coco_numbers_and_say_so(store: ReadModel, world: World, api: Api):
    await api.get(METRICS)
    more = World(world.truth, world.results + world.results[:40])
    for partition in range(PARTITIONS):
        await batch(store, more, partition, 6)
    async with asyncio.timeout(5):
        while (answer := await api.get(METRICS))["total"] != more.evaluation.total:
            await asyncio.sleep(0.01)
    assert answer["coco"] == world.evaluation.coco
    assert answer["freshness"]["coco_behind"] is True


async def test_what_happens_to_other_runs_leaves_a_run_up_to_date(store: ReadModel, world: World, api: Api):
    progress = Progress(6, "w", "log", {"predictions": 20, "ground-truth": 10})
    await store.commit("metrics.rows", 0, expected_rev=5, progress=progress, writes=[])
    answer = await api.get("/v1/model-runs/run_1")
    assert answer["freshness"]["counts_at"]["0"] == 6
    assert answer["freshness"]["coco_behind"] is False
    (run,) = (await api.get("/v1/status"))["runs"]
    assert run["partitions_behind"] == []


async def test_coco_numbers_are_behind_while_they_do_not_know_of_another_split(
    store: ReadModel, world: World, api: Api
):
    scoped = {**world.run_document("run_1", "first", 1), "splits": ["validation"]}
    await store.write([Replace("model_runs", scoped)])
    await store.replace("run_summaries", {**world.summary(), "scope_version": world.version()})
    row = {**world.rows()["data_rows"][0], "split": "test"}
    writes = [Replace("data_rows", row), Replace("scope_touches", world.touch(row["partition"], 6))]
    progress = Progress(6, "w", "log", {"data-rows": 11, "ground-truth": 10})
    await store.commit("ingest.rows", row["partition"], expected_rev=5, progress=progress, writes=writes)
    for path in (METRICS, "/v1/model-runs/run_1"):
        assert (await api.get(path))["freshness"]["coco_behind"] is True
    (run,) = (await api.get("/v1/status"))["runs"]
    assert run["partitions_behind"] == [row["partition"]]
    await store.replace("run_summaries", {**world.summary(), "scope_version": world.version(6)})
    assert (await api.get("/v1/model-runs/run_1"))["freshness"]["coco_behind"] is False


async def test_what_is_kept_of_an_iou_is_forgotten_when_the_run_changes(store: ReadModel, world: World, api: Api):
    for _ in range(3):
        await api.get(METRICS, iou=0.6, confidence=0.2)
    fewer = World(world.truth, world.results[::2])
    for partition in range(PARTITIONS):
        await batch(store, fewer, partition, 6)
    await store.replace("run_summaries", fewer.summary(6))
    expected = fewer.evaluation.metrics(0.6, 0.2)["total"]
    assert (await api.get(METRICS, iou=0.6, confidence=0.2))["total"] == expected


async def test_a_run_that_is_not_measured_yet(store: ReadModel, world: World):
    await world.store(store)
    await store.delete("run_summaries", f"{PROJECT}/run_1")
    async with opened(store) as api:
        answer = await api.get(METRICS)
        assert set(answer["coco"].values()) == {None}
        assert answer["total"] == world.evaluation.total
        assert answer["freshness"]["coco_computed_unix_ms"] is None
        assert answer["freshness"]["coco_behind"] is True
