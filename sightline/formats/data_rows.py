"""Data rows as NDJSON: a line a row, `{"global_key": ..., "asset_url": ..., "width": ..., "metadata": {...}}`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from sightline.domain.json_values import json_fault
from sightline.domain.names import name_fault
from sightline.domain.ordinals import LEAST_ORDINAL, MOST_ORDINAL, ORDINAL_FAULT
from sightline.domain.splits import SPLITS
from sightline.formats.faults import MOST_KEPT, Rejections
from sightline.formats.ndjson import LineReader, Lines, TypedLines

METADATA_LIMIT = 64 << 10
URL_LIMIT = 2_000

_SIDE = f"It is no whole number of pixels from 1 to {2**31 - 1:,}."
_SHOULD_BE = {
    "global_key": "The global key is no text.",
    "ordinal": ORDINAL_FAULT,
    "asset_url": "The asset's URL is no text.",
    "width": _SIDE,
    "height": _SIDE,
    "split": f"The split is none of {', '.join(SPLITS)}.",
    "metadata": "The metadata is no JSON object.",
}

Side = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Ordinal = Annotated[int, msgspec.Meta(ge=LEAST_ORDINAL, le=MOST_ORDINAL)]


class DataRow(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """What a line says of a row. What it does not say stays as it was."""

    global_key: str
    ordinal: Ordinal | None = None
    asset_url: str | None = None
    width: Side | None = None
    height: Side | None = None
    split: str | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DataRowBlock:
    """Some rows in file order, and what was left out between them."""

    rows: list[DataRow]
    rejections: Rejections
    lines: int
    """Lines of the file up to the end of this block."""


class DataRowReader:
    """Reads data rows from bytes that are fed to it in chunks of any size."""

    def __init__(self) -> None:
        self._lines = LineReader()
        self._typed = TypedLines(DataRow, explain=lambda field, message: _SHOULD_BE.get(field, message))
        self._keep = MOST_KEPT

    def feed(self, chunk: bytes) -> Iterator[DataRowBlock]:
        """Take more of the file; the rows that are whole now."""
        return map(self._block, self._lines.feed(chunk))

    def finish(self) -> Iterator[DataRowBlock]:
        """The file has ended: its last line needs no end."""
        return map(self._block, self._lines.finish())

    def _block(self, lines: Lines) -> DataRowBlock:
        found: list[DataRow] = []
        numbers: list[int] = []
        rejections = Rejections(self._keep)
        self._typed.decode(lines, found, numbers, rejections)
        rows: list[DataRow] = []
        for number, row in zip(numbers, found, strict=True):
            if fault := row_fault(row):
                rejections.line(number, *fault)
            else:
                rows.append(row)
        self._keep -= len(rejections.kept)
        return DataRowBlock(rows, rejections, lines.first + lines.count - 1)


def row_fault(row: DataRow) -> tuple[str, str] | None:
    """The code and the reason for which a row can't be kept; None where it can."""
    if fault := name_fault(row.global_key):
        return "name", fault
    if row.split is not None:
        row.split = row.split.lower()
        if row.split not in SPLITS:
            return "invalid", _SHOULD_BE["split"]
    if row.asset_url is not None and len(row.asset_url) > URL_LIMIT:
        return "out_of_range", f"The asset's URL has more than {URL_LIMIT} characters."
    if row.metadata is not None:
        if fault := json_fault(row.metadata):
            return "invalid", f"The metadata can't be kept. {fault}"
        if len(msgspec.json.encode(row.metadata)) > METADATA_LIMIT:
            return "out_of_range", f"The metadata is larger than {METADATA_LIMIT:,} bytes."
    return None
