"""Annotations as NDJSON in Labelbox's shape, a line an annotation:

    {"dataRow": {"globalKey": "a.jpg"}, "name": "car", "bbox": {"top": 20, "left": 10, "height": 40, "width": 30},
     "confidence": 0.93, "uuid": "9d1e2f3a-..."}

Rows come in any order. Columns come out: names of rows and classes as text, the rest packed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from sightline.domain.kinds import BOX, Floats
from sightline.domain.names import name_fault
from sightline.formats.faults import Rejection
from sightline.formats.ndjson import LineReader, Lines, TypedLines

Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Octets = npt.NDArray[np.uint8]

UUID_BYTES = 16

_OTHER_KINDS = ("polygon", "point", "line", "mask", "location", "answer", "answers", "segments", "textSelections")


class _DataRow(msgspec.Struct, gc=False, rename="camel"):
    global_key: str | None = None
    id: str | None = None


class _Box(msgspec.Struct, gc=False):
    top: float
    left: float
    height: float
    width: float


class _Line(msgspec.Struct, gc=False, rename="camel"):
    data_row: _DataRow
    name: str | None = None
    bbox: _Box | None = None
    confidence: float | None = None
    uuid: str | None = None
    empty: bool = False
    custom_metrics: msgspec.Raw | None = None
    classifications: msgspec.Raw | None = None


@dataclass(frozen=True, slots=True)
class AnnotationBlock:
    """Some annotations in file order, in columns, and what was left out between them."""

    global_keys: Sequence[str]
    names: Sequence[str]
    """Names of classes."""
    box: Floats
    """One row per annotation: x, y, width, height in pixels, origin top left."""
    confidence: Floats
    """NaN where the line has none."""
    uuid: Octets
    """(n, 16); zeros where the line has none."""
    has_uuid: Bools
    line: Longs
    """Number of each line in the file, from 1."""
    empty: Sequence[tuple[str, int]] = ()
    """Rows that are said to have no annotation, with their lines."""
    rejections: Sequence[Rejection] = ()
    lines: int = 0
    """Lines of the file up to the end of this block."""
    unheard: int = 0
    """Custom metrics and nested classifications, which are not kept."""

    def __len__(self) -> int:
        return len(self.line)


class AnnotationReader:
    """Reads annotations from bytes that are fed to it in chunks of any size."""

    def __init__(self) -> None:
        self._lines = LineReader()
        self._typed = TypedLines(_Line)

    @property
    def position(self) -> int:
        """Bytes taken in so far."""
        return self._lines.position

    def feed(self, chunk: bytes) -> Iterator[AnnotationBlock]:
        """Take more of the file; the annotations whose lines are whole now."""
        return map(self._block, self._lines.feed(chunk))

    def finish(self) -> Iterator[AnnotationBlock]:
        """The file has ended: its last line needs no end."""
        return map(self._block, self._lines.finish())

    def _block(self, lines: Lines) -> AnnotationBlock:
        found: list[_Line] = []
        numbers: list[int] = []
        rejections = self._typed.decode(lines, found, numbers)
        items: list[_Line] = []
        places: list[int] = []
        empty: list[tuple[str, int]] = []
        incomplete: list[tuple[_Line, int]] = []
        for item, number in zip(found, numbers, strict=True):
            key = item.data_row.global_key
            if key is None or item.bbox is None or item.name is None:
                if key is not None and item.empty and item.bbox is None and name_fault(key) is None:
                    empty.append((key, number))
                else:
                    incomplete.append((item, number))
                continue
            items.append(item)
            places.append(number)
        if incomplete:
            texts = lines.text.split(b"\n")
            rejections += [_incomplete(item, texts[number - lines.first], number) for item, number in incomplete]
        block = _columns(items, places)
        bad = _faults(block, rejections)
        kept = _only(block, ~bad) if bad.any() else block
        rejections.sort(key=lambda rejection: rejection.number)
        return AnnotationBlock(
            kept.global_keys,
            kept.names,
            kept.box,
            kept.confidence,
            kept.uuid,
            kept.has_uuid,
            kept.line,
            empty,
            rejections,
            lines.first + lines.count - 1,
            sum(item.custom_metrics is not None or item.classifications is not None for item in items),
        )


def parse_uuid(text: str) -> bytes | None:
    """The 16 bytes of a uuid as RFC 9562 writes it, any case; None when it is none."""
    if len(text) != 36 or text[8] != "-" or text[13] != "-" or text[18] != "-" or text[23] != "-":
        return None
    try:
        octets = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    return octets if len(octets) == UUID_BYTES else None


def _columns(items: Sequence[_Line], numbers: Sequence[int]) -> AnnotationBlock:
    count = len(items)
    boxes = [(b.left, b.top, b.width, b.height) for item in items if (b := item.bbox) is not None]
    given = [item.uuid for item in items]
    octets = [parse_uuid(text) if text is not None else None for text in given]
    return AnnotationBlock(
        [item.data_row.global_key or "" for item in items],
        [item.name or "" for item in items],
        np.array(boxes, np.float64).reshape(count, BOX.width),
        np.array([np.nan if item.confidence is None else item.confidence for item in items], np.float64),
        np.frombuffer(b"".join(o or bytes(UUID_BYTES) for o in octets), np.uint8).reshape(count, UUID_BYTES),
        np.fromiter((text is not None for text in given), np.bool_, count),
        np.array(numbers, np.int64),
        rejections=[
            Rejection(number, "uuid", "The uuid is not one: 8-4-4-4-12 hexadecimal digits.", f"line {number}: uuid")
            for number, text, o in zip(numbers, given, octets, strict=True)
            if text is not None and o is None
        ],
    )


def _faults(block: AnnotationBlock, rejections: list[Rejection]) -> Bools:
    """Which annotations are well-formed and can't be; why goes to `rejections`, one reason each."""
    rejections += block.rejections
    bad = np.isin(block.line, [rejection.number for rejection in block.rejections])
    faults = BOX.check(block.box)
    out_of_range = (block.confidence < 0) | (block.confidence > 1)
    faulty_key = {key: fault for key in set(block.global_keys) if (fault := name_fault(key))}
    keyless = np.fromiter((key in faulty_key for key in block.global_keys), np.bool_, len(block))
    for place in np.flatnonzero(((faults > 0) | out_of_range | keyless) & ~bad).tolist():
        number = int(block.line[place])
        if keyless[place]:
            message = faulty_key[block.global_keys[place]]
            rejections.append(Rejection(number, "name", message, f"line {number}: dataRow.globalKey"))
        elif faults[place]:
            fault = BOX.faults[int(faults[place]) - 1]
            rejections.append(Rejection(number, fault.code, fault.message, f"line {number}: bbox"))
        else:
            message = "The confidence is not between 0 and 1."
            rejections.append(Rejection(number, "confidence_out_of_range", message, f"line {number}: confidence"))
    return bad | (faults > 0) | out_of_range | keyless


def _only(block: AnnotationBlock, kept: Bools) -> AnnotationBlock:
    places = np.flatnonzero(kept).tolist()
    return AnnotationBlock(
        [block.global_keys[place] for place in places],
        [block.names[place] for place in places],
        block.box[kept],
        block.confidence[kept],
        block.uuid[kept],
        block.has_uuid[kept],
        block.line[kept],
    )


def _incomplete(item: _Line, text: bytes, number: int) -> Rejection:
    where = f"line {number}"
    if item.data_row.global_key is None:
        message = "`dataRow` has no `globalKey`: rows are named by their global key."
        return Rejection(number, "invalid", message, f"{where}: dataRow")
    if item.bbox is None:
        others = [name for name in _OTHER_KINDS if name in msgspec.json.decode(text)]
        has = f"has `{others[0]}` and" if others else "has"
        return Rejection(number, "invalid", f"The line {has} no `bbox`: only boxes are read.", where)
    return Rejection(number, "invalid", "The line has no `name` of a class.", f"{where}: name")
