"""Imports of truth: a COCO file is the whole truth of a dataset's draft, NDJSON that of the rows that it names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from services.common.documents import Read
from services.common.eventlog.port import EventLog, Message
from services.common.eventlog.topics import GROUND_TRUTH, row_key
from services.common.readmodel.mongo import ReadModel
from services.common.row_limits import MOST_TRUTHS
from services.common.runloop.loop import RunLoop
from services.ingest.handlers.catalog_state import DATASETS, ONTOLOGIES
from services.ingest.handlers.rows import DATA_ROWS
from services.ingest.importing.box_warnings import box_warnings
from services.ingest.importing.coco_truth import read_truth_upload
from services.ingest.importing.events import EventMaker, packed
from services.ingest.importing.id_lookup import Lookup
from services.ingest.importing.jobs import Job, JobFailed, append_all
from services.ingest.importing.labels import load_class_names
from services.ingest.importing.named_rows import NamedRows
from services.ingest.importing.ndjson_truth import GroupedTruth, NdjsonTruth
from services.ingest.importing.uploads import parse_ahead
from services.ingest.importing.version_rows import load_version_rows, rows_are_known
from sightline.domain.kinds import BOX
from sightline.formats.coco import Truth
from sightline.formats.faults import Rejection
from sightline.wire.events.v1.data_rows_pb2 import DataRowUpserted
from sightline.wire.events.v1.ground_truth_pb2 import BoxTruths

TruthFormat = Literal["coco", "ndjson"]

ANNOTATIONS_PER_EVENT = 15_000
"""An event stays below 1 MiB: an annotation takes 53 bytes."""
_KEYS_PER_READ = 5_000

_WITHHELD = "row_withheld", "Another annotation of its image was rejected, so the row keeps the truth it had."
_UNKNOWN_CLASS = "unknown_class", "The ontology has no such class."
_TOO_MANY = "too_many_in_row", f"Its image has more than {MOST_TRUTHS:,} annotations: the row keeps the truth it had."


class TruthImport:
    """Turns files into the truth of a dataset's draft; COCO files into data rows as well."""

    def __init__(self, log: EventLog, store: ReadModel, rows_loop: RunLoop) -> None:
        self._log = log
        self._store = store
        self._rows_loop = rows_loop

    async def run(self, job: Job, body: AsyncIterator[bytes], format: TruthFormat = "coco") -> None:
        """Say on the log all that the file says. Nothing is said of a file that can't be read to its end."""
        await (self._take_coco if format == "coco" else self._take_ndjson)(job, body)

    async def _take_ndjson(self, job: Job, body: AsyncIterator[bytes]) -> None:
        """Truth of rows that are there. Rows that the file does not name keep theirs."""
        await rows_are_known(self._log, self._rows_loop)
        dataset = await self._store.get(DATASETS, f"{job.project_id}/{job.dataset_id}")
        if dataset is None:
            raise JobFailed("the dataset is not there any more")
        stored = await load_version_rows(self._store, job.project_id, job.dataset_id, job.dataset_version)
        partitions = self._log.topics[GROUND_TRUTH].partitions
        rows = NamedRows(job.project_id, job.dataset_id, stored, partitions, may_make=False)
        classes = await load_class_names(self._store, job.project_id, dataset["ontology_id"], 0)
        events = EventMaker(job.project_id, job.dataset_id, job.import_id)
        with contextlib.closing(NdjsonTruth(job, rows, classes)) as reading:
            (truth,) = [truth async for truth in parse_ahead(body, reading.feed, reading.finish)]
        await append_all(job, _truths_of_rows(events, rows, truth))
        job.accepted = truth.lines
        await self._end(job, events, unlabel_others=False)

    async def _take_coco(self, job: Job, body: AsyncIterator[bytes]) -> None:

        def advance(position: int) -> None:
            job.bytes = position

        truth = await read_truth_upload(body, advance)
        known, mapping = await self._classes(job, truth)
        said = await asyncio.to_thread(_said, job, truth, known)
        kept = await self._keep_their_truth(job, truth, ~said)
        events = EventMaker(job.project_id, job.dataset_id, job.import_id)
        await append_all(job, _rows_and_truths(events, truth, said, known))
        job.accepted = sum(len(truth.annotations(image)) for image in np.flatnonzero(said).tolist())
        await self._end(job, events, unlabel_others=not kept)
        job.end.category_classes.update(mapping)
        if not kept and np.array_equal(said, ~truth.withheld):
            job.end.truth_digest = await asyncio.to_thread(truth.digest)

    async def _end(self, job: Job, events: EventMaker, *, unlabel_others: bool) -> None:
        partitions = range(self._log.topics[GROUND_TRUTH].partitions)
        ends = [events.ended(GROUND_TRUTH, partition, unlabel_others=unlabel_others) for partition in partitions]
        for position in await job.append(ends):
            job.end.end_offsets[position.partition] = position.offset

    async def _classes(self, job: Job, truth: Truth) -> tuple[Lookup, dict[int, int]]:
        """Which class each category of the file is, by name."""
        dataset = await self._store.get(DATASETS, f"{job.project_id}/{job.dataset_id}")
        ontology = await self._store.get(ONTOLOGIES, f"{job.project_id}/{dataset['ontology_id']}") if dataset else None
        if ontology is None:
            raise JobFailed("the dataset's ontology is not there any more")
        of_name = {c["name"]: c["id"] for c in ontology["versions"][-1]["classes"] if c["kind"] == BOX.name}
        mapping = {id: of_name[name] for id, name in truth.categories.items() if name in of_name}
        return Lookup(mapping), mapping

    async def _keep_their_truth(self, job: Job, truth: Truth, withheld: npt.NDArray[np.bool_]) -> bool:
        """Whether rows that the import can't speak for have truth, which stays. Then it isn't the whole truth."""
        keys = [row_key(job.project_id, job.dataset_id, truth.names[i]) for i in np.flatnonzero(withheld).tolist()]
        if not keys:
            return False
        await rows_are_known(self._log, self._rows_loop)
        for begin in range(0, len(keys), _KEYS_PER_READ):
            filter = {"_id": {"$in": keys[begin : begin + _KEYS_PER_READ]}, "labelled": {"$elemMatch": {"to": None}}}
            if await self._store.find(Read(DATA_ROWS, filter, {"_id": 1})):
                return True
        return False


def _said(job: Job, truth: Truth, known: Lookup) -> npt.NDArray[np.bool_]:
    """The images whose truth is said whole. A row with a rejected annotation keeps the truth it had.

    So does one with more annotations than a row holds: half of them would be another truth.
    """
    job.rejections = truth.rejections
    said = ~truth.withheld
    unknown = set(truth.categories) - set(known.ids.tolist())
    sizes = np.stack([truth.widths, truth.heights], axis=1)
    sizes = np.where(sizes > 0, sizes, np.inf)
    for image in range(len(truth.names)):
        records = truth.annotations(image)
        fine = np.ones(len(records), np.bool_)
        if unknown:
            fine = np.isin(records["category_id"], known.ids)
            said[image] &= fine.all()
        too_many = len(records) > MOST_TRUTHS
        said[image] &= not too_many
        if said[image]:
            job.warnings.update(box_warnings(records["box"], sizes[image]))
            continue
        for place, ok in zip(records["place"].tolist(), fine.tolist(), strict=True):
            code, message = (_TOO_MANY if too_many else _WITHHELD) if ok else _UNKNOWN_CLASS
            job.reject([Rejection(place + 1, code, message, f"annotations[{place}]")])
    return said


def _rows_and_truths(events: EventMaker, truth: Truth, said: npt.NDArray[np.bool_], known: Lookup) -> Iterator[Message]:
    """Every image's row, and its truth where that is said, also where it is empty.

    One after the other, so that both come in one batch, and the row is written once.
    """
    for image in range(len(truth.names)):
        yield _row(events, truth, image)
        if said[image]:
            yield from truth_of_image(events, truth, image, known)


def _row(events: EventMaker, truth: Truth, image: int) -> Message:
    row = DataRowUpserted(global_key=truth.names[image], ordinal=int(truth.image_ids[image]))
    width, height = int(truth.widths[image]), int(truth.heights[image])
    if width > 0:
        row.width = width
    if height > 0:
        row.height = height
    return events.data_row(row)


def truth_of_image(events: EventMaker, truth: Truth, image: int, known: Lookup) -> Iterator[Message]:
    """The truth of one image, in chunks where it is large."""
    records = truth.annotations(image)
    class_ids, _ = known.find(records["category_id"])
    said = _Columns(class_ids, records["box"], records["area"], records["crowd"], records["annotation_id"])
    yield from _in_chunks(events, truth.names[image], int(truth.image_ids[image]), said)


def _truths_of_rows(events: EventMaker, rows: NamedRows, truth: GroupedTruth) -> Iterator[Message]:
    """The truth of all rows that a file of lines speaks for; annotations are numbered in their row, from 1."""
    for row in truth.rows:
        records = truth.annotations(row)
        numbers = np.arange(1, len(records) + 1, dtype=np.int64)
        said = _Columns(records["class_id"], records["box"], records["area"], records["crowd"], numbers)
        yield from _in_chunks(events, rows.names.global_keys[row], rows.ordinal(row), said)


@dataclass(frozen=True, slots=True)
class _Columns:
    """The annotations of one row."""

    class_ids: npt.NDArray[Any]
    boxes: npt.NDArray[Any]
    areas: npt.NDArray[Any]
    crowds: npt.NDArray[Any]
    annotation_ids: npt.NDArray[Any]


def _in_chunks(events: EventMaker, global_key: str, ordinal: int | None, said: _Columns) -> Iterator[Message]:
    count = len(said.class_ids)
    chunks = max(1, -(-count // ANNOTATIONS_PER_EVENT))
    for chunk in range(chunks):
        part = slice(chunk * ANNOTATIONS_PER_EVENT, (chunk + 1) * ANNOTATIONS_PER_EVENT)
        boxes = BoxTruths(
            count=len(said.class_ids[part]),
            class_ids=packed(said.class_ids[part], "<i4"),
            boxes=packed(said.boxes[part], "<f8"),
            areas=packed(said.areas[part], "<f8"),
            crowds=packed(said.crowds[part], "u1"),
            annotation_ids=packed(said.annotation_ids[part], "<i8"),
        )
        yield events.truth(global_key, ordinal, boxes, chunk, chunks)
