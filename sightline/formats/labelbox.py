"""Annotations as NDJSON in Labelbox's shape, a line an annotation:

    {"dataRow": {"globalKey": "a.jpg"}, "name": "car", "bbox": {"top": 20, "left": 10, "height": 40, "width": 30},
     "confidence": 0.93, "uuid": "9d1e2f3a-..."}

What Labelbox has no word for is said of truth in COCO's: `area` (without: that of the box) and `iscrowd`.

Rows come in any order. Columns come out: names of rows and classes as text, the rest packed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

import msgspec
import numpy as np

from sightline.arrays import Bools, Bytes, Floats, Longs
from sightline.domain.kinds import BOX
from sightline.domain.names import name_fault
from sightline.formats.faults import MOST_KEPT, Rejections
from sightline.formats.named_rows import NamedRow, rows_named
from sightline.formats.ndjson import MALFORMED, Fault, LineReader, Lines, TypedLines
from sightline.formats.uuids import NO_UUID, Octets, parse_uuids

_OTHER_KINDS = (
    *("polygon", "point", "line", "mask", "masks", "location", "answer", "answers", "segments", "textSelections"),
    *("frames", "metricName"),
)
_NOTHING = (b"null", b"[]")
NO_CROWD = "`iscrowd` is neither 0 nor 1."
_SHOULD_BE = {
    "dataRow": "`dataRow` is no object with a `globalKey`, which is text.",
    "name": "The name of the class is no text.",
    "bbox": "The box is no object of the numbers `left`, `top`, `width` and `height`, in pixels.",
    "confidence": "The confidence is no number: it is one between 0 and 1, or left out.",
    "uuid": NO_UUID,
    "empty": "`empty` is neither true nor false.",
    "area": "The area is no number.",
    "iscrowd": NO_CROWD,
}
_UUID = re.compile(rb'"uuid"\s*:\s*"([0-9A-Fa-f-]{36})"')


class _Box(msgspec.Struct, gc=False):
    top: float
    left: float
    height: float
    width: float


class _Line(msgspec.Struct, gc=False, rename="camel"):
    data_row: NamedRow
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


class _TruthLine(_Line, gc=False, rename="camel"):
    area: float | None = None
    iscrowd: int | bool | None = None


class _KnownTruthFields(_TruthLine, gc=False, rename="camel", forbid_unknown_fields=True):
    """The same of truth."""


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
    areas: Floats
    """Of truth alone: that of its box where the line has none."""
    crowds: Bools
    """Of truth alone."""
    empty: Sequence[tuple[str, int]] = ()
    """Rows that are said to have no annotation, with their lines."""
    rejections: Rejections = field(default_factory=Rejections)
    rejected_keys: Set[str] = frozenset()
    """The rows that rejected lines are about, as far as that can be told: a line that is no JSON may name several."""
    of_no_row: int = 0
    """Rejected lines of which that can't be told."""
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

    def __init__(self, *, truth: bool = False) -> None:
        """`truth`: with areas and crowds; and of rejected lines it is told which rows they are about."""
        self._truth = truth
        self._lines = LineReader()
        self._typed = TypedLines(
            _TruthLine if truth else _Line,
            closed=_KnownTruthFields if truth else _KnownFields,
            explain=_explain,
            uuid=uuid_said,
            about=rows_named if truth else None,
        )
        self._keep = MOST_KEPT

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
        rejections = Rejections(self._keep)
        misfits = self._typed.decode(lines, found, numbers, rejections)
        rejected_keys, of_no_row = set(misfits.about), misfits.about_unknown

        def reject(item: _Line, number: int, fault: Fault) -> None:
            nonlocal of_no_row
            rejections.line(number, *fault, _well_formed(item.uuid))
            key = item.data_row.global_key
            if key is None:
                of_no_row += 1
            else:
                rejected_keys.add(key)

        items: list[_Line] = []
        places: list[int] = []
        empty: list[tuple[_Line, int]] = []
        incomplete: list[tuple[_Line, int]] = []
        for item, number in zip(found, numbers, strict=True):
            key = item.data_row.global_key
            if item.bbox is not None and item.name is not None and key is not None and not item.empty:
                items.append(item)
                places.append(number)
            elif item.empty and item.bbox is None and item.name is None and key is not None:
                empty.append((item, number))
            else:
                incomplete.append((item, number))
        if incomplete:
            texts = lines.text.split(b"\n")
            for item, number in incomplete:
                reject(item, number, _incomplete(item, texts[number - lines.first]))
        box = np.array([(b.left, b.top, b.width, b.height) for i in items if (b := i.bbox)], np.float64)
        box = box.reshape(len(items), BOX.width)
        confidence = np.array([np.nan if i.confidence is None else i.confidence for i in items], np.float64)
        keys = [i.data_row.global_key or "" for i in items]
        uuid, has_uuid, no_uuid = parse_uuids([i.uuid for i in items])
        line = np.array(places, np.int64)

        wrong_box = BOX.check(box)
        out_of_range = (confidence < 0) | (confidence > 1)
        all_keys = {*keys, *(item.data_row.global_key or "" for item, _ in empty)}
        key_faults = {key: fault for key in all_keys if (fault := name_fault(key))}
        wrong_key = np.fromiter((key in key_faults for key in keys), np.bool_, len(items))
        bad = no_uuid | (wrong_box > 0) | out_of_range | wrong_key
        areas, crowds = _said_of_truth(items, box) if self._truth else (np.zeros(0), np.zeros(0, np.int8))
        if self._truth:
            bad |= (areas < 0) | (crowds < 0) | (crowds > 1)
        for place in np.flatnonzero(bad).tolist():
            if wrong_key[place]:
                fault = Fault("name", key_faults[keys[place]], "dataRow.globalKey")
            elif wrong_box[place]:
                of_box = BOX.faults[int(wrong_box[place]) - 1]
                fault = Fault(of_box.code, of_box.message, "bbox")
            elif out_of_range[place]:
                fault = Fault("confidence_out_of_range", "The confidence is not between 0 and 1.", "confidence")
            elif self._truth and areas[place] < 0:
                fault = Fault("negative_area", "The area is negative.", "area")
            elif self._truth and crowds[place] not in (0, 1):
                fault = Fault("invalid", NO_CROWD, "iscrowd")
            else:
                fault = Fault("invalid", NO_UUID, "uuid")
            reject(items[place], places[place], fault)
        emptied: list[tuple[str, int]] = []
        for item, number in empty:
            key = item.data_row.global_key or ""
            if key in key_faults:
                reject(item, number, Fault("name", key_faults[key], "dataRow.globalKey"))
            else:
                emptied.append((key, number))
        self._keep -= len(rejections.kept)
        kept = np.flatnonzero(~bad).tolist()
        whole = len(kept) == len(items)
        if self._truth:
            areas, crowds = areas[kept], crowds[kept]
        return AnnotationBlock(
            keys if whole else [keys[place] for place in kept],
            [items[place].name or "" for place in kept],
            box if whole else box[kept],
            confidence if whole else confidence[kept],
            uuid if whole else uuid[kept],
            has_uuid if whole else has_uuid[kept],
            line if whole else line[kept],
            areas,
            crowds.astype(np.bool_),
            emptied,
            rejections,
            rejected_keys,
            of_no_row,
            lines.first + lines.count - 1,
            sum(_says(item.custom_metrics) or _says(item.classifications) for item in items),
            misfits.unknown_fields,
        )


def _said_of_truth(items: Sequence[_Line], box: Floats) -> tuple[Floats, Bytes]:
    """Areas, and crowds as numbers: what is neither 0 nor 1 comes as 2 or -1."""
    lines = [item for item in items if isinstance(item, _TruthLine)]
    said = np.array([np.nan if line.area is None else line.area for line in lines], np.float64)
    crowds = np.array([min(max(line.iscrowd or 0, -1), 2) for line in lines], np.int8)
    with np.errstate(over="ignore", invalid="ignore"):  # of boxes that are too large
        return np.where(np.isnan(said), BOX.area(box), said), crowds


def _says(value: msgspec.Raw | msgspec.UnsetType) -> bool:
    return value is not msgspec.UNSET and bytes(value) not in _NOTHING


def uuid_said(text: bytes) -> str:
    """The uuid that a line has, as far as its text tells."""
    found = _UUID.search(text)
    return found[1].decode().lower() if found else ""


def _well_formed(uuid: str | None) -> str:
    return uuid_said(b'"uuid":"%b"' % uuid.encode()) if uuid else ""


def _explain(field: str, message: str) -> str:
    """What a field should be, in the words of the format."""
    return _SHOULD_BE.get(field.partition(".")[0], message)


def _incomplete(item: _Line, text: bytes) -> Fault:
    if item.data_row.global_key is None:
        message = "`dataRow` has no `globalKey`: rows are named by their global key."
        return Fault("invalid", message, "dataRow")
    if item.empty:
        return Fault("invalid", "A line that is `empty` has no `name` and no `bbox`.", "empty")
    if item.bbox is None:
        try:
            said = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError):  # what is passed over may be anything
            return MALFORMED
        others = [name for name in _OTHER_KINDS if name in said]
        has = f"has `{others[0]}` and" if others else "has"
        return Fault("invalid", f"The line {has} no `bbox`: only boxes are read.")
    by_id = ": `schemaId` is not known here" if item.schema_id is not msgspec.UNSET else ""
    return Fault("invalid", f"The line has no `name` of a class{by_id}.", "name")
