"""Predictions from COCO results: rows by image id, classes by category id."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from services.ingest.importing.box_warnings import box_warnings
from services.ingest.importing.id_lookup import Lookup
from services.ingest.importing.jobs import Job
from services.ingest.importing.row_room import Room
from services.ingest.importing.version_rows import VersionRows
from services.ingest.importing.windows import Columns
from sightline.formats.coco import ResultBlock, ResultReader
from sightline.formats.faults import Rejection


class CocoResults:
    """Reads results; what fits comes out, the rest is rejected by the job."""

    def __init__(self, job: Job, rows: VersionRows, classes: Lookup) -> None:
        self._job = job
        self._rows = rows
        self._classes = classes
        self._reader = ResultReader()
        self._room = Room()

    @property
    def position(self) -> int:
        """Bytes taken in so far."""
        return self._reader.position

    def feed(self, piece: bytes) -> Iterable[Columns]:
        """Take more of the file."""
        return [self._fitting(block) for block in self._reader.feed(piece)]

    def finish(self) -> Iterable[Columns]:
        """The file has ended."""
        return [self._fitting(block) for block in self._reader.finish()]

    def _fitting(self, block: ResultBlock) -> Columns:
        columns = accepted(self._job, block, self._rows, self._classes)
        without = self._room.without(columns.row)
        if not without.any():
            return columns
        for place in columns.place[without].tolist():
            self._job.reject([Rejection(place + 1, "too_many_in_row", self._room.message, f"[{place}]")])
        return columns.only(~without)


def accepted(job: Job, block: ResultBlock, rows: VersionRows, known: Lookup) -> Columns:
    """Leave out what names no row or no class."""
    job.reject(block.rejections)
    row, row_known = rows.by_image.find(block.image_id)
    class_id, class_known = known.find(block.category_id)
    columns = Columns(row, class_id, block.box, block.confidence, block.place)
    fits = row_known & class_known
    for i in np.flatnonzero(~fits):
        place = int(block.place[i])
        if not row_known[i]:
            message = "The dataset version has no image with this id."
            job.reject([Rejection(place + 1, "unknown_image", message, f"[{place}].image_id")])
        else:
            message = "The truth of the dataset version has no category with this id."
            job.reject([Rejection(place + 1, "unknown_class", message, f"[{place}].category_id")])
    if not fits.all():
        columns = columns.only(fits)
    job.warnings.update(box_warnings(columns.box, rows.sizes[columns.row]))
    return columns
