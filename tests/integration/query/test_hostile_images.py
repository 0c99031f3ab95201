"""Assets that somebody made to break things: each is answered at once, takes little memory, and harms nobody else."""

# ruff: noqa: F811
from __future__ import annotations

import asyncio
import os
import resource
import socket
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from services.query.thumbnails import Thumbnails, source
from tests.integration.query.test_thumbnails import (
    SIDE,
    Assets,
    assets,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    is_red,
    picture,
    png_that_claims,
    read,
)

LITTLE = 200 << 20
ASSET = "/v1/datasets/ds_1/data-rows/k/asset"


@pytest.fixture(autouse=True)
def takes_little_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < LITTLE


def jpeg(side: int, *, progressive: bool = False, scans: bool = False) -> bytes:
    """A small JPEG that claims to have a side of so many pixels."""
    packed = BytesIO()
    Image.new("RGB", (64, 64), "red").save(packed, "JPEG", progressive=progressive)
    content = bytearray(packed.getvalue())
    frame = content.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    if scans:  # the first scan holds the first component alone
        scan = content.index(b"\xff\xda")
        content[scan : scan + 14] = (
            b"\xff\xda\x00\x08\x01" + content[scan + 5 : scan + 7] + content[scan + 11 : scan + 14]
        )
    return bytes(content)


def png_with_text(size: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    packed = BytesIO()
    picture().save(packed, "PNG")
    content = packed.getvalue()
    bomb = chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(size), 9))
    return content[:33] + bomb + content[33:]


def gif(frames: int, side: int = 200) -> bytes:
    packed = BytesIO()
    first, *others = (Image.new("P", (side, side), n % 255) for n in range(frames))
    first.putpalette([255, 0, 0] * 256)
    first.save(packed, "GIF", save_all=True, append_images=others, duration=10, loop=0)
    return packed.getvalue()


REFUSED = [
    ("a.png", png_that_claims(60_000, 60_000), "image-too-large"),
    ("a.png", png_that_claims(2**31 - 1, 1), "image-too-large"),
    ("a.jpg", jpeg(60_000, progressive=True), "image-too-large"),
    ("a.jpg", jpeg(13_000, scans=True), "image-too-large"),
    ("a.png", png_with_text(300 << 20), "broken-image"),
    ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "not-an-image"),
    ("a.png", b"GIF89a", "not-an-image"),
    ("a.png", b"\x89PNG\r\n\x1a\n", "not-an-image"),
    ("a.jpg", b"\xff\xd8\xff", "not-an-image"),
    ("a.jpg", bytes(1 << 20), "not-an-image"),
]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
async def test_what_is_refused(assets: Assets) -> None:
    for name, content, kind in REFUSED:
        (assets.root / name).write_bytes(content)
        status, found = await assets.refused(name)
        assert status == 422
        assert found == kind or {found, kind} == {"broken-image", "not-an-image"}, content[:50]
    assets.save("fine.png", picture())
    assert read(await assets.thumbnail("fine.png")).size == (64, 32)


async def test_a_large_photograph_that_is_progressive_is_refused_as_it_takes_memory(assets: Assets) -> None:
    assets.save("a.jpg", Image.new("RGB", (2_000, 1_000), "red"), progressive=True)
    assert read(await assets.thumbnail("a.jpg")).size == (64, 32)
    (assets.root / "b.jpg").write_bytes(jpeg(7_000))
    assert (await assets.thumbnail("b.jpg")).status_code in (200, 422)  # its pixels end early; it is small as unpacked


async def test_a_name_says_nothing(assets: Assets) -> None:
    assets.save("a.jpg", picture(), format="PNG")
    assert is_red(read(await assets.thumbnail("a.jpg")), 5, 16)
    assets.save("a.txt", picture(), format="JPEG")
    assert read(await assets.thumbnail("a.txt")).size == (64, 32)


async def test_of_many_frames_the_first_is_shown(assets: Assets) -> None:
    (assets.root / "a.gif").write_bytes(gif(300))
    assert is_red(read(await assets.thumbnail("a.gif")), 5, 5)


async def test_what_is_no_file_is_absent(assets: Assets, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(assets.root / "fifo.png")
    monkeypatch.chdir(assets.root)  # the names of sockets are short
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("socket.png")
    (assets.root / "folder.png").mkdir()
    (assets.root / "device.png").symlink_to("/dev/zero")
    (assets.root / "devices").symlink_to("/dev")
    for name in ("fifo.png", "socket.png", "folder.png", "device.png", "devices/zero"):
        async with asyncio.timeout(10):
            assert await assets.refused(name) == (404, "not-found"), name
            assert (await assets.api.client.get(ASSET)).status_code == 404


OUTSIDE = [
    *("%2e%2e/secret.png", "..%2fsecret.png", "....//secret.png", "./../secret.png", "sub/../../secret.png"),
    *("\\..\\secret.png", "~/secret.png", "/proc/self/environ", "a\0.png", "x" * 5_000, "/".join("x" * 2_000)),
    *("file:///etc/passwd", "//etc/passwd", ".", "..", "/", "link/../secret.png"),
]


async def test_no_path_leads_out(assets: Assets) -> None:
    picture().save(assets.root.parent / "secret.png")
    (assets.root / "link").symlink_to(assets.root.parent / "elsewhere")
    (assets.root.parent / "elsewhere").mkdir()
    for asset_url in OUTSIDE:
        assert await assets.refused(asset_url) == (404, "not-found"), asset_url[:50]
        assert (await assets.api.client.get(ASSET)).status_code == 404


async def test_a_file_that_changes_between_two_looks(assets: Assets, tmp_path: Path) -> None:
    path = assets.save("a.png", Image.effect_noise((600, 600), 90).convert("RGB"))
    thumbnails = Thumbnails(tmp_path / "cache")
    seen = source(path, SIDE)
    path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(Exception, match="broken"):
        await thumbnails.jpeg(seen)
    path.unlink()
    with pytest.raises(Exception, match="no such asset"):
        await thumbnails.jpeg(seen)
    assert await assets.refused("a.png") == (404, "not-found")
    assets.save("a.png", picture())
    assert read(await assets.thumbnail("a.png")).size == (64, 32)


async def test_thousands_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture(1_000, 800).save(path)
    made: list[str] = []

    class Counting(Thumbnails):
        def _make(self, source: object) -> bytes:
            made.append("once")
            return super()._make(source)  # type: ignore[arg-type]

    thumbnails = Counting(tmp_path / "cache")
    sizes = [16 + n % 20 for n in range(3_000)]
    found = await asyncio.gather(*(thumbnails.jpeg(source(path, size)) for size in sizes))
    assert len(made) == len(set(sizes))
    assert all(max(Image.open(BytesIO(each)).size) == size for each, size in zip(found, sizes, strict=True))
    asked = [asyncio.create_task(thumbnails.jpeg(source(path, 99))) for _ in range(10)]
    await asyncio.sleep(0)
    asked[0].cancel()  # one who goes away takes it from nobody
    assert len({await each for each in asked[1:]}) == 1
