"""Annotations in columns: NumPy arrays in, NumPy arrays and tables out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import numpy as np
import numpy.typing as npt

from sightline.client.errors import MissingExtra
from sightline.formats.labelbox_writing import Bbox, Empty, Line, RowName, or_none
from sightline.formats.uuids import uuid_texts

if TYPE_CHECKING:
    import pandas
    import pyarrow

Column = Sequence[Any] | npt.NDArray[Any]

_BLOCK = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Annotations, one in each place: `run.upload(**columns.arguments)` sends what `to_arrays` gave."""

    row: Column
    """Global keys."""
    class_name: Column | str
    boxes: Column
    """(n, 4): x, y, width, height in pixels from the top left."""
    confidence: Column | float | None = None
    """NaN: the model gave none."""
    uuid: Column | None = None
    """Texts, `UUID`s, or (n, 16) bytes."""

    def __len__(self) -> int:
        return len(self.row)

    @property
    def arguments(self) -> dict[str, Any]:
        """By name."""
        return {name: getattr(self, name) for name in ("row", "class_name", "boxes", "confidence", "uuid")}

    def checked(self) -> Columns:
        """The same, as arrays of one length; a ValueError says where something can't be sent."""
        count = len(self.row)
        boxes = np.asarray(self.boxes, np.float64)
        if boxes.shape != (count, 4) and boxes.size:
            raise ValueError(f"boxes must have the shape ({count}, 4), as row has {count} items; not {boxes.shape}")
        boxes = boxes.reshape(count, 4)
        confidence = None if self.confidence is None else _each(self.confidence, count, "confidence", np.float64)
        infinite = ~np.isfinite(boxes).all(axis=1)
        if confidence is not None:
            infinite |= np.isinf(confidence)
        if infinite.any():
            raise ValueError(f"the annotation at index {int(np.argmax(infinite))} has NaN or Infinity in it")
        uuid = None if self.uuid is None else _texts(self.uuid, count)
        names = _each(self.class_name, count, "class_name", np.object_)
        return Columns(_each(self.row, count, "row", np.object_), names, boxes, confidence, uuid)

    def blocks(self) -> Iterator[Sequence[object]]:
        """Lines in Labelbox's shape, block by block."""
        it = self.checked()
        row, class_name, boxes = cast("tuple[npt.NDArray[Any], ...]", (it.row, it.class_name, it.boxes))
        confidence = cast("npt.NDArray[np.float64] | None", it.confidence)
        for begin in range(0, len(it), _BLOCK):
            part = slice(begin, begin + _BLOCK)
            keys: list[str] = row[part].tolist()
            names = {key: RowName(str(key)) for key in set(keys)}
            count = len(keys)
            scores = [None] * count if confidence is None else or_none(confidence[part])
            uuids = [None] * count if it.uuid is None else cast("list[str]", it.uuid[part])
            yield [
                Line(names[key], name, Bbox(y, x, height, width), score, uuid)
                for key, name, (x, y, width, height), score, uuid in zip(
                    keys, class_name[part].tolist(), boxes[part].tolist(), scores, uuids, strict=True
                )
            ]

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each: `row, class_name, x, y, width, height`, and `confidence, uuid` where there are any."""
        try:
            import pandas
        except ImportError as error:
            raise MissingExtra("pandas") from error
        return pandas.DataFrame(self._flat())

    def to_arrow(self) -> pyarrow.Table:
        """The same as an Arrow table."""
        try:
            import pyarrow
        except ImportError as error:
            raise MissingExtra("pyarrow") from error
        return pyarrow.table(self._flat())

    def _flat(self) -> dict[str, Any]:
        boxes = np.asarray(self.boxes, np.float64).reshape(-1, 4)
        flat: dict[str, Any] = {"row": np.asarray(self.row, object), "class_name": np.asarray(self.class_name, object)}
        flat |= {
            name: np.ascontiguousarray(boxes[:, place]) for place, name in enumerate(("x", "y", "width", "height"))
        }
        optional = {"confidence": self.confidence, "uuid": self.uuid}
        return flat | {name: column for name, column in optional.items() if column is not None}


def empty_rows(keys: Iterable[str]) -> list[object]:
    """Lines that say that there is nothing in these rows."""
    return [Empty(RowName(str(key))) for key in keys]


def of_lines(blocks: Iterable[Sequence[Line]]) -> Columns:
    """Predictions in columns."""
    parts = [_of_block(lines) for lines in blocks if lines] or [_of_block(())]
    row, class_name, boxes, confidence, uuid = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Columns(row, class_name, boxes, confidence, uuid)


def _of_block(lines: Sequence[Line]) -> tuple[npt.NDArray[Any], ...]:
    return (
        np.array([line.data_row.global_key for line in lines], np.object_),
        np.array([line.name for line in lines], np.object_),
        np.array([(b.left, b.top, b.width, b.height) for line in lines for b in (line.bbox,)]).reshape(-1, 4),
        np.array([np.nan if line.confidence is None else line.confidence for line in lines], np.float64),
        np.array([line.uuid for line in lines], np.object_),
    )


def _each(column: Column | str | float, count: int, name: str, kind: type[Any]) -> npt.NDArray[Any]:
    """A column of this length; one value stands for all."""
    if isinstance(column, (str, float, int)):
        return np.full(count, column, kind)
    array = np.asarray(column, kind)
    if array.shape != (count,):
        raise ValueError(f"{name} must have {count} items, as row has; not the shape {array.shape}")
    return array


def _texts(uuids: Column, count: int) -> list[str]:
    array = np.asarray(uuids)
    if array.shape == (count, 16) and array.dtype == np.uint8:
        return uuid_texts(array)
    if array.shape != (count,):
        raise ValueError(f"uuid must have {count} items, as row has; not the shape {array.shape}")
    return [value if isinstance(value, str) else str(UUID(str(value))) for value in array.tolist()]
