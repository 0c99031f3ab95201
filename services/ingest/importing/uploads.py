"""The body of an upload: unpacked and bounded while it streams, parsed ahead in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar, cast

from services.common.runtime.errors import Problem
from sightline.formats.beginnings import BEGINNING, GZIP, unreadable
from sightline.formats.faults import FileBroken

T = TypeVar("T")

PIECE = 1 << 20
"""What is parsed at a time, and the most that a compressed chunk is unpacked to at a time."""
AHEAD = 3
"""Blocks that may wait while the log is written."""
ENCODINGS = ("identity", "gzip")


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What an upload may be at most."""

    bytes: int
    """Unpacked."""
    lines: int
    """Of NDJSON."""
    idle_seconds: float
    """Between one piece and the next, when we wait for it."""


class UploadBroken(Exception):
    """The client went away in the middle."""


class UploadIdle(Problem):
    """The client sends nothing, and keeps the connection."""

    def __init__(self, seconds: float) -> None:
        self.told = f"nothing of the upload came for {seconds:g} s"
        super().__init__(408, "upload-idle", "the upload stood still", f"{self.told}: send it again, without a pause")


async def in_time(chunks: AsyncIterator[bytes], idle_seconds: float) -> AsyncIterator[bytes]:
    """Chunks that are not empty, as they come. Raises `UploadIdle` when none does for so long."""
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise UploadIdle(idle_seconds) from None
        if chunk is None:
            return
        if chunk:
            yield chunk


class Content:
    """The content of an upload, unpacked, and what tells it from another once it has gone by."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._digest = sha256()
        self._size = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            self._digest.update(chunk)
            self._size += len(chunk)
            yield chunk

    def so_far(self) -> dict[str, Any]:
        """How much has gone by, and its digest."""
        return {"bytes": self._size, "sha256": self._digest.hexdigest()}

    async def is_that(self, earlier: Mapping[str, Any], *, whole: bool) -> bool:
        """Whether this is what went by of an earlier upload; not `whole`: that one was not read to its end."""
        digest, left = sha256(), int(earlier["bytes"])
        with contextlib.suppress(FileBroken, UploadBroken):
            async for chunk in self._body:
                if whole and len(chunk) > left:
                    return False
                digest.update(chunk[:left])
                left -= min(left, len(chunk))
                if not left and not whole:
                    break
        return not left and digest.hexdigest() == earlier["sha256"]


def unpacking(body: AsyncIterator[bytes], encoding: str, limit: int) -> AsyncIterator[bytes]:
    """The unpacked bytes of a body. One that is larger than `limit`, or not what it says, is `FileBroken`."""
    encoding = encoding.strip().lower() or "identity"
    if encoding not in ENCODINGS:
        accepted = ", ".join(ENCODINGS)
        raise Problem(415, "unsupported-encoding", "this Content-Encoding is not known", f"known are {accepted}")
    return _limited(body if encoding == "identity" else _gunzip(body), limit)


async def recognised(body: AsyncIterator[bytes], limit: int, *, lines: bool) -> AsyncIterator[bytes]:
    """A body once its beginning was looked at: a gzip file is unpacked, what is no JSON is `FileBroken` with a hint."""
    beginning = await _beginning(body)
    whole = _after(beginning, body)
    if beginning.startswith(GZIP):
        unpacked = _limited(_gunzip(whole), limit)
        beginning = await _beginning(unpacked)
        whole = _after(beginning, unpacked)
    if fault := unreadable(beginning, lines=lines):
        raise FileBroken(fault, 0)
    async for chunk in whole:
        yield chunk


async def _beginning(body: AsyncIterator[bytes]) -> bytes:
    beginning = b""
    async for chunk in body:
        beginning += chunk
        if len(beginning) >= BEGINNING:
            break
    return beginning


async def _after(beginning: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if beginning:
        yield beginning
    async for chunk in rest:
        yield chunk


async def of_lines(body: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    """A body of lines. One of more than `most` is `FileBroken`."""
    lines, size = 0, 0
    async for chunk in body:
        lines += chunk.count(b"\n")
        size += len(chunk)
        if lines > most:
            raise FileBroken(f"The file has more than {most:,} lines: send it in parts.", size)
        yield chunk


async def _limited(body: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > limit:
            raise FileBroken(f"The file is larger than {limit:,} bytes unpacked: send it in parts.", limit)
        yield chunk


async def _gunzip(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    taken = 0
    async for chunk in body:
        taken += len(chunk)
        while chunk:
            if unpacker.eof:  # gzip files may be several, one after the other, and padded with zeros
                chunk = chunk.lstrip(b"\0")
                if not chunk:
                    break
                unpacker = zlib.decompressobj(wbits=31)
            try:
                data = unpacker.decompress(chunk, PIECE)
            except zlib.error:
                raise FileBroken(f"The upload is not gzip, near byte {taken:,} as sent.", taken) from None
            chunk = unpacker.unconsumed_tail or unpacker.unused_data
            if data:
                yield data
    if not unpacker.eof:
        raise FileBroken(f"The gzip upload is cut off at byte {taken:,} as sent.", taken)


async def _pieces(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes of a body in pieces that are worth a step of a thread."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in body:
        waiting.append(chunk)
        size += len(chunk)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


async def parse_ahead(
    body: AsyncIterator[bytes], feed: Callable[[bytes], Iterable[T]], finish: Callable[[], Iterable[T]]
) -> AsyncIterator[T]:
    """What a reader makes of a body, block by block, read and parsed ahead of whoever takes the blocks."""
    blocks: asyncio.Queue[T | BaseException | None] = asyncio.Queue(AHEAD)
    loop = asyncio.get_running_loop()

    async def produce(thread: ThreadPoolExecutor) -> None:
        try:
            async for piece in _pieces(body):
                for block in await loop.run_in_executor(thread, _all, feed, piece):
                    await blocks.put(block)
            for block in await loop.run_in_executor(thread, lambda: list(finish())):
                await blocks.put(block)
            await blocks.put(None)
        except Exception as error:
            await blocks.put(error)

    with ThreadPoolExecutor(1, "parse") as thread:
        producer = asyncio.create_task(produce(thread))
        try:
            while (block := await blocks.get()) is not None:
                if isinstance(block, BaseException):
                    raise block
                yield cast(T, block)
        finally:
            producer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await producer


def _all(feed: Callable[[bytes], Iterable[T]], piece: bytes) -> list[T]:
    return list(feed(piece))
