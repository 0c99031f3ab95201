"""Annotations in columns: NumPy arrays in, NumPy arrays and tables out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from sightline.arrays import Floats
from sightline.client import values
from sightline.client.errors import MissingExtra
from sightline.formats.labelbox_writing import Bbox, Empty, Line, RowName, or_none
from sightline.formats.uuids import UUID_BYTES, uuid_texts

if TYPE_CHECKING:
    import pandas
    import pyarrow

Column = Sequence[Any] | npt.NDArray[Any]
L = TypeVar("L", bound=Sized)

BOX = ("x", "y", "width", "height")

_BLOCK = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Annotations, one in each place: `run.upload(**columns.arguments)` sends what `to_arrays` gave."""

    row: Column
    """Global keys; whole numbers become texts."""
    class_name: Column | str
    boxes: Column
    """(n, 4): x, y, width, height in pixels from the top left."""
    confidence: Column | float | None = None
    """NaN, and whatever else is missing: the model gave none."""
    uuid: Column | None = None
    """Texts, `UUID`s, or (n, 16) bytes."""

    def __len__(self) -> int:
        return len(self.row)

    @property
    def arguments(self) -> dict[str, Any]:
        """By name."""
        return {name: getattr(self, name) for name in ("row", "class_name", "boxes", "confidence", "uuid")}

    def checked(self) -> Columns:
        """The same, as it is sent; a ValueError says which column can't be sent, where, and what to do."""
        row = _keys(self.row)
        count = len(row)
        names = [self.class_name] * count if isinstance(self.class_name, str) else _texts(self.class_name)
        _same_length(names, count, "class_name")
        boxes = _boxes(self.boxes, count)
        scores = None if self.confidence is None else _confidences(self.confidence, count)
        uuids = None if self.uuid is None else _same_length(_uuids(self.uuid), count, "uuid")
        return Columns(row, names, boxes, scores, uuids)

    def blocks(self) -> Iterator[Sequence[object]]:
        """Lines in Labelbox's shape, block by block."""
        it = self.checked()
        row, class_name, uuid = cast("tuple[list[str], list[str], list[str] | None]", (it.row, it.class_name, it.uuid))
        boxes, confidence = cast("tuple[Floats, Floats | None]", (it.boxes, it.confidence))
        for begin in range(0, len(it), _BLOCK):
            part = slice(begin, begin + _BLOCK)
            keys = row[part]
            names = {key: RowName(key) for key in set(keys)}
            scores = [None] * len(keys) if confidence is None else or_none(confidence[part])
            uuids = [None] * len(keys) if uuid is None else uuid[part]
            yield [
                Line(names[key], name, Bbox(y, x, height, width), score, uuid)
                for key, name, (x, y, width, height), score, uuid in zip(
                    keys, class_name[part], boxes[part].tolist(), scores, uuids, strict=True
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
        flat |= {name: np.ascontiguousarray(boxes[:, place]) for place, name in enumerate(BOX)}
        optional = {"confidence": self.confidence, "uuid": self.uuid}
        return flat | {name: column for name, column in optional.items() if column is not None}


def boxes_of(columns: Sequence[Column]) -> Floats:
    """Boxes from four columns."""
    return np.column_stack([_finite(column, name) for name, column in zip(BOX, columns, strict=True)])


def empty_rows(keys: Iterable[str]) -> list[object]:
    """Lines that say that there is nothing in these rows."""
    if isinstance(keys, str):
        raise ValueError(f"empty is the text {keys!r}: give a list of global keys")
    return [Empty(RowName(values.key(key, "empty", index))) for index, key in enumerate(keys)]


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


def _keys(column: Column) -> list[str]:
    if isinstance(column, str):
        raise ValueError(f"row is the text {column!r}: give a global key for each box")
    array = _array(column)
    if array is not None and array.dtype.kind in "iu" and array.ndim == 1:
        return [str(key) for key in array.tolist()]
    return _each(column, "row", values.key)


def _texts(column: Column) -> list[str]:
    return _each(column, "class_name", values.text)


def _uuids(column: Column) -> list[str]:
    array = _array(column)
    if array is not None and array.dtype == np.uint8 and array.ndim == 2 and array.shape[1] == UUID_BYTES:
        return uuid_texts(array)
    return _each(column, "uuid", values.uuid)


def _boxes(column: Column, count: int) -> Floats:
    array = _array(column)
    numbers, shape = _flat(column) if array is None else (array.reshape(-1), array.shape)
    if shape != (count, len(BOX)) and (count or len(numbers)):
        raise ValueError(f"boxes must have the shape ({count}, 4), as row has {count} items; not {shape}")
    return _finite(numbers, "boxes", len(BOX)).reshape(count, len(BOX))


def _flat(boxes: Column) -> tuple[list[Any], tuple[int, ...]]:
    """The numbers of boxes in a list, one after the other, and the shape that they had."""
    for index, box in enumerate(boxes):
        if not hasattr(box, "__len__") or isinstance(box, str) or len(box) != len(BOX):
            raise ValueError(f"boxes at index {index} is {box!r}: give {', '.join(BOX)} for each")
    return list(chain.from_iterable(boxes)), (len(boxes), len(BOX))


def _confidences(column: Column | float, count: int) -> Floats:
    """NaN where there is none."""

    def confidence(value: object, index: int) -> float:
        said = values.confidence(value, "confidence", index)
        return np.nan if said is None else said

    if getattr(column, "ndim", None) == 0 or not hasattr(column, "__len__"):
        return np.full(count, confidence(column, 0))
    found = _numbers(cast("Column", column), confidence)
    infinite = np.isinf(found)
    if infinite.any():
        confidence(found[place := int(np.argmax(infinite))], place)
    return _same_length(found, count, "confidence")


def _finite(column: Column, name: str, each: int = 1) -> Floats:
    """Numbers that are all there and finite; `each`: how many of them stand at an index."""
    found = _numbers(column, lambda value, place: values.number(value, name, place // each))
    unfit = ~np.isfinite(found)
    if unfit.any():
        values.number(found[place := int(np.argmax(unfit))], name, place // each)
    return found


def _numbers(column: Column, number: Callable[[object, int], float]) -> Floats:
    """Numbers as float64; those that aren't plainly numbers are looked at one by one."""
    array = _array(column)
    if array is not None and array.dtype.kind in "iuf" and not np.ma.is_masked(array):
        return np.asarray(array, np.float64)
    # What is masked is None then.
    items: list[Any] = list(column) if array is None else array.tolist()
    if set(map(type, items)) <= {int, float}:
        with suppress(OverflowError):
            return np.array(items, np.float64)
    return np.array([number(value, index) for index, value in enumerate(items)], np.float64)


def _each(column: Column, name: str, make: Callable[[object, str, int], str]) -> list[str]:
    array = _array(column)
    items: list[Any] = list(column) if array is None else array.tolist()
    if set(map(type, items)) <= {str}:
        return items
    return [make(value, name, index) for index, value in enumerate(items)]


def _array(column: Any) -> npt.NDArray[Any] | None:
    """A column as an array, where it is one or can become one. Not a list: NumPy would make its items alike."""
    if isinstance(column, np.ma.MaskedArray):
        return cast("npt.NDArray[Any]", column)
    return np.asarray(column) if hasattr(column, "__array__") else None


def _same_length(column: L, count: int, name: str) -> L:
    if len(column) != count:
        raise ValueError(f"{name} must have {count} items, as row has; it has {len(column)}")
    return column
