"""Assets over HTTP: below the root, or not at all."""

from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

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


KEYS = [
    *("a/asset", "a/thumbnail", "asset", "/asset", "asset/asset", "a/thumbnail/asset", "a/asset/", "a//asset"),
    *("a%2Fasset", "a?asset", "a#asset", "é/asset", "a:asset", "a/b c.png", " ", "%", "..a", "a;b=c/asset", "\\"),
]


async def test_every_key_can_be_asked_for(api: Api, store: ReadModel, world: World, tmp_path: Path) -> None:
    said, labelled = world.rows()["data_rows"][0], world.rows()["truths"][0]
    for number, key in enumerate(KEYS):
        Image.new("RGB", (20 + number, 10)).save(tmp_path / f"{number}.png")
        row = f"default/{DATASET}/{key}"
        named = {"global_key": key, "asset_url": f"{number}.png"}
        truth = {**labelled, "_id": f"{row}@1", "row": row, "global_key": key}
        await store.write([Replace("data_rows", {**said, **named, "_id": row}), Replace("truths", truth)])
    for number, key in enumerate(KEYS):
        at = f"/v1/datasets/{DATASET}/data-rows/{quote(key, safe='')}"
        found = await api.get(at)
        assert found["global_key"] == key
        assert (found["asset"], found["thumbnail"]) == (f"{at}/asset", f"{at}/thumbnail")
        assert (await api.client.get(found["asset"])).content == (tmp_path / f"{number}.png").read_bytes()
        assert (await api.client.get(found["thumbnail"])).headers["content-type"] == "image/jpeg"
        of_row = await api.get(f"/v1/datasets/{DATASET}/ground-truth/{quote(key, safe='')}")
        assert of_row["global_key"] == key
