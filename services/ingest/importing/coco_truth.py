"""COCO truth files as they are uploaded: read whole, to import them or only to say what is in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from services.common.runtime.errors import Problem
from services.ingest.importing.jobs import REJECTIONS_IN_ANSWER
from services.ingest.importing.uploads import UploadBroken, parse_ahead
from sightline.domain.imports import RejectedItem, TruthInspection
from sightline.formats.coco import Truth, TruthReader
from sightline.formats.faults import FileBroken


async def read_truth_upload(
    body: AsyncIterator[bytes], advance: Callable[[int], None] = lambda _position: None
) -> Truth:
    """All of the file's truth. `advance` hears how many bytes are read. Raises `FileBroken`, `UploadBroken`."""
    reader = TruthReader()

    def feed(piece: bytes) -> Iterable[Truth]:
        reader.feed(piece)
        advance(reader.position)
        return ()

    try:
        (truth,) = [truth async for truth in parse_ahead(body, feed, lambda: (reader.finish(),))]
    finally:
        reader.close()
    return truth


async def inspect_truth(body: AsyncIterator[bytes]) -> TruthInspection:
    """What a file would say. Nothing is written."""
    try:
        truth = await read_truth_upload(body)
    except FileBroken as error:
        raise Problem(422, "unreadable-file", "the file can't be read to its end", str(error)) from None
    except UploadBroken:
        raise Problem(400, "upload-broken", "the upload broke off", "send the file again") from None
    kept = truth.rejections.kept[:REJECTIONS_IN_ANSWER]
    return TruthInspection(
        truth_digest=await asyncio.to_thread(truth.digest),
        classes=list(truth.categories.values()),
        images=len(truth.names),
        annotations=truth.annotation_count,
        rejected=truth.rejections.count,
        rejections=[
            RejectedItem(number=each.number, code=each.code, message=each.message, where=each.where) for each in kept
        ],
    )
