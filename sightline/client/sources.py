"""From what people have (arrays, tables, dicts, files) to the body of an upload."""

from __future__ import annotations

import os
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

import msgspec

from sightline.client import values
from sightline.client.asking import Body, Sent
from sightline.domain.names import NAME_LIMIT

if TYPE_CHECKING:
    from sightline.client.columns import Columns

Format = Literal["coco", "ndjson"]
GivenPath = str | os.PathLike[str]

_CHUNK = 256 << 10
_BLOCK = 8_192
_GZIP = b"\x1f\x8b"
_NDJSON = {"Content-Type": "application/x-ndjson"}
_JSON = {"Content-Type": "application/json"}
_BOX = ("x", "y", "width", "height")
_NAMES_A_ROW = ("row", "global_key")

T = TypeVar("T")


class Table(Protocol):
    """A DataFrame, as far as it is used: pandas' and those that are like it."""

    @property
    def columns(self) -> Any:
        """Their names."""
        ...

    def __getitem__(self, name: str, /) -> Any: ...


Source = GivenPath | Table | Iterable[Mapping[str, Any]]
"""A file's path, a DataFrame, or dicts."""


def guess(path: Path) -> Format:
    """What a file's name says of its format."""
    names = [suffix for suffix in path.suffixes if suffix != ".gz"]
    return "ndjson" if names and names[-1] in (".ndjson", ".jsonl") else "coco"


def name_of(source: object, said: str | None) -> str | None:
    """What an import is called: what is said, or else the name of its file; None: nothing."""
    if said is not None or not isinstance(source, (str, os.PathLike)):
        return said
    shown = Path(cast(GivenPath, source)).name.encode(errors="replace").decode()
    return re.sub(r"[\x00-\x1f\x7f]", "?", shown)[:NAME_LIMIT]


def file(path: Path, sent: Sent | None = None, *, format: Format = "coco") -> Body:
    """A file as it is. One that is gzipped says so. A pipe can be read once, and its size is not known."""
    headers = dict(_NDJSON if format == "ndjson" else _JSON)
    once = not path.is_file()
    if not once:
        headers["Content-Length"] = str(path.stat().st_size)
        with path.open("rb") as stream:
            if stream.read(2) == _GZIP:
                headers["Content-Encoding"] = "gzip"

    def chunks() -> Iterator[bytes]:
        done = 0
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
                done += len(chunk)
                if sent is not None:
                    sent(done)

    return Body(chunks, headers, once)


def ndjson(
    make: Callable[[], Iterator[Sequence[object]]],
    sent: Sent | None = None,
    *,
    gzip: bool = False,
    once: bool = False,
) -> Body:
    """Blocks of lines, encoded while they are sent."""

    def chunks() -> Iterator[bytes]:
        encoder = msgspec.json.Encoder()
        done = 0
        for block in make():
            yield encoder.encode_lines(block)
            done += len(block)
            if sent is not None:
                sent(done)

    headers = {**_NDJSON, "Content-Encoding": "gzip"} if gzip else _NDJSON
    return Body((lambda: _gzipped(chunks())) if gzip else chunks, headers, once)


def given_lines(
    items: Iterable[T],
    line: Callable[[T, int], object],
    more: Sequence[object],
    sent: Sent | None = None,
    *,
    gzip: bool,
) -> Body:
    """Items as NDJSON, and more lines after them. What is an iterator can be sent once only, and is looked at then."""

    def lines() -> Iterator[object]:
        return chain((line(item, index) for index, item in enumerate(items)), more)

    once = isinstance(items, Iterator)
    if not once:
        deque(lines(), maxlen=0)
    return ndjson(lambda: blocks(lines()), sent, gzip=gzip, once=once)


def rows_of(source: Source) -> Iterable[Mapping[str, Any]]:
    """Data rows as dicts."""
    return _Records(source) if is_table(source) else cast("Iterable[Mapping[str, Any]]", source)


def is_table(source: object) -> bool:
    """Whether something is a DataFrame, or a table of Arrow."""
    return hasattr(source, "columns") and hasattr(source, "__getitem__")


def columns_of(table: Any) -> Columns:
    """The columns of a DataFrame: `row` (or `global_key`), `class_name`, and `x, y, width, height` or `box`."""
    from sightline.client.columns import Columns, boxes_of

    names = _names(table)
    row = "row" if "row" in names else "global_key"
    needed = [row, "class_name", *(["box"] if "box" in names else _BOX)]
    if missing := [name for name in needed if name not in names]:
        raise ValueError(f"the table has no column {', '.join(missing)}: it has {', '.join(names)}")
    boxes = _items(table["box"]) if "box" in names else boxes_of([table[name] for name in _BOX])
    optional = {name: table[name] for name in ("confidence", "uuid") if name in names}
    return Columns(table[row], table["class_name"], boxes, **optional)


def annotation(item: Mapping[str, Any], index: int) -> Mapping[str, Any]:
    """`{row, class_name, box, confidence?, uuid?}` as a line in Labelbox's shape, in which it may be already."""
    line: dict[str, Any] = {}
    if "dataRow" not in item:
        named = "row" if item.get("row") is not None else "global_key"
        line["dataRow"] = {"globalKey": values.key(item.get(named), named, index)}
    for name, value in item.items():
        if value is None or name in _NAMES_A_ROW:
            continue
        match name:
            case "class_name":
                line["name"] = values.text(value, name, index)
            case "box":
                x, y, width, height = _four(value, index)
                line["bbox"] = {"top": y, "left": x, "height": height, "width": width}
            case "confidence":
                if (confidence := values.confidence(value, name, index)) is not None:
                    line[name] = confidence
            case "uuid":
                line[name] = values.uuid(value, name, index)
            case _:
                line[name] = values.json(value, name, index)
    return line


def data_row(item: Mapping[str, Any], index: int) -> Mapping[str, Any]:
    """A data row as a line; what is None is emptied."""
    return {
        "global_key": values.key(item.get("global_key"), "global_key", index),
        **{name: _of_row(name, value, index) for name, value in item.items() if name != "global_key"},
    }


def _of_row(name: str, value: object, index: int) -> object:
    if value is None:
        return None
    match name:
        case "ordinal":
            return values.ordinal(value, name, index)
        case "width" | "height":
            return values.whole(value, name, index)
        case _:
            return values.json(value, name, index)


def _four(box: Any, index: int) -> list[float]:
    numbers = [values.number(each, "box", index) for each in box] if hasattr(box, "__len__") else []
    if len(numbers) != len(_BOX) or isinstance(box, str):
        raise ValueError(f"box at index {index} is {box!r}: give {', '.join(_BOX)}")
    return numbers


@dataclass(frozen=True, slots=True)
class _Records:
    """The rows of a DataFrame, without what is missing in them. They can be gone through again."""

    table: Any

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = _names(self.table)
        columns = [_items(self.table[name]) for name in names]
        for row in zip(*columns, strict=True):
            yield {
                name: value
                for name, value in zip(names, row, strict=True)
                if name == "global_key" or not values.is_missing(value)
            }


def _names(table: Any) -> list[str]:
    """The names of a table's columns; Arrow's `columns` are the columns themselves."""
    return [str(name) for name in getattr(table, "column_names", table.columns)]


def _items(column: Any) -> list[Any]:
    """The items of a column of pandas, or of those that are like it, or of Arrow."""
    return column.to_pylist() if hasattr(column, "to_pylist") else column.to_list()


def blocks(items: Iterable[object]) -> Iterator[Sequence[object]]:
    """Items by the thousand."""
    block: list[object] = []
    for item in items:
        block.append(item)
        if len(block) == _BLOCK:
            yield block
            block = []
    if block:
        yield block


def _gzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, wbits=31)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
