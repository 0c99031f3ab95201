"""The columns of one run and of one dataset version's truths, as documents and changes come in.

Rows are numbered as they come and keep their numbers. A change is seen once, in order, and in whole transactions.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from bson.timestamp import Timestamp

from services.common.documents import Read
from services.common.readmodel.collections import DATA_ROWS, RUN_ROWS, TRUTHS, under
from services.common.readmodel.columns.store import SpanColumns
from services.common.readmodel.feed import Change, FeedLost
from services.common.versions import holds_at, in_version
from sightline.arrays import Bools, Ints, Longs
from sightline.domain.ordinals import room_behind
from sightline.domain.splits import SPLITS, UNASSIGNED
from sightline.evaluation.evidence import MINIMUM_OVERLAP

Fields = Mapping[str, Any]

_ROW_BYTES = 200
"""What a row takes beside its entries: its name, the name's places in a dictionary and a list, a few numbers."""

_PREDICTIONS: Final = {"class_ids": "<i4", "confidences": "<f8", "areas": "<f8", "places": "<i4"}
_PAIRS: Final = {"pair_predictions": "<i4", "pair_truths": "<i4", "pair_overlaps": "<f8"}
_REPAIRED: Final = {*_PAIRS, "least_overlap"}
"""What changes of a run row whose truth is another."""
_TRUTHS: Final = {"class_ids": "<i4", "areas": "<f8", "crowds": "?"}

_SPLIT_CODES: Mapping[str, int] = {split: code for code, split in enumerate(SPLITS)}
_UNASSIGNED = _SPLIT_CODES[UNASSIGNED]


class Table(ABC):
    """Rows under one prefix of `_id` in one collection."""

    collection: str
    fields: Sequence[str]

    def __init__(self, *prefix: str) -> None:
        self.prefix = "/".join(prefix)
        self.ids = under(*prefix)
        self.names: list[str] = []
        self.numbers: dict[str, int] = {}
        self.class_count = 0
        self.changes: int = 0
        """Goes up when anything in here has changed."""
        self._waiting: list[Change] | None = []

    @property
    def read(self) -> Read:
        """What it is filled from."""
        return Read(self.collection, {"_id": self.ids}, dict.fromkeys(self.fields, 1))

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Memory taken."""

    @abstractmethod
    def fill(self, documents: Sequence[Fields]) -> None:
        """Take in documents of the moment from which changes are followed."""

    @abstractmethod
    def _apply(self, changes: Sequence[Change]) -> None: ...

    def follow(self, changes: Sequence[Change]) -> None:
        """Apply changes; until the table is filled they wait."""
        if self._waiting is None:
            self._apply(changes)
        else:
            self._waiting += changes

    def filled(self, moment: Timestamp) -> None:
        """All documents of this moment are in: go on with the changes after it."""
        waiting, self._waiting = self._waiting or [], None
        self._apply([change for change in waiting if change.time > moment])

    def _name(self, id: str) -> str:
        return id[len(self.prefix) + 1 :]

    def _number(self, names: Sequence[str]) -> Longs:
        numbers = self.numbers
        for name in names:
            if name not in numbers:
                # One string for a row, however many runs say something of it.
                name = sys.intern(name)
                numbers[name] = len(self.names)
                self.names.append(name)
        return np.array([numbers[name] for name in names], np.int64)

    def _known(self, names: Iterable[str]) -> Longs:
        return np.array([self.numbers[name] for name in names if name in self.numbers], np.int64)

    def _see_classes(self, class_ids: Ints) -> None:
        if len(class_ids):
            self.class_count = max(self.class_count, int(class_ids.max()) + 1)


class RunTable(Table):
    """What a run predicted, with its pairs."""

    collection = RUN_ROWS.name
    fields = (*_PREDICTIONS, *_PAIRS, "least_overlap")

    def __init__(self, project_id: str, run_id: str) -> None:
        super().__init__(project_id, run_id)
        self.predictions = SpanColumns(_PREDICTIONS)
        self.pairs = SpanColumns(_PAIRS)
        self.there = np.zeros(0, np.bool_)
        """By row: whether the run has said anything of it, and be it nothing."""
        self.least_overlap = np.zeros(0, np.float64)
        """By row: from which overlap on its pairs are whole; infinite: none is kept."""

    @property
    def nbytes(self) -> int:
        """Memory taken."""
        return self.predictions.nbytes + self.pairs.nbytes + _ROW_BYTES * len(self.names)

    def fill(self, documents: Sequence[Fields]) -> None:
        """Take in documents."""
        self._put({self._name(document["_id"]): document for document in documents})

    def _apply(self, changes: Sequence[Change]) -> None:
        put: dict[str, Fields] = {}
        gone: dict[str, None] = {}
        repaired: dict[str, Fields] = {}
        for change in changes:
            name = self._name(change.id)
            if change.kind == "update":
                if not change.fields.keys() <= _REPAIRED:
                    raise FeedLost(f"a run row was changed in {sorted(change.fields)}, which can't be followed")
                if name in put:
                    put[name] = {**put[name], **change.fields}
                elif change.fields and name not in gone:
                    repaired[name] = {**repaired.get(name, {}), **change.fields}
                continue
            repaired.pop(name, None)
            if change.kind == "put":
                gone.pop(name, None)
                put[name] = change.fields
            else:
                put.pop(name, None)
                gone[name] = None
        if not (put or gone or repaired):
            return
        self._put(put)
        self._take_out(self._known(gone))
        self._pair_again(repaired)
        self.predictions.compact()
        self.pairs.compact()
        self.changes += 1

    def _put(self, documents: Mapping[str, Fields]) -> None:
        rows = self._number([*documents])
        self.predictions.make_rows(len(self.names))
        self.pairs.make_rows(len(self.names))
        self.there = _longer(self.there, len(self.predictions.start))
        self.there[rows] = True
        self.least_overlap = _longer(self.least_overlap, len(self.there))
        self.least_overlap[rows] = [least_overlap(document) for document in documents.values()]
        predictions = _columns([*documents.values()], _PREDICTIONS)
        confidence = predictions["confidences"]
        predictions["confidences"] = np.where(np.isnan(confidence), 1.0, confidence)
        self._see_classes(predictions["class_ids"])
        self.predictions.replace(rows, _counts(documents, "class_ids", 4), predictions)
        self.pairs.replace(rows, _counts(documents, "pair_predictions", 4), _columns([*documents.values()], _PAIRS))

    def _pair_again(self, repaired: Mapping[str, Fields]) -> None:
        """Other pairs for what is predicted. What isn't named is as it was."""
        pairs: dict[str, Fields] = {}
        least: list[float] = []
        for name, fields in repaired.items():
            row = self.numbers.get(name)
            if row is None or not self.there[row]:
                continue
            pairs[name] = fields if fields.keys() >= _PAIRS.keys() else {**self._pairs_of(row), **fields}
            least.append(least_overlap(fields) if "least_overlap" in fields else float(self.least_overlap[row]))
        rows = self._known(pairs)
        self.least_overlap[rows] = least
        self.pairs.replace(rows, _counts(pairs, "pair_predictions", 4), _columns([*pairs.values()], _PAIRS))

    def _pairs_of(self, row: int) -> Fields:
        """The pairs of a row, in the form of a document."""
        start, count = int(self.pairs.start[row]), int(self.pairs.count[row])
        return {name: self.pairs.column(name)[start : start + count].tobytes() for name in _PAIRS}

    def _take_out(self, rows: Longs) -> None:
        self.predictions.clear(rows)
        self.pairs.clear(rows)
        self.there[rows] = False

    def filled(self, moment: Timestamp) -> None:
        """Go on with the changes after this moment."""
        self.predictions.trim()
        self.pairs.trim()
        super().filled(moment)


class SplitTable(Table):
    """The splits of a dataset's rows. A row that nobody has told of is unassigned."""

    collection = DATA_ROWS.name
    fields = ("split",)

    def __init__(self, project_id: str, dataset_id: str) -> None:
        super().__init__(project_id, dataset_id)
        self._splits = np.zeros(0, np.int8)

    @property
    def nbytes(self) -> int:
        """Memory taken."""
        return _ROW_BYTES * len(self.names)

    def fill(self, documents: Sequence[Fields]) -> None:
        """Take in documents."""
        self._put({self._name(document["_id"]): document["split"] for document in documents})

    def are_in(self, splits: Collection[str], names: Sequence[str]) -> Bools:
        """Which of these rows are in one of the splits."""
        split = np.append(self._splits, _UNASSIGNED)
        rows = np.array([self.numbers.get(name, -1) for name in names], np.int64)
        return np.isin(split[rows], [_SPLIT_CODES[each] for each in splits])

    def _apply(self, changes: Sequence[Change]) -> None:
        becomes: dict[str, str] = {}
        for change in changes:
            if change.kind == "update":
                raise FeedLost("a data row was changed in place, which can't be followed")
            becomes[self._name(change.id)] = change.fields["split"] if change.kind == "put" else UNASSIGNED
        if becomes:
            self._put(becomes)
            self.changes += 1

    def _put(self, splits: Mapping[str, str]) -> None:
        rows = self._number([*splits])
        room = len(self.names) - len(self._splits)
        self._splits = np.append(self._splits, np.full(room, _UNASSIGNED, np.int8))
        self._splits[rows] = [_SPLIT_CODES[split] for split in splits.values()]


@dataclass(frozen=True, slots=True)
class Layout:
    """The labelled rows in the dataset's order: their numbers in the table, ordinals and names."""

    rows: Longs
    ordinals: Longs
    names: Sequence[str]


class TruthTable(Table):
    """The truths of a dataset version. Documents are `row@from`; the one whose span holds the version is its row's."""

    collection = TRUTHS.name
    fields = ("from", "to", "ordinal", *_TRUTHS)

    def __init__(self, project_id: str, dataset_id: str, version: int) -> None:
        super().__init__(project_id, dataset_id)
        self.version = version
        self.truths = SpanColumns(_TRUTHS)
        self._from = np.zeros(0, np.int64)
        """By row: the `from` of the document that is its truth; 0 where the row isn't labelled in this version."""
        self._ordinal = np.zeros(0, np.int64)
        self._ordered = np.zeros(0, np.bool_)
        self._layout: Layout | None = None

    @property
    def read(self) -> Read:
        """What it is filled from."""
        return Read(self.collection, {"_id": self.ids, **in_version(self.version)}, dict.fromkeys(self.fields, 1))

    @property
    def nbytes(self) -> int:
        """Memory taken."""
        return self.truths.nbytes + _ROW_BYTES * len(self.names)

    def fill(self, documents: Sequence[Fields]) -> None:
        """Take in documents."""
        self._put({self._name(document["_id"]).rpartition("@")[0]: document for document in documents})

    @property
    def layout(self) -> Layout:
        """The labelled rows, in order."""
        if self._layout is None:
            self._layout = self._lay_out()
        return self._layout

    def _apply(self, changes: Sequence[Change]) -> None:
        becomes: dict[str, Fields | None] = {}
        for change in changes:
            name, _, begins = self._name(change.id).rpartition("@")
            begin = int(begins)
            stands = begin == self._standing(name, becomes)
            if change.kind == "update" and "to" not in change.fields:
                if change.fields and stands:
                    raise FeedLost(f"a truth was changed in {sorted(change.fields)}, which can't be followed")
            elif change.kind != "delete" and holds_at(begin, change.fields["to"], self.version):
                if change.kind == "put":
                    becomes[name] = change.fields
                elif not stands:
                    raise FeedLost("a truth's span grew, which can't be followed")
            elif stands:
                becomes[name] = None
        if not becomes:
            return
        self._put({name: fields for name, fields in becomes.items() if fields is not None})
        gone = self._known([name for name, fields in becomes.items() if fields is None])
        self.truths.clear(gone)
        self._from[gone] = 0
        self.truths.compact()
        self._layout = None
        self.changes += 1

    def _standing(self, name: str, becomes: Mapping[str, Fields | None]) -> int:
        """The `from` of the document that is the row's truth so far; 0 if there is none."""
        if name in becomes:
            fields = becomes[name]
            return fields["from"] if fields else 0
        number = self.numbers.get(name)
        return int(self._from[number]) if number is not None else 0

    def _put(self, documents: Mapping[str, Fields]) -> None:
        rows = self._number([*documents])
        self.truths.make_rows(len(self.names))
        room = len(self.truths.start)
        self._from, self._ordinal, self._ordered = (
            _longer(array, room) for array in (self._from, self._ordinal, self._ordered)
        )
        ordinals = [document["ordinal"] for document in documents.values()]
        self._from[rows] = [document["from"] for document in documents.values()]
        self._ordinal[rows] = [ordinal or 0 for ordinal in ordinals]
        self._ordered[rows] = [ordinal is not None for ordinal in ordinals]
        columns = _columns([*documents.values()], _TRUTHS)
        self._see_classes(columns["class_ids"])
        self.truths.replace(rows, _counts(documents, "class_ids", 4), columns)
        self._layout = None

    def filled(self, moment: Timestamp) -> None:
        """Go on with the changes after this moment."""
        self.truths.trim()
        super().filled(moment)

    def _lay_out(self) -> Layout:
        """By ordinal; rows without one follow, by name. Arrival decides nothing.

        Where there is no room behind the highest ordinal, all are numbered by their places in this order.
        """
        labelled = np.flatnonzero(self._from)
        ordered = self._ordered[labelled]
        with_ordinal, without = labelled[ordered], labelled[~ordered]
        by_ordinal = with_ordinal[np.argsort(self._ordinal[with_ordinal], kind="stable")]
        ordinals = self._ordinal[by_ordinal]
        if len(ordinals) and not np.diff(ordinals).all():
            by_ordinal = np.array(sorted(by_ordinal.tolist(), key=self._place), np.int64)
        by_name = np.array(sorted(without.tolist(), key=self.names.__getitem__), np.int64)
        first = int(ordinals[-1]) + 1 if len(ordinals) else 0
        rows = np.concatenate((by_ordinal, by_name))
        if len(by_name) and not room_behind(first - 1, len(by_name)):
            ordinals, first = np.arange(len(ordinals), dtype=np.int64), len(ordinals)
        ordinals = np.concatenate((ordinals, np.arange(first, first + len(by_name), dtype=np.int64)))
        names: list[str] = [self.names[row] for row in rows.tolist()]
        return Layout(rows, ordinals, names)

    def _place(self, row: int) -> tuple[int, str]:
        return int(self._ordinal[row]), self.names[row]


def least_overlap(fields: Fields) -> float:
    """From which overlap on the pairs of a run row are whole; infinite: they are too many, and none is kept."""
    least = fields.get("least_overlap", MINIMUM_OVERLAP)
    return float("inf") if least is None else least


def _columns(documents: Sequence[Fields], dtypes: Mapping[str, str]) -> dict[str, npt.NDArray[Any]]:
    return {
        name: np.frombuffer(b"".join([document[name] for document in documents]), dtype)
        for name, dtype in dtypes.items()
    }


def _counts(documents: Mapping[str, Fields], name: str, size: int) -> Ints:
    return np.array([len(document[name]) // size for document in documents.values()], np.int32)


def _longer(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    if len(array) >= length:
        return array
    longer = np.zeros(length, array.dtype)
    longer[: len(array)] = array
    return longer
