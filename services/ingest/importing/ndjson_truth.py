"""Truth from NDJSON: lines in any order, grouped by row over the whole upload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.common.row_limits import MOST_TRUTHS
from services.ingest.importing.box_warnings import box_warnings
from services.ingest.importing.class_names import ClassNames
from services.ingest.importing.jobs import Job
from services.ingest.importing.named_rows import UNKNOWN_ROW, NamedRows
from services.ingest.importing.ndjson_predictions import DUPLICATE_UUID, repeated_uuids
from services.ingest.importing.seen_uuids import SeenUuids
from services.ingest.importing.windows import Uuids
from sightline.arrays import Longs
from sightline.formats.faults import Rejection
from sightline.formats.labelbox import AnnotationBlock, AnnotationReader
from sightline.formats.spill import KEEP_IN_MEMORY, Records, Spill

RECORD = np.dtype(
    [("row", "<i4"), ("class_id", "<i4"), ("line", "<i8"), ("box", "<f8", (4,)), ("area", "<f8"), ("crowd", "u1")]
)
"""One annotation."""

_UNKNOWN_CLASS = (
    "The dataset's ontology has no class of this name: add it (POST /v1/ontologies/{ontology_id}/versions)."
)
_WITHHELD = "Another line of its row was rejected, so the row keeps the truth it had."
_TOO_MANY = f"Its row has more than {MOST_TRUTHS:,} annotations: the row keeps the truth it had."
_NOT_EMPTY = "The row is said to be empty, and has annotations: it keeps the truth it had."


@dataclass(frozen=True, slots=True)
class GroupedTruth:
    """What a whole file says: rows, each with its annotations in the order of the file."""

    rows: Sequence[int]
    """Rows whose truth is said whole, also where it is empty."""
    lines: int
    """How many lines say it."""
    _records: Records
    _order: Longs
    _starts: Longs

    def annotations(self, row: int) -> Records:
        """The annotations of a row."""
        if row + 1 >= len(self._starts):
            return self._records[:0]
        return self._records[self._order[self._starts[row] : self._starts[row + 1]]]


class NdjsonTruth:
    """Reads lines; what does not fit is rejected by the job. Close it when the upload ends."""

    def __init__(self, job: Job, rows: NamedRows, classes: Mapping[str, int]) -> None:
        self._job = job
        self._rows = rows
        self._classes = ClassNames(classes)
        self._reader = AnnotationReader(truth=True)
        self._seen = SeenUuids()
        self._spill = Spill(RECORD, keep_in_memory=KEEP_IN_MEMORY)
        self._withheld: set[int] = set()
        self._empty: dict[int, list[int]] = {}

    def feed(self, piece: bytes) -> Iterable[GroupedTruth]:
        """Take more of the file."""
        for block in self._reader.feed(piece):
            self._take(block)
        self._job.bytes = self._reader.position
        return ()

    def finish(self) -> Iterable[GroupedTruth]:
        """The file has ended: all that it says."""
        for block in self._reader.finish():
            self._take(block)
        yield self._grouped()

    def close(self) -> None:
        """Give back what was taken."""
        self._seen.close()
        self._spill.close()

    def _take(self, block: AnnotationBlock) -> None:
        """Keep what fits. A row with a line that does not fit can't be said whole any more."""
        rejections = block.rejections
        rejected_keys = list(block.rejected_keys)
        row = self._rows.find(block.global_keys)
        class_id = self._classes.find(block.names)
        repeated = repeated_uuids(self._seen, Uuids(block.uuid, block.has_uuid))
        for wrong, code, message, field in (
            (row < 0, "unknown_row", UNKNOWN_ROW, "dataRow.globalKey"),
            ((row >= 0) & (class_id == 0), "unknown_class", _UNKNOWN_CLASS, "name"),
            ((row >= 0) & (class_id > 0) & repeated, "duplicate_uuid", DUPLICATE_UUID, "uuid"),
        ):
            for i in np.flatnonzero(wrong).tolist():
                number = int(block.line[i])
                hint = self._classes.hint(block.names[i]) if code == "unknown_class" else ""
                rejections.line(number, code, message + hint, field)
                rejected_keys.append(block.global_keys[i])
        fits = (row >= 0) & (class_id > 0) & ~repeated
        kept = np.flatnonzero(fits)
        records = np.zeros(len(kept), RECORD)
        records["row"] = row[kept]
        records["class_id"] = class_id[kept]
        records["line"] = block.line[kept]
        records["box"] = block.box[kept]
        records["area"] = block.areas[kept]
        records["crowd"] = block.crowds[kept]
        self._spill.add(records)
        for key, number in block.empty:
            place = int(self._rows.find([key])[0])
            if place < 0:
                rejections.line(number, "unknown_row", UNKNOWN_ROW, "dataRow.globalKey")
            else:
                self._empty.setdefault(place, []).append(number)
        self._withheld.update(place for place in self._rows.find(rejected_keys).tolist() if place >= 0)
        self._job.rejections.merge(rejections)
        self._job.warnings.update(box_warnings(block.box[fits], self._rows.sizes(row[fits])))
        self._job.warnings["not_kept"] += block.not_kept + int(np.count_nonzero(~np.isnan(block.confidence)))
        self._job.warnings["unknown_fields"] += block.unknown_fields
        self._job.warnings["rows_may_be_incomplete"] += block.of_no_row
        self._job.place = block.lines

    def _grouped(self) -> GroupedTruth:
        records = self._spill.all()
        order = np.argsort(records["row"], kind="stable")
        counts = np.bincount(records["row"], minlength=1)
        starts = np.concatenate(([0], np.cumsum(counts)))
        unsaid = GroupedTruth((), 0, records, order, starts)
        named: list[int] = np.flatnonzero(counts).tolist()
        said: list[int] = []
        lines = 0
        for row in sorted({*named, *self._empty}):
            emptied = self._empty.get(row, [])
            count = int(counts[row]) if row < len(counts) else 0
            if row in self._withheld:
                code, message = "row_withheld", _WITHHELD
            elif count > MOST_TRUTHS:
                code, message = "too_many_in_row", _TOO_MANY
            elif count and emptied:
                code, message = "not_empty", _NOT_EMPTY
            else:
                said.append(row)
                lines += count + len(emptied)
                continue
            numbers = [*unsaid.annotations(row)["line"].tolist(), *emptied]
            self._job.reject(_told(sorted(numbers), code, message))
        return GroupedTruth(said, lines, records, order, starts)


def _told(numbers: Iterable[int], code: str, message: str) -> Iterator[Rejection]:
    for number in numbers:
        yield Rejection(number, code, message, f"line {number}")
