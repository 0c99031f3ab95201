"""From what people have (arrays, tables, dicts, files) to the body of an upload."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import msgspec

from sightline.client.asking import Body, Sent

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


def lines(items: Iterable[object], sent: Sent | None = None, *, gzip: bool = False) -> Body:
    """Items as NDJSON, a line each. What is an iterator can be sent once only."""
    return ndjson(lambda: blocks(items), sent, gzip=gzip, once=isinstance(items, Iterator))


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


def rows_of(source: Source) -> Iterable[Mapping[str, Any]]:
    """Data rows as dicts."""
    if is_table(source):
        return _records(source)
    return cast("Iterable[Mapping[str, Any]]", source)


def is_table(source: object) -> bool:
    """Whether something is a DataFrame."""
    return hasattr(source, "columns") and hasattr(source, "__getitem__")


def columns_of(table: Any) -> Columns:
    """The columns of a DataFrame: `row` (or `global_key`), `class_name`, and `x, y, width, height` or `box`."""
    import numpy as np

    from sightline.client.columns import Columns

    names = [str(name) for name in table.columns]
    row = "row" if "row" in names else "global_key"
    needed = [row, "class_name", *(["box"] if "box" in names else _BOX)]
    if missing := [name for name in needed if name not in names]:
        raise ValueError(f"the table has no column {', '.join(missing)}: it has {', '.join(names)}")
    boxes = list(table["box"]) if "box" in names else np.column_stack([np.asarray(table[name]) for name in _BOX])
    optional = {name: np.asarray(table[name]) for name in ("confidence", "uuid") if name in names}
    return Columns(np.asarray(table[row]), np.asarray(table["class_name"]), np.asarray(boxes), **optional)


def annotation(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """`{row, class_name, box, confidence?, uuid?}` as a line in Labelbox's shape, in which it may be already."""
    if "dataRow" in item:
        return item
    said = dict(item)
    key = said.pop("row", None) or said.pop("global_key", None)
    line: dict[str, Any] = {"dataRow": {"globalKey": key}}
    if "class_name" in said:
        line["name"] = said.pop("class_name")
    if "box" in said:
        x, y, width, height = said.pop("box")
        line["bbox"] = {"top": float(y), "left": float(x), "height": float(height), "width": float(width)}
    return {**line, **{name: value for name, value in said.items() if value is not None}}


def _records(table: Any) -> Iterator[dict[str, Any]]:
    """The rows of a DataFrame without what is missing in them."""
    names = [str(name) for name in table.columns]
    columns = [table[name].tolist() for name in names]
    for values in zip(*columns, strict=True):
        # NaN is how tables say that there is nothing; it differs from itself.
        yield {
            name: int(value) if name in ("width", "height", "ordinal") else value
            for name, value in zip(names, values, strict=True)
            if value is not None and value == value
        }


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
