"""Windows: checked predictions are collected, and a window at a time becomes events, one or more for each row.

A window is what is held of an upload at a time. The larger it is, the fewer events say the same where a file's order
has nothing to do with rows; a file that is sorted by row fills events early, and then windows are short.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from services.common.eventlog.port import Message
from services.ingest.importing.events import EventMaker
from sightline.arrays import Bools, Floats, Ints, Longs
from sightline.formats.json_elements import MOST_ELEMENTS
from sightline.formats.uuids import UUID_BYTES
from sightline.wire.events.v1.predictions_pb2 import BoxPredictions

WINDOW = 576_000
"""Most predictions in a window: 28 MB in columns, 38 MB with uuids."""
LARGEST_BLOCK = MOST_ELEMENTS
SHORT_WINDOW = 64_000
"""Enough where the file is in the order of rows."""
PREDICTIONS_PER_EVENT = 20_000
"""An event stays below 1 MiB: a prediction takes 44 bytes,"""
PREDICTIONS_WITH_UUIDS_PER_EVENT = 15_000
"""and 60 with its uuid."""
APPEND_MESSAGES = 1_000
APPEND_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class Columns:
    """Predictions that fit, in upload order. `row` is a place in the import's rows."""

    row: Ints
    class_id: Ints
    box: Floats
    confidence: Floats
    place: Longs
    """Places in the file, from 0."""
    uuid: Uuids | None = None

    def __len__(self) -> int:
        return len(self.row)

    def only(self, kept: Bools) -> Columns:
        """Some of them."""
        uuid = self.uuid and Uuids(self.uuid.octets[kept], self.uuid.given[kept])
        return Columns(
            self.row[kept], self.class_id[kept], self.box[kept], self.confidence[kept], self.place[kept], uuid
        )


@dataclass(frozen=True, slots=True)
class Uuids:
    """The uuids of predictions, (n, 16) bytes, and which of them have one."""

    octets: npt.NDArray[np.uint8]
    given: Bools


@dataclass(frozen=True, slots=True)
class RowNames:
    """The rows that an import may name. They may become more while it runs."""

    global_keys: Sequence[str]
    partitions: Sequence[int]


class Windows:
    """Collects columns, and makes events of them a window at a time."""

    def __init__(self, events: EventMaker, rows: RowNames, *, uuids: bool = False) -> None:
        """`uuids`: predictions come with them, or may."""
        self._events = events
        self._rows = rows
        self._row = _column(WINDOW, "<i4")
        self._class_id = _column(WINDOW, "<i4")
        self._box = _column(4 * WINDOW, "<f8").reshape(-1, 4)
        self._confidence = _column(WINDOW, "<f8")
        self._uuid = _column(UUID_BYTES * WINDOW, "u1").reshape(-1, UUID_BYTES) if uuids else None
        self._has_uuid = _column(WINDOW, "?") if uuids else None
        self._size = 0
        self._in_window = np.zeros(len(rows.global_keys), np.bool_)
        self.named = np.zeros(len(rows.global_keys), np.bool_)
        """Rows that events were made of."""
        self.place = 0
        """Place in the file, from 1, of the last prediction that was added."""

    def add(self, columns: Columns) -> bool:
        """Take more, as long as the window is not full; whether it is full now."""
        part = slice(self._size, self._size + len(columns))
        self._row[part] = columns.row
        self._class_id[part] = columns.class_id
        self._box[part] = columns.box
        self._confidence[part] = columns.confidence
        if self._uuid is not None and self._has_uuid is not None and columns.uuid is not None:
            self._uuid[part] = columns.uuid.octets
            self._has_uuid[part] = columns.uuid.given
        self._size = part.stop
        more = len(self._rows.global_keys) - len(self._in_window)
        if more:
            self._in_window = np.concatenate((self._in_window, np.zeros(more, np.bool_)))
        self._in_window[columns.row] = True
        if len(columns):
            self.place = int(columns.place[-1]) + 1
        if self._size > WINDOW - LARGEST_BLOCK:
            return True
        if self._size < SHORT_WINDOW:
            return False
        # A file in any order soon names every row there is, or a new one with each prediction.
        return 2 * int(np.count_nonzero(self._in_window)) <= min(len(self._in_window), self._size)

    def has_named(self, row: int) -> bool:
        """Whether events were made of a row."""
        return row < len(self.named) and bool(self.named[row])

    def take(self) -> tuple[int, Iterator[Message]]:
        """End the window: how many predictions it has, and their events, to be taken before more is added."""
        size, self._size = self._size, 0
        more = len(self._in_window) - len(self.named)
        if more:
            self.named = np.concatenate((self.named, np.zeros(more, np.bool_)))
        self.named |= self._in_window
        self._in_window[:] = False
        return size, self._messages(size) if size else iter(())

    def _messages(self, size: int) -> Iterator[Message]:
        """Events by row, and of each row in the order of the upload.

        An event's predictions all have uuids, or none has. Where that changes within a row another event begins, so
        that ties go by the upload: a row of n lines takes n events at worst.
        """
        row = self._row[:size]
        # Sorting two bytes is a radix sort, several times as fast; most datasets have that few rows.
        narrow = row.astype(np.uint16) if len(self._in_window) <= 1 << 16 else row
        order = np.argsort(narrow, kind="stable")
        ordered = row[order]
        begins = np.diff(ordered, prepend=-1) != 0
        given = np.zeros(size, np.bool_) if self._has_uuid is None else self._has_uuid[:size][order]
        begins[1:] |= given[1:] != given[:-1]
        starts = np.flatnonzero(begins)
        indices, named = ordered[starts].tolist(), given[starts].tolist()
        del narrow, ordered, begins, given
        for spans in _together(_spans(indices, named, starts.tolist(), size)):
            # Gathered some events at a time: all at once would hold the window twice.
            first, last = spans[0].begin, spans[-1].end
            places = order[first:last]
            class_ids, boxes = self._class_id[places].tobytes(), self._box[places].tobytes()
            confidences = self._confidence[places].tobytes()
            has_uuids = self._uuid is not None and any(span.named for span in spans)
            uuids = self._uuid[places].tobytes() if self._uuid is not None and has_uuids else b""
            for span in spans:
                a, b = span.begin - first, span.end - first
                said = BoxPredictions(
                    count=b - a,
                    class_ids=class_ids[4 * a : 4 * b],
                    boxes=boxes[32 * a : 32 * b],
                    confidences=confidences[8 * a : 8 * b],
                    uuids=uuids[UUID_BYTES * a : UUID_BYTES * b] if span.named else b"",
                )
                yield self._events.predictions(self._rows.global_keys[span.row], self._rows.partitions[span.row], said)


def _column(size: int, kind: str) -> npt.NDArray[Any]:
    """Memory of its own, not the heap's: pages are taken as they are filled, and all given back with the window."""
    return np.frombuffer(mmap.mmap(-1, size * np.dtype(kind).itemsize), kind)


class _Span(NamedTuple):
    """What becomes one event: a row, whether its predictions have uuids, and where they begin and end."""

    row: int
    named: bool
    begin: int
    end: int


def _spans(rows: Sequence[int], named: Sequence[bool], starts: Sequence[int], size: int) -> Iterator[_Span]:
    """Cut what has more predictions than an event may have."""
    for row, has_uuids, begin, end in zip(rows, named, starts, [*starts[1:], size], strict=True):
        most = PREDICTIONS_WITH_UUIDS_PER_EVENT if has_uuids else PREDICTIONS_PER_EVENT
        for a in range(begin, end, most):
            yield _Span(row, has_uuids, a, min(a + most, end))


def _together(spans: Iterator[_Span]) -> Iterator[list[_Span]]:
    """Spans in groups of about an event's most predictions."""
    group: list[_Span] = []
    for span in spans:
        group.append(span)
        if span.end - group[0].begin >= PREDICTIONS_PER_EVENT:
            yield group
            group = []
    if group:
        yield group


def in_batches(messages: Iterator[Message]) -> Iterator[list[Message]]:
    """Messages in batches that the log takes at once."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        batch.append(message)
        size += len(message.value)
        if len(batch) == APPEND_MESSAGES or size >= APPEND_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
