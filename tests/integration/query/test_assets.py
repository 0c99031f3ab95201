"""Assets over HTTP: below the root, or not at all."""

from pathlib import Path

import pytest

from services.common.documents import Replace
from services.common.readmodel.mongo import ReadModel
from tests.integration.query.conftest import Api, opened
from tests.integration.query.world import DATASET, World


async def put(store: ReadModel, world: World, key: str, asset_url: str | None) -> str:
    document = {**world.rows()["data_rows"][0], "global_key": key, "asset_url": asset_url}
    await store.write([Replace("data_rows", {**document, "_id": f"default/{DATASET}/{key}"})])
    return f"/v1/datasets/{DATASET}/data-rows/{key}/asset"


async def test_a_file_below_the_root(api: Api, store: ReadModel, world: World, tmp_path: Path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x.png").write_bytes(b"\x89PNG")
    answer = await api.client.get(await put(store, world, "a/b/x.png", "images/x.png"))
    assert answer.content == b"\x89PNG"
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("asset_url", ["../secret.txt", "/etc/passwd", "a/../../secret.txt", "", None, "none.png"])
async def test_nothing_else(api: Api, store: ReadModel, world: World, tmp_path: Path, asset_url: str | None):
    (tmp_path.parent / "secret.txt").write_text("secret")
    path = await put(store, world, "k", asset_url)
    assert await api.refused(path) == (404, "not-found")


async def test_remote_assets_are_never_fetched(api: Api, store: ReadModel, world: World):
    path = await put(store, world, "k", "http://169.254.169.254/latest")
    assert await api.refused(path) == (404, "not-found")


async def test_without_a_root_nothing_is_served(store: ReadModel, world: World):
    path = await put(store, world, "k", "x.png")
    async with opened(store) as api:
        assert await api.refused(path) == (404, "no-asset-root")
        assert await api.refused(f"/v1/datasets/{DATASET}/data-rows/none/asset") == (404, "not-found")
