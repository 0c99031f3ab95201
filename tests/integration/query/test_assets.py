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


@pytest.mark.parametrize(
    "key",
    [
        *("a/asset", "a/thumbnail", "asset", "/asset", "asset/asset", "a/thumbnail/asset", "a/asset/", "a//asset"),
        *("a%2Fasset", "a?asset", "a#asset", "é/asset", "a:asset", "a/b c.png", " ", "%", "..a", "a;b=c/asset", "\\"),
    ],
)
async def test_every_key_can_be_asked_for(api: Api, store: ReadModel, world: World, tmp_path: Path, key: str) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "x.png")
    row = world.rows()["data_rows"][0]
    others = {key.removesuffix(f"/{word}") for word in ("asset", "thumbnail")} - {key}
    for each in [key, *others]:
        asset = "x.png" if each == key else "none.png"
        named = {"_id": f"default/{DATASET}/{each}", "global_key": each, "asset_url": asset}
        await store.write([Replace("data_rows", {**row, **named})])
        truth = {"_id": f"default/{DATASET}/{each}@1", "row": f"default/{DATASET}/{each}", "global_key": each}
        await store.write([Replace("truths", {**world.rows()["truths"][0], **truth})])
    at = f"/v1/datasets/{DATASET}/data-rows/{quote(key, safe='')}"
    found = await api.get(at)
    assert found["global_key"] == key
    assert (found["asset"], found["thumbnail"]) == (f"{at}/asset", f"{at}/thumbnail")
    assert (await api.client.get(found["asset"])).content == (tmp_path / "x.png").read_bytes()
    assert (await api.client.get(found["thumbnail"])).headers["content-type"] == "image/jpeg"
    truth = await api.get(f"/v1/datasets/{DATASET}/ground-truth/{quote(key, safe='')}")
    assert truth["global_key"] == key
