"""An import of predictions of one run."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Literal, Protocol

import numpy as np

from services.common.eventlog.port import EventLog, Message
from services.common.eventlog.topics import PREDICTIONS
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import RunLoop
from services.ingest.handlers.catalog_state import MODEL_RUNS, Fields
from services.ingest.importing.coco_predictions import CocoResults
from services.ingest.importing.events import EventMaker
from services.ingest.importing.jobs import Imports, Job, JobFailed, append_all
from services.ingest.importing.labels import load_class_names, load_classes
from services.ingest.importing.named_rows import NamedRows
from services.ingest.importing.ndjson_predictions import NdjsonPredictions
from services.ingest.importing.uploads import parse_ahead
from services.ingest.importing.version_rows import load_version_rows, rows_are_known
from services.ingest.importing.windows import Columns, RowNames, Windows
from sightline.wire.events.v1.data_rows_pb2 import DataRowUpserted
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_REPLACE, ImportMode

PredictionFormat = Literal["coco", "ndjson"]


class _Reading(Protocol):
    """A file of predictions that is being read: what fits comes out in blocks."""

    @property
    def position(self) -> int: ...
    def feed(self, piece: bytes) -> Iterable[Columns]: ...
    def finish(self) -> Iterable[Columns]: ...


class PredictionImport:
    """Turns files of predictions into events of a run."""

    def __init__(self, log: EventLog, store: ReadModel, rows_loop: RunLoop, imports: Imports) -> None:
        self._log = log
        self._store = store
        self._rows_loop = rows_loop
        self._imports = imports

    async def run(
        self, job: Job, run_id: str, mode: ImportMode, body: AsyncIterator[bytes], format: PredictionFormat = "coco"
    ) -> None:
        """Say on the log all that the file says."""
        run = await self._store.get(MODEL_RUNS, f"{job.project_id}/{run_id}")
        if run is None:
            raise JobFailed("the run is not there any more")
        await rows_are_known(self._log, self._rows_loop)
        events = EventMaker(job.project_id, job.dataset_id, job.import_id, run_id, mode)
        take = self._take_coco if format == "coco" else self._take_ndjson
        await take(job, run, events, mode, body)
        ends = [events.ended(PREDICTIONS, partition) for partition in range(self._log.topics[PREDICTIONS].partitions)]
        for position in await job.append(ends):
            job.end.end_offsets[position.partition] = position.offset

    async def _take_coco(
        self, job: Job, run: Fields, events: EventMaker, mode: ImportMode, body: AsyncIterator[bytes]
    ) -> None:
        """A replacing file of results speaks of every labelled row of the version."""
        rows = await load_version_rows(self._store, job.project_id, job.dataset_id, job.dataset_version)
        reading = CocoResults(job, rows, await load_classes(self._store, run))
        windows = Windows(events, rows.names)
        async for columns in parse_ahead(body, reading.feed, reading.finish):
            await self._take(job, reading, windows, columns)
        await self._send(job, windows)
        if mode == IMPORT_MODE_REPLACE:
            nothing = np.flatnonzero(~windows.named[: rows.labelled]).tolist()
            await append_all(job, _empty(events, rows.names, nothing))

    async def _take_ndjson(
        self, job: Job, run: Fields, events: EventMaker, mode: ImportMode, body: AsyncIterator[bytes]
    ) -> None:
        """A replacing file of lines speaks of the rows that it names."""
        stored = await load_version_rows(self._store, job.project_id, job.dataset_id, job.dataset_version)
        partitions = self._log.topics[PREDICTIONS].partitions
        may_make = bool(run["accepts_new_rows"])
        rows = NamedRows(job.project_id, job.dataset_id, stored, partitions, may_make=may_make)
        classes = await load_class_names(self._store, job.project_id, run["ontology_id"], run["ontology_version"])
        replaces = mode == IMPORT_MODE_REPLACE
        windows = Windows(events, rows.names, uuids=True)

        async def make_rows() -> None:
            # Before what is predicted there, so that nobody sees predictions of a row that isn't there.
            await append_all(job, _new_rows(events, rows.made()))

        with contextlib.closing(NdjsonPredictions(job, rows, classes, may_empty=replaces)) as reading:
            async for columns in parse_ahead(body, reading.feed, reading.finish):
                await make_rows()
                await self._take(job, reading, windows, columns)
        await make_rows()
        await self._send(job, windows)
        nothing = sorted(place for place in reading.emptied if not windows.has_named(place))
        await append_all(job, _empty(events, rows.names, nothing))

    async def _take(self, job: Job, reading: _Reading, windows: Windows, columns: Columns) -> None:
        job.bytes = reading.position
        if windows.add(columns):
            await self._send(job, windows)

    async def _send(self, job: Job, windows: Windows) -> None:
        size, messages = windows.take()
        await append_all(job, messages)
        job.accepted += size
        job.place = windows.place
        await self._imports.renew(job)


def _new_rows(events: EventMaker, global_keys: Iterable[str]) -> Iterator[Message]:
    for global_key in global_keys:
        yield events.data_row(DataRowUpserted(global_key=global_key, only_new=True))


def _empty(events: EventMaker, rows: RowNames, places: Iterable[int]) -> Iterator[Message]:
    """Name rows on which the upload has nothing."""
    for place in places:
        yield events.predictions(rows.global_keys[place], rows.partitions[place], None)
