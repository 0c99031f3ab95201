"""Lists of runs: pages, the newest first, and the page that people see."""

import pytest

from services.common.documents import Replace
from services.common.readmodel.mongo import ReadModel
from tests.integration.query.conftest import Api
from tests.integration.query.world import NOW, World


@pytest.mark.parametrize("page_size", [1, 3, 100])
async def test_runs_in_pages_the_newest_first(api: Api, store: ReadModel, world: World, page_size: int):
    # Several of one moment: the id decides.
    for n in range(7):
        await store.write([Replace("model_runs", world.run_document(f"run_b{n}", f"b{n}", NOW + n // 3))])
    runs = await api.pages("/v1/model-runs", page_size)
    assert len(runs) == 8
    assert len({run["run_id"] for run in runs}) == 8
    assert [run["created_unix_ms"] for run in runs] == sorted((r["created_unix_ms"] for r in runs), reverse=True)
    measured = [run["run_id"] for run in runs if run["summary"]]
    assert measured == ["run_1"]


async def test_the_page_at_the_root_shows_runs_and_escapes_names(api: Api, store: ReadModel, world: World):
    await store.write([Replace("model_runs", world.run_document("run_x", "<script>alert(1)</script>", NOW))])
    answer = await api.client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "first" in answer.text
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
