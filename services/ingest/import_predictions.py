"""An import of predictions: COCO results of one run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import numpy as np

from services.common.eventlog.consumer import RunLoop
from services.common.eventlog.port import EventLog, Message
from services.common.eventlog.topics import PREDICTIONS
from services.common.readmodel.mongo import ReadModel
from services.ingest.accept import Columns, Ints, Longs, Windows
from services.ingest.events import EventMaker
from services.ingest.handlers.world import DATASET_VERSIONS, DATASETS, MODEL_RUNS, ONTOLOGIES, Fields
from services.ingest.imports import Imports, Job, JobFailed, append_all
from services.ingest.uploads import parse_ahead
from services.ingest.version_rows import VersionRows, load_version_rows, rows_are_known
from sightline.formats.coco import ResultBlock, ResultReader
from sightline.formats.faults import Rejection
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_REPLACE, ImportMode


@dataclass(frozen=True, slots=True)
class Classes:
    """What a category id of a file stands for."""

    category_ids: Longs
    """Ascending."""
    class_ids: Ints

    def find(self, category_ids: Longs) -> tuple[Ints, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        """The class of each category id, and whether there is one."""
        if not len(self.category_ids):
            return np.zeros(len(category_ids), np.int32), np.zeros(len(category_ids), np.bool_)
        at = np.minimum(np.searchsorted(self.category_ids, category_ids), len(self.category_ids) - 1)
        return self.class_ids[at], self.category_ids[at] == category_ids


def classes(mapping: dict[int, int]) -> Classes:
    """Classes from category id → class id."""
    ids = sorted(mapping)
    return Classes(np.array(ids, np.int64), np.array([mapping[id] for id in ids], np.int32))


async def load_classes(store: ReadModel, run: Fields) -> Classes:
    """The categories of the run's dataset version; where its truth was no COCO file, the ontology's class ids."""
    of_dataset = f"{run['project_id']}/{run['dataset_id']}"
    version = await store.get(DATASET_VERSIONS, f"{of_dataset}/{run['dataset_version']}")
    dataset = await store.get(DATASETS, of_dataset)
    categories: dict[str, int] = version["categories"] if version else dataset["draft_categories"] if dataset else {}
    if categories:
        return classes({int(category): class_id for category, class_id in categories.items()})
    ontology = await store.get(ONTOLOGIES, f"{run['project_id']}/{run['ontology_id']}")
    latest: list[Fields] = ontology["versions"][-1]["classes"] if ontology else []
    return classes({item["id"]: item["id"] for item in latest})


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
        async for block in parse_ahead(body, reader.feed, reader.finish):
            job.bytes = reader.position
            columns = accepted(job, block, rows, known)
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


def accepted(job: Job, block: ResultBlock, rows: VersionRows, known: Classes) -> Columns:
    """Leave out what names no row or no class."""
    job.reject(block.rejections)
    row, row_known = rows.find(block.image_id)
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
    return Columns(row[fits], class_id[fits], block.box[fits], block.confidence[fits], block.place[fits])


def _empty(events: EventMaker, rows: VersionRows, windows: Windows) -> Iterator[Message]:
    """Name the labelled rows on which the upload has nothing."""
    for index in np.flatnonzero(~windows.named[: rows.labelled]).tolist():
        yield events.predictions(rows.names.global_keys[index], rows.names.partitions[index], None)
