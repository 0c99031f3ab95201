"""Small pictures of local assets: made once, and kept in a folder whose size is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from services.common.runtime.errors import Problem, not_found

MEDIA_TYPE = "image/jpeg"
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""What is read. Pillow knows more, some of which start other programs."""

MOST_FILE_BYTES = 256 << 20
MOST_PIXELS = 40_000_000
"""Of a picture as it is unpacked; JPEG that isn't progressive is unpacked smaller where the thumbnail allows it."""
MOST_CACHE_BYTES = 256 << 20
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it is now. Another content, or another size of thumbnail, has another tag."""

    path: Path
    size: int
    tag: str


class Thumbnails:
    """Makes thumbnails, a few at a time. Without a folder nothing is kept."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        most_cache_bytes: int = MOST_CACHE_BYTES,
        most_file_bytes: int = MOST_FILE_BYTES,
        most_pixels: int = MOST_PIXELS,
    ) -> None:
        self._cache = None if folder is None else Cache(folder, most_cache_bytes)
        self._most_file_bytes = most_file_bytes
        self._most_pixels = most_pixels
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._making: dict[str, asyncio.Task[bytes]] = {}
        """What is on its way, by tag: who asks for the same waits for it."""

    async def jpeg(self, source: Source) -> bytes:
        """The thumbnail. Raises a `Problem` for what is no picture, a broken one, or too large."""
        making = self._making.get(source.tag)
        if making is None:
            making = self._making[source.tag] = asyncio.create_task(self._kept_or_made(source))
            making.add_done_callback(lambda _: self._making.pop(source.tag))
        return await asyncio.shield(making)

    async def _kept_or_made(self, source: Source) -> bytes:
        cache = self._cache
        if cache is not None and (kept := await asyncio.to_thread(cache.get, source.tag)) is not None:
            return kept
        async with self._turn:
            made = await asyncio.to_thread(self._make, source)
        if cache is not None:
            await asyncio.to_thread(cache.put, source.tag, made)
        return made

    def _make(self, source: Source) -> bytes:
        try:
            if source.path.stat().st_size > self._most_file_bytes:
                raise _too_large(f"its file has more than {self._most_file_bytes:,} bytes")
            with Image.open(source.path, formats=FORMATS) as image:
                # Only the header has been read. JPEG can be unpacked at a fraction of its size.
                if _comes_in_one_pass(image):
                    image.draft("RGB", (source.size, source.size))
                if image.width * image.height > self._most_pixels:
                    raise _too_large(f"it has more than {self._most_pixels:,} pixels")
                return _small(image, source.size)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _too_large("it has too many pixels") from None
        except FileNotFoundError:
            raise not_found("asset", "it was there a moment ago, and is gone") from None
        except UnidentifiedImageError:
            detail = f"the asset is none of {', '.join(FORMATS)}"
            raise Problem(422, "not-an-image", "the asset is no image that is read here", detail) from None
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, OverflowError):
            detail = "it ends too early, or its contents make no sense"
            raise Problem(422, "broken-image", "the image is broken", detail) from None


def source(path: Path, size: int) -> Source:
    """A file of which a thumbnail is wanted whose longer side has at most `size` pixels."""
    known = path.stat()
    content = f"{path}\0{known.st_mtime_ns}\0{known.st_size}\0{size}"
    return Source(path, size, sha256(content.encode(errors="surrogateescape")).hexdigest()[:40])


def _comes_in_one_pass(image: Image.Image) -> bool:
    """Whether a JPEG has all of a pixel in one place. Otherwise the decoder holds all of the picture, whatever its
    thumbnail: some kilobytes of a file may take gigabytes."""
    if not isinstance(image, JpegImageFile) or "progressive" in image.info or image.fp is None:
        return False
    # The reader stands behind the head of the first scan: how long it is, and how many components it holds.
    components = len(image.layer)
    head = bytes([0, 6 + 2 * components, components])
    end = image.fp.tell()
    image.fp.seek(end - len(head) - 2 * components - 3)
    first = image.fp.read(len(head))
    image.fp.seek(end)
    return first == head


def _small(image: Image.Image, size: int) -> bytes:
    image.thumbnail((size, size))
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        over = upright.convert("RGBA")
        upright = Image.new("RGBA", over.size, "white")
        upright.alpha_composite(over)
    packed = BytesIO()
    upright.convert("RGB").save(packed, "JPEG", quality=82)
    return packed.getvalue()


def _too_large(detail: str) -> Problem:
    return Problem(422, "image-too-large", "the image is too large for a thumbnail", detail)


class Cache:
    """Files by tag. What was used least recently goes first; processes may share the folder."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._bytes: int | None = None
        """About how much there is; None: nobody has looked."""

    def get(self, tag: str) -> bytes | None:
        """What is kept under a tag."""
        path = self._folder / tag
        with contextlib.suppress(OSError):
            kept = path.read_bytes()
            os.utime(path)
            return kept
        return None

    def put(self, tag: str, content: bytes) -> None:
        """Keep something. A folder that can't be written keeps nothing."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{tag}.{os.getpid()}"
            path.write_bytes(content)
            path.replace(self._folder / tag)
            self._bytes = self._look() if self._bytes is None else self._bytes + len(content)
            if self._bytes > self._most_bytes:
                self._make_room()

    def _look(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _files(self) -> list[tuple[float, int, Path]]:
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                known = path.stat()
                found.append((known.st_mtime, known.st_size, path))
        return sorted(found)

    def _make_room(self) -> None:
        """Let go of the oldest, down to four fifths."""
        files = self._files()
        kept = sum(size for _, size, _ in files)
        for _, size, path in files:
            if kept <= self._most_bytes * 4 // 5:
                break
            path.unlink(missing_ok=True)
            kept -= size
        self._bytes = kept
