"""Annotations as NDJSON in Labelbox's shape, a line an annotation:

    {"dataRow": {"globalKey": "a.jpg"}, "name": "car", "bbox": {"top": 20, "left": 10, "height": 40, "width": 30},
     "confidence": 0.93, "uuid": "9d1e2f3a-..."}

Rows come in any order. Columns come out: names of rows and classes as text, the rest packed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from sightline.arrays import Bools, Floats, Longs
from sightline.domain.kinds import BOX
from sightline.domain.names import name_fault
from sightline.formats.faults import Rejection
from sightline.formats.ndjson import LineReader, Lines, TypedLines
from sightline.formats.uuids import NO_UUID, Octets, parse_uuids

_OTHER_KINDS = (
    *("polygon", "point", "line", "mask", "masks", "location", "answer", "answers", "segments", "textSelections"),
    *("frames", "metricName"),
)
_NOTHING = (b"null", b"[]")
_SHOULD_BE = {
    "dataRow": "`dataRow` is no object with a `globalKey`, which is text.",
    "name": "The name of the class is no text.",
    "bbox": "The box is no object of the numbers `left`, `top`, `width` and `height`, in pixels.",
    "confidence": "The confidence is no number: it is one between 0 and 1, or left out.",
    "uuid": NO_UUID,
    "empty": "`empty` is neither true nor false.",
}
_UUID = re.compile(rb'"uuid"\s*:\s*"([0-9A-Fa-f-]{36})"')
_GLOBAL_KEY = re.compile(rb'"globalKey"\s*:\s*("(?:[^"\\]|\\.)*")')


class DataRowName(msgspec.Struct, gc=False, rename="camel"):
    """Names a row."""

    global_key: str | None = None


class _Box(msgspec.Struct, gc=False):
    top: float
    left: float
    height: float
    width: float


class _Line(msgspec.Struct, gc=False, rename="camel"):
    data_row: DataRowName
    name: str | None = None
    bbox: _Box | None = None
    confidence: float | None = None
    uuid: str | None = None
    empty: bool = False
    custom_metrics: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    classifications: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    schema_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _KnownFields(_Line, gc=False, rename="camel", forbid_unknown_fields=True):
    """A line of which nothing is left out unread."""


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
    rejected_keys: Mapping[int, str] = field(default_factory=dict[int, str])
    """The rows that rejected lines are about, by line, as far as that can be told."""
    lines: int = 0
    """Lines of the file up to the end of this block."""
    not_kept: int = 0
    """Lines with custom metrics or nested classifications, which are not kept."""
    unknown_fields: int = 0
    """Lines with fields that nobody knows: left out, or misspelt."""

    def __len__(self) -> int:
        return len(self.line)


class AnnotationReader:
    """Reads annotations from bytes that are fed to it in chunks of any size."""

    def __init__(self) -> None:
        self._lines = LineReader()
        self._typed = TypedLines(_Line, closed=_KnownFields, explain=_explain)

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
        misfits = self._typed.decode(lines, found, numbers)
        rejections = misfits.rejections
        items: list[_Line] = []
        places: list[int] = []
        empty: list[tuple[str, int]] = []
        incomplete: list[tuple[_Line, int]] = []
        for item, number in zip(found, numbers, strict=True):
            key = item.data_row.global_key
            if item.bbox is not None and item.name is not None and key is not None and not item.empty:
                items.append(item)
                places.append(number)
            elif item.empty and item.bbox is None and item.name is None and key is not None:
                empty.append((key, number))
            else:
                incomplete.append((item, number))
        if incomplete:
            texts = lines.text.split(b"\n")
            rejections += [_incomplete(item, texts[number - lines.first], number) for item, number in incomplete]
        box = np.array([(b.left, b.top, b.width, b.height) for i in items if (b := i.bbox)], np.float64)
        box = box.reshape(len(items), BOX.width)
        confidence = np.array([np.nan if i.confidence is None else i.confidence for i in items], np.float64)
        keys = [i.data_row.global_key or "" for i in items]
        uuid, has_uuid, no_uuid = parse_uuids([i.uuid for i in items])
        line = np.array(places, np.int64)

        wrong_box = BOX.check(box)
        out_of_range = (confidence < 0) | (confidence > 1)
        key_faults = {key: fault for key in {*keys, *(key for key, _ in empty)} if (fault := name_fault(key))}
        wrong_key = np.fromiter((key in key_faults for key in keys), np.bool_, len(items))
        bad = no_uuid | (wrong_box > 0) | out_of_range | wrong_key
        for place in np.flatnonzero(bad).tolist():
            number = places[place]
            if wrong_key[place]:
                rejections.append(_wrong_key(key_faults[keys[place]], number))
            elif wrong_box[place]:
                fault = BOX.faults[int(wrong_box[place]) - 1]
                rejections.append(Rejection(number, fault.code, fault.message, f"line {number}: bbox"))
            elif out_of_range[place]:
                message = "The confidence is not between 0 and 1."
                rejections.append(Rejection(number, "confidence_out_of_range", message, f"line {number}: confidence"))
            else:
                rejections.append(Rejection(number, "invalid", NO_UUID, f"line {number}: uuid"))
        if key_faults:
            rejections += [_wrong_key(key_faults[key], number) for key, number in empty if key in key_faults]
            empty = [(key, number) for key, number in empty if key not in key_faults]
        rejections.sort(key=lambda rejection: rejection.number)
        rejections, rejected_keys = named_rejections(lines, rejections)
        kept = np.flatnonzero(~bad).tolist()
        whole = len(kept) == len(items)
        return AnnotationBlock(
            keys if whole else [keys[place] for place in kept],
            [items[place].name or "" for place in kept],
            box if whole else box[kept],
            confidence if whole else confidence[kept],
            uuid if whole else uuid[kept],
            has_uuid if whole else has_uuid[kept],
            line if whole else line[kept],
            empty,
            rejections,
            rejected_keys,
            lines.first + lines.count - 1,
            sum(_says(item.custom_metrics) or _says(item.classifications) for item in items),
            misfits.unknown_fields,
        )


def _says(value: msgspec.Raw | msgspec.UnsetType) -> bool:
    return value is not msgspec.UNSET and bytes(value) not in _NOTHING


def named_rejections(lines: Lines, rejections: list[Rejection]) -> tuple[list[Rejection], dict[int, str]]:
    """Rejections of lines with their uuids, and the rows that they are about, as far as their texts tell."""
    if not rejections:
        return rejections, {}
    texts = lines.text.split(b"\n")
    named: list[Rejection] = []
    keys: dict[int, str] = {}
    for rejection in rejections:
        number = rejection.number
        text = lines.beginnings.get(number) or texts[number - lines.first]
        uuid = _UUID.search(text)
        named.append(replace(rejection, uuid=uuid[1].decode().lower()) if uuid else rejection)
        key = _GLOBAL_KEY.search(text)
        if key is not None:
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                keys[number] = msgspec.json.decode(key[1], type=str)
    return named, keys


def _explain(field: str, message: str) -> str:
    """What a field should be, in the words of the format."""
    return _SHOULD_BE.get(field.partition(".")[0], message)


def _wrong_key(fault: str, number: int) -> Rejection:
    return Rejection(number, "name", fault, f"line {number}: dataRow.globalKey")


def _incomplete(item: _Line, text: bytes, number: int) -> Rejection:
    where = f"line {number}"
    if item.data_row.global_key is None:
        message = "`dataRow` has no `globalKey`: rows are named by their global key."
        return Rejection(number, "invalid", message, f"{where}: dataRow")
    if item.empty:
        return Rejection(number, "invalid", "A line that is `empty` has no `name` and no `bbox`.", f"{where}: empty")
    if item.bbox is None:
        said = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        others = [name for name in _OTHER_KINDS if name in said]
        has = f"has `{others[0]}` and" if others else "has"
        return Rejection(number, "invalid", f"The line {has} no `bbox`: only boxes are read.", where)
    by_id = ": `schemaId` is not known here" if item.schema_id is not msgspec.UNSET else ""
    return Rejection(number, "invalid", f"The line has no `name` of a class{by_id}.", f"{where}: name")
