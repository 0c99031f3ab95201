"""An import of data rows: NDJSON, a line a row."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from services.common.splits import SPLIT_NUMBERS
from services.ingest.importing.events import EventMaker
from services.ingest.importing.jobs import Job, append_all
from services.ingest.importing.uploads import parse_ahead
from sightline.formats.data_rows import DataRow, DataRowReader
from sightline.wire.events.v1.data_rows_pb2 import DataRowUpserted


async def import_rows(job: Job, body: AsyncIterator[bytes]) -> None:
    """Say on the log all that the file says."""
    reader = DataRowReader()
    events = EventMaker(job.project_id, job.dataset_id, job.import_id)
    async for block in parse_ahead(body, reader.feed, reader.finish):
        job.rejections.merge(block.rejections)
        await append_all(job, (events.data_row(said_of_row(row)) for row in block.rows))
        job.accepted += len(block.rows)
        job.place = block.lines


def said_of_row(row: DataRow) -> DataRowUpserted:
    """The event's payload for a line of the file."""
    said = DataRowUpserted(
        global_key=row.global_key,
        ordinal=row.ordinal,
        asset_url=row.asset_url or "",
        width=row.width,
        height=row.height,
        metadata_json=b"" if row.metadata is None else msgspec.json.encode(row.metadata),
    )
    if row.split is not None:
        said.split = SPLIT_NUMBERS[row.split]
    return said
