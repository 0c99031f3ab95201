"""An import of predictions: COCO results of one run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

import numpy as np

from services.common.eventlog.consumer import RunLoop
from services.common.eventlog.port import EventLog, Message
from services.common.eventlog.topics import PREDICTIONS
from services.common.readmodel.mongo import ReadModel
from services.common.row_limits import MOST_PREDICTIONS
from services.ingest.accept import Columns, Windows
from services.ingest.events import EventMaker
from services.ingest.handlers.catalog_state import MODEL_RUNS
from services.ingest.imports import Imports, Job, JobFailed, append_all
from services.ingest.labels import load_classes
from services.ingest.lookup import Lookup
from services.ingest.uploads import parse_ahead
from services.ingest.version_rows import VersionRows, load_version_rows, rows_are_known
from sightline.formats.coco import ResultBlock, ResultReader
from sightline.formats.faults import Rejection
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_REPLACE, ImportMode


class PredictionImport:
    """Turns COCO results into events of a run."""

    def __init__(self, log: EventLog, store: ReadModel, rows_loop: RunLoop, imports: Imports) -> None:
        self._log = log
        self._store = store
        self._rows_loop = rows_loop
        self._imports = imports

    async def run(self, job: Job, run_id: str, mode: ImportMode, body: AsyncIterator[bytes]) -> None:
        """Say on the log all that the file says."""
        run = await self._store.get(MODEL_RUNS, f"{job.project_id}/{run_id}")
        if run is None:
            raise JobFailed("the run is not there any more")
        await rows_are_known(self._log, self._rows_loop)
        rows = await load_version_rows(self._store, job.project_id, job.dataset_id, job.dataset_version)
        known = await load_classes(self._store, run)
        events = EventMaker(job.project_id, job.dataset_id, job.import_id, run_id, mode)
        windows = Windows(events, rows.names)

        reader = ResultReader()
        room = Room(len(rows.names.global_keys))

        def fitting(blocks: Iterable[ResultBlock]) -> Iterable[Columns]:
            return [room.taken(job, accepted(job, block, rows, known)) for block in blocks]

        def feed(piece: bytes) -> Iterable[Columns]:
            return fitting(reader.feed(piece))

        def finish() -> Iterable[Columns]:
            return fitting(reader.finish())

        async for columns in parse_ahead(body, feed, finish):
            job.bytes = reader.position
            if windows.add(columns):
                await self._send(job, windows)
        await self._send(job, windows)
        if mode == IMPORT_MODE_REPLACE:
            await append_all(job, _empty(events, rows, windows))
        ends = [events.ended(PREDICTIONS, partition) for partition in range(self._log.topics[PREDICTIONS].partitions)]
        for position in await job.append(ends):
            job.end.end_offsets[position.partition] = position.offset

    async def _send(self, job: Job, windows: Windows) -> None:
        size, messages = windows.take()
        await append_all(job, messages)
        job.accepted += size
        job.place = windows.place
        await self._imports.renew(job)


def accepted(job: Job, block: ResultBlock, rows: VersionRows, known: Lookup) -> Columns:
    """Leave out what names no row or no class."""
    job.reject(block.rejections)
    row, row_known = rows.by_image.find(block.image_id)
    class_id, class_known = known.find(block.category_id)
    job.warnings["zero_size"] += int(np.count_nonzero((block.box[:, 2] == 0) | (block.box[:, 3] == 0)))
    job.warnings["outside_picture"] += rows.outside(row, block.box)
    columns = Columns(row, class_id, block.box, block.confidence, block.place)
    fits = row_known & class_known
    if fits.all():
        return columns
    for i in np.flatnonzero(~fits):
        place = int(block.place[i])
        if not row_known[i]:
            message = "The dataset version has no image with this id."
            job.reject([Rejection(place + 1, "unknown_image", message, f"[{place}].image_id")])
        else:
            message = "The truth of the dataset version has no category with this id."
            job.reject([Rejection(place + 1, "unknown_class", message, f"[{place}].category_id")])
    return columns.only(fits)


class Room:
    """How much each row still holds of one upload."""

    def __init__(self, rows: int, most: int = MOST_PREDICTIONS) -> None:
        self._left = np.full(rows, most, np.int64)
        self._message = f"An image has at most {most:,} predictions of a run."

    def taken(self, job: Job, columns: Columns) -> Columns:
        """Leave out what there is no room for."""
        count = np.bincount(columns.row, minlength=len(self._left))
        over = count > self._left
        if over.any():
            kept = np.ones(len(columns), np.bool_)
            for row in np.flatnonzero(over).tolist():
                kept[np.flatnonzero(columns.row == row)[self._left[row] :]] = False
            for place in columns.place[~kept].tolist():
                job.reject([Rejection(place + 1, "too_many_in_row", self._message, f"[{place}]")])
            columns = columns.only(kept)
        self._left -= np.minimum(count, self._left)
        return columns


def _empty(events: EventMaker, rows: VersionRows, windows: Windows) -> Iterator[Message]:
    """Name the labelled rows on which the upload has nothing."""
    for index in np.flatnonzero(~windows.named[: rows.labelled]).tolist():
        yield events.predictions(rows.names.global_keys[index], rows.names.partitions[index], None)
