"""What a project must hold after a series of operations, in plain words: dictionaries, one operation after the other.

It knows nothing of events, partitions, markers or batches. Overlaps and matches are found by brute force.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Box = tuple[float, float, float, float]
Truth = tuple[int, Box, bool]
Spoken = tuple[bytes, int, Box, float]
"""uuid, class, box, confidence (NaN: absent)."""
Order = int | None | Literal["kept"]
"""The ordinal that a change gives a row; None: none from now on."""


@dataclass
class Row:
    split: str = "unassigned"
    ordinal: int | None = None


@dataclass(frozen=True)
class Label:
    """The truth of a row in a version."""

    import_id: str
    truth: list[Truth]
    ordinal: int | None


@dataclass
class Said:
    """What a run says of a row."""

    items: dict[bytes, tuple[int, int, Box, float]] = field(default_factory=dict)
    next_place: int = 0
    replaced_by: str = ""

    def take(self, boxes: Iterable[Spoken], mode: str, import_id: str) -> None:
        if mode == "replace" and (not import_id or import_id != self.replaced_by):
            self.items, self.next_place = {}, 0
            self.replaced_by = import_id or self.replaced_by
        for uuid, class_id, box, confidence in boxes:
            place = self.next_place
            if uuid in self.items:
                if mode == "add":
                    continue
                place = self.items[uuid][0]
            else:
                self.next_place += 1
            self.items[uuid] = place, class_id, box, confidence

    def ordered(self) -> list[tuple[bytes, int, Box, float, int]]:
        """By class, confidence descending, place."""
        found = [(uuid, c, box, confidence, place) for uuid, (place, c, box, confidence) in self.items.items()]
        return sorted(found, key=lambda item: (item[1], -counts_as(item[3]), item[4]))


@dataclass
class Run:
    dataset: str
    version: int
    highest_class: int
    splits: tuple[str, ...]
    accepts_new_rows: bool
    sealed: bool = False
    rows: dict[str, Said] = field(default_factory=dict)


@dataclass
class Dataset:
    draft: int = 1
    rows: dict[str, Row] = field(default_factory=dict)
    truth: dict[int, dict[str, Label]] = field(default_factory=lambda: {1: {}})
    """By version that is there, the draft among them: labelled rows."""
    moved: bool = False
    """Whether the draft's truth was given another order than it came with."""

    def put_in_order(self, key: str) -> None:
        """A row that is known has the same place in the draft."""
        row, label = self.rows.get(key), self.truth[self.draft].get(key)
        if row and label and row.ordinal != label.ordinal:
            self.truth[self.draft][key] = replace(label, ordinal=row.ordinal)
            self.moved = True

    def make_row(self, key: str) -> None:
        """Where there is none."""
        self.rows.setdefault(key, Row())
        self.put_in_order(key)


class Project:
    """All of it."""

    def __init__(self) -> None:
        self.classes = 2
        self.datasets: dict[str, Dataset] = {}
        self.runs: dict[str, Run] = {}
        self.pending: dict[str, dict[tuple[str, str], Said]] = {}
        self.deleted_runs: set[str] = set()
        self.deleted_datasets: set[str] = set()

    # Rows

    def upsert_row(self, dataset: str, key: str, split: str | None, order: Order) -> None:
        if dataset in self.datasets:
            row = self.datasets[dataset].rows.setdefault(key, Row())
            row.split = split or row.split
            row.ordinal = row.ordinal if order == "kept" else order
            self.datasets[dataset].put_in_order(key)

    def delete_row(self, dataset: str, key: str) -> None:
        there = self.datasets[dataset]
        there.rows.pop(key, None)
        for labelled in there.truth.values():
            labelled.pop(key, None)
        for run in self.runs.values():
            if run.dataset == dataset:
                run.rows.pop(key, None)
        for said in self.pending.values():
            said.pop((dataset, key), None)

    # Truth

    def label(self, dataset: str, key: str, label: Label, only_unlabelled: bool) -> None:
        if dataset in self.datasets:
            there = self.datasets[dataset]
            if not (only_unlabelled and key in there.truth[there.draft]):
                there.truth[there.draft][key] = label
                there.put_in_order(key)

    def unlabel(self, dataset: str, key: str) -> None:
        there = self.datasets[dataset]
        there.truth[there.draft].pop(key, None)

    def end_truth_import(self, dataset: str, import_id: str) -> None:
        there = self.datasets[dataset]
        kept = {key: label for key, label in there.truth[there.draft].items() if label.import_id == import_id}
        there.truth[there.draft] = kept

    def commit(self, dataset: str) -> None:
        there = self.datasets[dataset]
        there.truth[there.draft + 1] = dict(there.truth[there.draft])
        there.draft += 1

    def delete_version(self, dataset: str, version: int) -> None:
        del self.datasets[dataset].truth[version]
        self.delete_runs(id for id, run in self.runs.items() if (run.dataset, run.version) == (dataset, version))

    def delete_dataset(self, dataset: str) -> None:
        del self.datasets[dataset]
        self.deleted_datasets.add(dataset)
        self.delete_runs(id for id, run in self.runs.items() if run.dataset == dataset)
        for said in self.pending.values():
            for name in [name for name in said if name[0] == dataset]:
                del said[name]

    # Runs

    def create_run(self, id: str, run: Run) -> None:
        self.runs[id] = run
        for (dataset, key), said in self.pending.pop(id, {}).items():
            if dataset != run.dataset:
                continue
            said.items = {uuid: item for uuid, item in said.items.items() if item[1] <= run.highest_class}
            run.rows[key] = said
            if run.accepts_new_rows:
                self.datasets[dataset].make_row(key)

    def delete_runs(self, ids: Iterable[str]) -> None:
        for id in list(ids):
            del self.runs[id]
            self.deleted_runs.add(id)

    def predict(self, id: str, dataset: str, key: str, boxes: Sequence[Spoken], mode: str, import_id: str) -> None:
        if id in self.deleted_runs or dataset in self.deleted_datasets:
            return
        run = self.runs.get(id)
        if run is None:
            self.pending.setdefault(id, {}).setdefault((dataset, key), Said()).take(boxes, mode, import_id)
            return
        if run.dataset != dataset or run.sealed or any(box[1] > run.highest_class for box in boxes):
            return
        if key not in run.rows and run.accepts_new_rows:
            self.datasets[dataset].make_row(key)
        run.rows.setdefault(key, Said()).take(boxes, mode, import_id)

    def take_back(self, id: str, dataset: str, key: str, uuids: Iterable[bytes]) -> None:
        run = self.runs.get(id)
        if run is None:
            said = self.pending.get(id, {}).get((dataset, key))
        else:
            said = None if run.dataset != dataset or run.sealed else run.rows.get(key)
        for uuid in uuids if said else ():
            said.items.pop(uuid, None)

    # What comes of it

    def truth_of(self, run: Run) -> dict[str, list[Truth]]:
        """The annotations of labelled rows of the run's version."""
        return {key: label.truth for key, label in self.datasets[run.dataset].truth[run.version].items()}

    def scope(self, run: Run) -> list[str]:
        """The labelled rows that it is measured on: by ordinal, those without follow by their names."""
        rows = self.datasets[run.dataset].rows
        labels = self.datasets[run.dataset].truth[run.version]
        places = {key: (label.ordinal is None, label.ordinal or 0, key) for key, label in labels.items()}
        labelled = sorted(places, key=lambda key: places[key])
        return [key for key in labelled if not run.splits or rows.get(key, Row()).split in run.splits]

    def coco(self, run: Run) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The scope of a run as COCO's files, for pycocotools."""
        truth, keys = self.truth_of(run), self.scope(run)
        annotations, results = [], []
        for image, key in enumerate(keys, 1):
            for class_id, box, crowd in truth[key]:
                area = box[2] * box[3]
                found = {"image_id": image, "category_id": class_id, "bbox": list(box), "area": area}
                annotations.append({**found, "iscrowd": int(crowd), "id": len(annotations) + 1})
            items = sorted(run.rows[key].ordered(), key=lambda item: item[4]) if key in run.rows else []
            for _, class_id, box, confidence, _ in items:
                found = {"image_id": image, "category_id": class_id, "bbox": list(box)}
                results.append({**found, "score": counts_as(confidence)})
        images = [{"id": image} for image in range(1, len(keys) + 1)]
        categories = [{"id": class_id, "name": str(class_id)} for class_id in range(1, 10)]
        return {"images": images, "annotations": annotations, "categories": categories}, results

    def counts(self, run: Run) -> tuple[int, int, int]:
        """True positives, false positives and false negatives at IoU 0.5 and confidence 0.5."""
        totals = [0, 0, 0]
        truth = self.truth_of(run)
        for key in self.scope(run):
            items = run.rows[key].ordered() if key in run.rows else []
            for class_id in {t[0] for t in truth[key]} | {item[1] for item in items}:
                mine = [(box, crowd) for c, box, crowd in truth[key] if c == class_id]
                said = [item[2] for item in items if item[1] == class_id and counts_as(item[3]) >= 0.5]
                for i, count in enumerate(matched(said, mine)):
                    totals[i] += count
        return tuple(totals)


def matched(said: Sequence[Box], truth: Sequence[tuple[Box, bool]]) -> tuple[int, int, int]:
    """COCO's greedy matching of one class in one row."""
    taken: set[int] = set()
    true = false = 0
    for box in said:
        best, chosen = 0.5 - 1e-10, None
        for t in sorted(range(len(truth)), key=lambda t: truth[t][1]):
            crowd = truth[t][1]
            if t in taken and not crowd:
                continue
            if chosen is not None and crowd and not truth[chosen][1]:
                break
            if (overlap := iou(box, *truth[t])) >= best:
                best, chosen = overlap, t
        if chosen is None:
            false += 1
        elif not truth[chosen][1]:
            taken.add(chosen)
            true += 1
    return true, false, sum(not crowd for _, crowd in truth) - true


def counts_as(confidence: float) -> float:
    return 1.0 if math.isnan(confidence) else confidence


def iou(p: Box, t: Box, crowd: bool) -> float:
    width = min(p[0] + p[2], t[0] + t[2]) - max(p[0], t[0])
    height = min(p[1] + p[3], t[1] + t[3]) - max(p[1], t[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (p[2] * p[3] if crowd else p[2] * p[3] + t[2] * t[3] - shared)
