"""Answers of any size, sent piece by piece and packed if the client likes that."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator

from fastapi import Request
from fastapi.responses import StreamingResponse

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 1
"""Text of numbers gains little from more, and this keeps up with its making."""


async def delivered(request: Request, pieces: AsyncIterator[bytes], media_type: str) -> StreamingResponse:
    """Begin with the first piece: what goes wrong before it is a problem document, what goes wrong later breaks the
    connection off, so that nobody takes a part for the whole."""
    first = await anext(pieces, b"")
    headers = {"Vary": "Accept-Encoding"}
    whole = _joined(first, pieces)
    if takes_gzip(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        whole = _packed(whole)
    return StreamingResponse(whole, media_type=media_type, headers=headers)


def takes_gzip(accepted: str) -> bool:
    """Whether a client takes gzip: it names it, and not with a weight of 0."""
    for each in accepted.lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0") not in ("q=", "q=0.", "q=.")
    return False


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


async def _packed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    async for piece in pieces:
        if packed := await asyncio.to_thread(packer.compress, piece):
            yield packed
    yield packer.flush()
