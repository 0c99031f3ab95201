"""Thumbnails of local assets: of what is an image, below the root, within bounds."""

from __future__ import annotations

import os
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from services.common.documents import Replace
from services.common.readmodel.mongo import ReadModel
from services.query.thumbnails import Cache, Thumbnails, source
from tests.integration.query.conftest import Api, opened
from tests.integration.query.world import DATASET, World

SIDE = 64
ORIENTATION = 0x0112


class Assets:
    """An asset root, and rows that point into it."""

    def __init__(self, api: Api, store: ReadModel, world: World, root: Path) -> None:
        self.api = api
        self.root = root
        self._store = store
        self._row = world.rows()["data_rows"][0]

    async def thumbnail(self, asset_url: str, size: int = SIDE, **headers: str) -> httpx.Response:
        document = {**self._row, "_id": f"default/{DATASET}/k", "global_key": "k", "asset_url": asset_url}
        await self._store.write([Replace("data_rows", document)])
        path = f"/v1/datasets/{DATASET}/data-rows/k/thumbnail?size={size}"
        return await self.api.client.get(path, headers={key.replace("_", "-"): value for key, value in headers.items()})

    async def refused(self, asset_url: str) -> tuple[int, str]:
        answer = await self.thumbnail(asset_url)
        assert answer.headers["content-type"] == "application/problem+json"
        assert str(self.root) not in answer.text
        return answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]

    def save(self, name: str, image: Image.Image, **options: Any) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, **options)
        return path


@pytest.fixture
async def assets(store: ReadModel, world: World, tmp_path: Path) -> AsyncIterator[Assets]:
    await world.store(store)
    root = tmp_path / "root"
    root.mkdir()
    async with opened(store, root, thumbnails=Thumbnails(tmp_path / "cache")) as api:
        yield Assets(api, store, world, root)


def picture(width: int = 200, height: int = 100, mode: str = "RGB") -> Image.Image:
    """Red at the left, blue at the right."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (width // 2, 0, width, height))
    return image.convert(mode)


def read(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return Image.open(BytesIO(answer.content))


def is_red(image: Image.Image, x: int, y: int) -> bool:
    pixel = image.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return pixel[0] > 200 and pixel[2] < 60


@pytest.mark.parametrize("name", ["a.jpg", "sub/a.png", "a.webp", "a.gif", "a.bmp", "a.tiff"])
async def test_of_each_format(assets: Assets, name: str):
    assets.save(name, picture())
    small = read(await assets.thumbnail(name))
    assert small.size == (64, 32)
    assert is_red(small, 5, 16)
    assert not is_red(small, 60, 16)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "I;16"])
async def test_of_each_mode(assets: Assets, mode: str):
    image = picture().convert("L") if mode == "I;16" else picture()
    assets.save("a.tiff", image.convert(mode))
    assert read(await assets.thumbnail("a.tiff")).size == (64, 32)


async def test_what_is_transparent_is_white(assets: Assets):
    assets.save("a.png", Image.new("RGBA", (100, 100), (0, 0, 0, 0)))
    assert read(await assets.thumbnail("a.png")).getpixel((5, 5)) == (255, 255, 255)


async def test_small_pictures_are_not_enlarged(assets: Assets):
    assets.save("a.png", picture(20, 10))
    assert read(await assets.thumbnail("a.png")).size == (20, 10)


async def test_pictures_stand_upright(assets: Assets):
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # a quarter turn clockwise: left is up
    assets.save("a.jpg", picture(), exif=exif)
    small = read(await assets.thumbnail("a.jpg"))
    assert small.size == (32, 64)
    assert is_red(small, 16, 5)
    assert not is_red(small, 16, 60)
    assert ORIENTATION not in small.getexif()


async def test_a_client_that_has_it_gets_nothing(assets: Assets):
    path = assets.save("a.png", picture())
    first = await assets.thumbnail("a.png")
    tag = first.headers["etag"]
    again = await assets.thumbnail("a.png", If_None_Match=tag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await assets.thumbnail("a.png", size=32, If_None_Match=tag)).status_code == 200
    os.utime(path, (1, 1))
    assert (await assets.thumbnail("a.png", If_None_Match=tag)).status_code == 200


async def test_it_is_made_once(assets: Assets):
    path = assets.save("a.png", picture())
    first = await assets.thumbnail("a.png")
    known = path.stat()
    path.write_bytes(b"x" * known.st_size)
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
    assert (await assets.thumbnail("a.png")).content == first.content
    os.utime(path, (1, 1))
    assert await assets.refused("a.png") == (422, "not-an-image")


@pytest.mark.parametrize("asset_url", ["../secret.png", "/etc/passwd", "sub/../../secret.png", "none.png", "sub", "\0"])
async def test_nothing_outside_of_the_root(assets: Assets, asset_url: str):
    (assets.root / "sub").mkdir()
    picture().save(assets.root.parent / "secret.png")
    assert await assets.refused(asset_url) == (404, "not-found")


async def test_no_link_leads_out_of_the_root(assets: Assets):
    picture().save(assets.root.parent / "secret.png")
    (assets.root / "link.png").symlink_to(assets.root.parent / "secret.png")
    (assets.root / "folder").symlink_to(assets.root.parent)
    assert await assets.refused("link.png") == (404, "not-found")
    assert await assets.refused("folder/secret.png") == (404, "not-found")
    assets.save("inside.png", picture())
    (assets.root / "fine.png").symlink_to(assets.root / "inside.png")
    assert read(await assets.thumbnail("fine.png")).size == (64, 32)


async def test_remote_assets_are_never_fetched(assets: Assets):
    assert await assets.refused("http://169.254.169.254/latest.png") == (404, "not-found")


@pytest.mark.parametrize(
    "content", [b"", b"not an image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"<svg/>"]
)
async def test_no_image(assets: Assets, content: bytes):
    (assets.root / "a.png").write_bytes(content)
    assert await assets.refused("a.png") == (422, "not-an-image")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.bmp", "a.tiff"])
async def test_a_broken_image(assets: Assets, name: str):
    path = assets.save(name, Image.effect_noise((300, 300), 90).convert("RGB"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    status, kind = await assets.refused(name)
    assert (status, kind) in ((422, "broken-image"), (422, "not-an-image"))


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [7_000, 12_000, 60_000])
async def test_an_image_with_too_many_pixels_is_refused_before_it_is_unpacked(assets: Assets, side: int):
    (assets.root / "a.png").write_bytes(png_that_claims(side, side))
    assert await assets.refused("a.png") == (422, "image-too-large")


async def test_a_large_photograph_is_unpacked_smaller(assets: Assets):
    assets.save("a.jpg", Image.new("RGB", (8_000, 6_000), "red"))
    assert read(await assets.thumbnail("a.jpg")).size == (64, 48)


async def test_a_file_that_is_too_large(tmp_path: Path, store: ReadModel, world: World):
    await world.store(store)
    async with opened(store, tmp_path, thumbnails=Thumbnails(most_file_bytes=100)) as api:
        assets = Assets(api, store, world, tmp_path)
        assets.save("a.png", picture())
        assert await assets.refused("a.png") == (422, "image-too-large")


@pytest.mark.parametrize("size", [0, 15, 1025, -1, "x"])
async def test_sizes_that_are_not_made(shared: Api, size: int | str):
    path = f"/v1/datasets/{DATASET}/data-rows/k/thumbnail"
    assert await shared.refused(path, size=size) == (422, "invalid-request")


async def test_what_is_kept_is_bounded_and_the_oldest_goes_first(tmp_path: Path):
    cache = Cache(tmp_path, 1_000)
    for n in range(10):
        cache.put(f"t{n}", b"x" * 100)
        os.utime(tmp_path / f"t{n}", (n + 1, n + 1))
    assert cache.get("t0") == b"x" * 100  # used just now
    cache.put("more", b"x" * 100)
    kept = {path.name for path in tmp_path.iterdir()}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 800
    assert {"t0", "more", "t9"} <= kept
    assert "t1" not in kept
    assert cache.get("t1") is None


async def test_a_folder_that_can_not_be_written_keeps_nothing(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    picture().save(tmp_path / "a.png")
    thumbnails = Thumbnails(tmp_path / "file" / "cache")
    wanted = source(tmp_path / "a.png", SIDE)
    assert await thumbnails.jpeg(wanted) == await thumbnails.jpeg(replace(wanted))
