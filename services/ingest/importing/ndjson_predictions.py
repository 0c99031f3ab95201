"""Predictions from NDJSON: rows by global key, classes by name, identity by uuid where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import repeat

import numpy as np

from services.ingest.importing.box_warnings import box_warnings
from services.ingest.importing.class_names import ClassNames
from services.ingest.importing.jobs import Job
from services.ingest.importing.named_rows import UNKNOWN_ROW, NamedRows
from services.ingest.importing.row_room import Room
from services.ingest.importing.seen_uuids import SeenUuids
from services.ingest.importing.windows import Columns, Uuids
from sightline.arrays import Bools
from sightline.formats.faults import Rejections
from sightline.formats.labelbox import AnnotationBlock, AnnotationReader
from sightline.formats.uuids import uuid_text
from sightline.identity import made_of_content

_UNKNOWN_CLASS = (
    "The ontology version of the run has no class of this name: "
    "add it (POST /v1/ontologies/{ontology_id}/versions), then make a run of the new version."
)
DUPLICATE_UUID = "Another line before has this uuid."
_EMPTY = "`empty` says something of a row only with `mode=replace`."


class NdjsonPredictions:
    """Reads lines; what fits comes out, the rest is rejected by the job. Close it when the upload ends."""

    def __init__(self, job: Job, rows: NamedRows, classes: Mapping[str, int], *, may_empty: bool) -> None:
        """`may_empty`: a line may say that there is nothing in a row."""
        self._job = job
        self._rows = rows
        self._classes = ClassNames(classes)
        self._may_empty = may_empty
        self._reader = AnnotationReader()
        self._room = Room()
        self._seen = SeenUuids()
        self.emptied: set[int] = set()
        """Rows that were said to have nothing."""

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

    def close(self) -> None:
        """Give back what was taken."""
        self._seen.close()

    def _fitting(self, block: AnnotationBlock) -> Columns:
        rejections = block.rejections
        # Only rows of lines that are right otherwise are made.
        class_id = self._classes.find(block.names)
        row = np.full(len(block), -1, np.int32)
        if class_id.all():
            row = self._rows.find(block.global_keys)
        else:
            places = np.flatnonzero(class_id).tolist()
            row[places] = self._rows.find([block.global_keys[place] for place in places])
        without_class, without_row = class_id == 0, (class_id > 0) & (row < 0)
        columns = Columns(row, class_id, block.box, block.confidence, block.line - 1, Uuids(block.uuid, block.has_uuid))
        if without_class.any() or without_row.any():
            hints = [self._classes.hint(block.names[place]) for place in np.flatnonzero(without_class).tolist()]
            _reject(rejections, columns, without_class, "unknown_class", _UNKNOWN_CLASS, "name", hints)
            _reject(rejections, columns, without_row, "unknown_row", UNKNOWN_ROW, "dataRow.globalKey")
            columns = columns.only(~(without_class | without_row))
        repeated = repeated_uuids(self._seen, _names(columns))
        if repeated.any():
            _reject(rejections, columns, repeated, "duplicate_uuid", DUPLICATE_UUID, "uuid")
            columns = columns.only(~repeated)
        without_room = self._room.without(columns.row)
        if without_room.any():
            _reject(rejections, columns, without_room, "too_many_in_row", self._room.message, "dataRow.globalKey")
            columns = columns.only(~without_room)
        self._empty(block)
        job = self._job
        job.rejections.merge(rejections)
        job.warnings.update(box_warnings(columns.box, self._rows.sizes(columns.row)))
        job.warnings["not_kept"] += block.not_kept
        job.warnings["unknown_fields"] += block.unknown_fields
        return columns

    def _empty(self, block: AnnotationBlock) -> None:
        for key, number in block.empty:
            if not self._may_empty:
                block.rejections.line(number, "invalid", _EMPTY, "empty")
                continue
            place = int(self._rows.find([key])[0])
            if place < 0:
                block.rejections.line(number, "unknown_row", UNKNOWN_ROW, "dataRow.globalKey")
            else:
                self.emptied.add(place)
                self._job.accepted += 1


def _names(columns: Columns) -> Uuids | None:
    """The uuids that name one prediction of the upload. What content makes is the same wherever that content is."""
    uuid = columns.uuid
    if uuid is None or not uuid.given.any():
        return uuid
    made = made_of_content(uuid.octets, columns.class_id, columns.box, columns.confidence)
    return Uuids(uuid.octets, uuid.given & ~made)


def repeated_uuids(seen: SeenUuids, uuid: Uuids | None) -> Bools:
    """Which have a uuid that came before."""
    if uuid is None:
        return np.zeros(0, np.bool_)
    if uuid.given.all():
        return seen.repeated(uuid.octets)
    repeated = np.zeros(len(uuid.given), np.bool_)
    repeated[uuid.given] = seen.repeated(uuid.octets[uuid.given])
    return repeated


def _reject(
    rejections: Rejections,
    columns: Columns,
    which: Bools,
    code: str,
    message: str,
    field: str,
    hints: Iterable[str] = repeat(""),
) -> None:
    uuid = columns.uuid
    for i, hint in zip(np.flatnonzero(which).tolist(), hints, strict=False):
        has_uuid = uuid is not None and uuid.given[i] and not rejections.full
        said = uuid_text(uuid.octets[i].tobytes()) if uuid is not None and has_uuid else ""
        rejections.line(int(columns.place[i]) + 1, code, message + hint, field, said)
