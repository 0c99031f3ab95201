"""Annotations written as NDJSON in Labelbox's shape: the lines that `labelbox` reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from sightline.arrays import Bools, Floats
from sightline.domain.kinds import BOX
from sightline.formats.uuids import Octets, uuid_texts


class RowName(msgspec.Struct, rename="camel", gc=False):
    """Names a row."""

    global_key: str


class Bbox(msgspec.Struct, gc=False):
    """A box, in pixels from the top left."""

    top: float
    left: float
    height: float
    width: float


class Line(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """A prediction, or an annotation of the truth."""

    data_row: RowName
    name: str
    bbox: Bbox
    confidence: float | None = None
    uuid: str | None = None
    area: float | None = None
    """Of a truth, where it isn't that of its box."""
    iscrowd: int = msgspec.field(default=0, name="iscrowd")


class Empty(msgspec.Struct, rename="camel"):
    """There is nothing in a row."""

    data_row: RowName
    empty: bool = True


_ENCODER = msgspec.json.Encoder()


def prediction_lines(
    rows: Iterable[RowName], names: Iterable[str], boxes: Floats, confidences: Floats, uuids: Octets
) -> bytes:
    """A line for each prediction; a confidence of NaN is left out."""
    columns = zip(rows, names, boxes.tolist(), or_none(confidences), uuid_texts(uuids), strict=True)
    return written(
        Line(row, name, Bbox(y, x, height, width), confidence, uuid)
        for row, name, (x, y, width, height), confidence, uuid in columns
    )


def truth_lines(rows: Iterable[RowName], names: Iterable[str], boxes: Floats, areas: Floats, crowds: Bools) -> bytes:
    """A line for each annotation. What Labelbox has no word for is said in COCO's, where it isn't the usual."""
    usual = (areas == BOX.area(boxes)).tolist()
    said = [None if same else area for same, area in zip(usual, areas.tolist(), strict=True)]
    columns = zip(rows, names, boxes.tolist(), said, crowds.tolist(), strict=True)
    return written(
        Line(row, name, Bbox(y, x, height, width), area=area, iscrowd=int(crowd))
        for row, name, (x, y, width, height), area, crowd in columns
    )


def empty_lines(rows: Iterable[RowName]) -> bytes:
    """A line for each row that has nothing in it."""
    return written(Empty(row) for row in rows)


def written(lines: Iterable[object]) -> bytes:
    """Objects, one a line."""
    return _ENCODER.encode_lines(list(lines))


def or_none(values: Floats) -> Sequence[float | None]:
    """Numbers; None for NaN."""
    return [None if value != value else value for value in values.tolist()]
