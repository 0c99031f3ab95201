"""Random truths and run rows as the metrics service would write them, and what columns should show of them."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from services.common.documents import Delete, DeleteMany, Read, Replace, Update, UpdateMany, Write
from services.common.progress import Progress
from services.common.readmodel.collections import under
from services.common.readmodel.columns.cache import RunColumns
from services.common.readmodel.mongo import ReadModel
from sightline.evaluation.evidence import MINIMUM_OVERLAP

PROJECT = "default"
DATASET = "ds_1"
GROUP = "metrics.rows"
NO_PAIRS = {"pair_count": 0, "pair_predictions": b"", "pair_truths": b"", "pair_overlaps": b""}

Document = dict[str, Any]


def truth(chance: random.Random, name: str, begin: int, dataset_id: str = DATASET) -> Document:
    """Rows `n…` have an ordinal, not always one of their own; rows `x…` have none."""
    count = chance.choice((0, 1, 2, 5))
    return {
        "_id": f"{PROJECT}/{dataset_id}/{name}@{begin}",
        "row": f"{PROJECT}/{dataset_id}/{name}",
        "project_id": PROJECT,
        "dataset_id": dataset_id,
        "global_key": name,
        "partition": 0,
        "from": begin,
        "to": None,
        "ordinal": None if name.startswith("x") else int(name[1:]) % 17,
        "import_id": f"imp_{chance.randint(1, 2)}",
        "count": count,
        "class_ids": _ints(chance.randint(1, 4) for _ in range(count)),
        "boxes": bytes(32 * count),
        "areas": _floats(chance.random() for _ in range(count)),
        "crowds": bytes(chance.randint(0, 1) for _ in range(count)),
        "annotation_ids": bytes(8 * count),
    }


def run_row(chance: random.Random, name: str, run_id: str, count: int | None = None) -> Document:
    count = chance.choice((0, 1, 3, 9)) if count is None else count
    return {
        "_id": f"{PROJECT}/{run_id}/{name}",
        "row": f"{PROJECT}/{DATASET}/{name}",
        "project_id": PROJECT,
        "dataset_id": DATASET,
        "run_id": run_id,
        "global_key": name,
        "partition": 0,
        "dataset_version": 1,
        "imports": ["imp_1"],
        "import_bits": bytes(1),
        "replaced_by": "",
        "next_place": count,
        "count": count,
        "class_ids": _ints(chance.randint(1, 5) for _ in range(count)),
        "boxes": bytes(32 * count),
        "confidences": _floats(chance.choice((float("nan"), chance.random())) for _ in range(count)),
        "areas": _floats(chance.random() for _ in range(count)),
        "places": _ints(range(count)),
        "uuids": bytes(16 * count),
        "import_marks": bytes(count),
        **some_pairs(chance, count, count + count // 3),
    }


def some_pairs(chance: random.Random, count: int, pairs: int) -> Document:
    """Pairs of so many predictions, as another truth of the row would make them."""
    return {
        "least_overlap": chance.choice((0.05, 0.05, 0.2, None)),
        "pair_count": pairs,
        "pair_predictions": _ints(chance.randrange(count) for _ in range(pairs)),
        "pair_truths": _ints(chance.randrange(5) for _ in range(pairs)),
        "pair_overlaps": _floats(chance.random() for _ in range(pairs)),
    }


class Writer:
    """Writes random transactions to one partition, as an owner of it would."""

    def __init__(self, store: ReadModel, partition: int, seed: int, runs: Sequence[str], names: Sequence[str]) -> None:
        self.rev = 0
        self._store = store
        self._partition = partition
        self._chance = random.Random(seed)
        self._runs = runs
        self._names = [name for at, name in enumerate(names) if at % 2 == partition % 2]
        self._draft = 1

    async def remember(self, versions: Mapping[str, int]) -> None:
        """What the markers of runs tell."""
        known = {"project_id": PROJECT, "dataset_id": DATASET, "source_offset": 1}
        runs = {run: {**known, "dataset_version": version} for run, version in versions.items()}
        await self.commit([self._memory(runs)])

    async def step(self) -> None:
        """One transaction of random writes."""
        chance = self._chance
        writes: list[Write] = []
        for _ in range(chance.randint(1, 6)):
            name = chance.choice(self._names)
            match chance.randint(0, 9):
                case 0 | 1 | 2:
                    writes += await self._relabel(name)
                case 3:
                    writes.append(Delete("run_rows", f"{PROJECT}/{chance.choice(self._runs)}/{name}"))
                case 4:
                    row = {"_id": f"{PROJECT}/{chance.choice(self._runs)}/{name}"}
                    writes.append(UpdateMany("run_rows", row, {"$set": NO_PAIRS}))
                case 5 | 6:
                    id = f"{PROJECT}/{chance.choice(self._runs)}/{name}"
                    stored = await self._store.get("run_rows", id) or {"count": 0, "pair_count": 0}
                    # As many as before, so that what doesn't change isn't told.
                    pairs = some_pairs(chance, stored["count"], stored["pair_count"])
                    writes.append(Update("run_rows", id, {**pairs, **_some_of(chance, stored, pairs)}))
                case _:
                    writes.append(Replace("run_rows", run_row(chance, name, chance.choice(self._runs))))
        if chance.random() < 0.2:
            writes += await self._unlabel_some()
        if chance.random() < 0.04:
            self._draft += 1
        await self.commit(writes)

    async def commit(self, writes: Sequence[Write]) -> None:
        following = Progress(self.rev + 1, "writer", "log", {"predictions": self.rev})
        await self._store.commit(GROUP, self._partition, expected_rev=self.rev, progress=following, writes=writes)
        self.rev += 1

    def _memory(self, runs: Mapping[str, Any]) -> Replace:
        id = f"{GROUP}/{self._partition}"
        return Replace("row_partitions", {"_id": id, "markers": {"predictions": self.rev}, "runs": runs, "drafts": {}})

    async def _relabel(self, name: str) -> Sequence[Write]:
        """Copy on write, as truths are kept: what was committed stays, and what follows begins at the draft."""
        chance, draft = self._chance, self._draft
        new = truth(chance, name, draft)
        stale = {"_id": {"$gte": f"{PROJECT}/{DATASET}/{name}@", "$lt": f"{PROJECT}/{DATASET}/{name}A"}, "to": None}
        return [
            UpdateMany("truths", {**stale, "from": {"$lt": draft}}, {"$set": {"to": draft}}),
            Replace("truths", new),
        ]

    async def _unlabel_some(self) -> Sequence[Write]:
        names = [f"{PROJECT}/{DATASET}/{name}" for name in self._chance.sample(self._names, 3)]
        mine = {"row": {"$in": names}, "dataset_id": DATASET, "to": None}
        return [
            DeleteMany("truths", {**mine, "from": self._draft}),
            UpdateMany("truths", {**mine, "from": {"$lt": self._draft}}, {"$set": {"to": self._draft}}),
        ]


def _some_of(chance: random.Random, stored: Document, pairs: Document) -> Document:
    return {name: stored[name] for name in pairs if name in stored and chance.random() < 0.4}


async def expected(store: ReadModel, run_id: str, version: int) -> Mapping[str, Any]:
    """What a run should look like: one plain read of everything."""
    truths = [
        document
        for document in await store.find(Read("truths", {"_id": under(PROJECT, DATASET)}))
        if document["from"] <= version and (document["to"] is None or version < document["to"])
    ]
    said = {
        document["global_key"]: document
        for document in await store.find(Read("run_rows", {"_id": under(PROJECT, run_id)}))
    }
    rows: dict[str, Any] = {}
    for each in truths:
        row = said.get(each["global_key"])
        rows[each["global_key"]] = (
            each["ordinal"],
            _entries(each, ("class_ids", "<i4"), ("areas", "<f8"), ("crowds", "?")),
            _entries(row, ("class_ids", "<i4"), ("confidences", "<f8"), ("areas", "<f8"), ("places", "<i4")),
            _entries(row, ("pair_predictions", "<i4"), ("pair_truths", "<i4"), ("pair_overlaps", "<f8")),
        )
    unlabelled = [row for name, row in said.items() if name not in rows]
    least = [MINIMUM_OVERLAP] + [said[name].get("least_overlap", MINIMUM_OVERLAP) for name in rows if name in said]
    return {
        "rows": rows,
        "unlabelled": (len(unlabelled), sum(row["count"] for row in unlabelled)),
        "least overlap": max(math.inf if each is None else each for each in least),
    }


def shown(columns: RunColumns) -> Mapping[str, Any]:
    """What columns say of a run, in the same form."""
    evidence = columns.evidence
    truths, predictions, pairs = evidence.truths, evidence.predictions, evidence.pairs
    rows: dict[str, Any] = {}
    for at, name in enumerate(columns.rows):
        t, p, o = (
            slice(int(spans.start[at]), int(spans.start[at]) + int(spans.count[at]))
            for spans in (evidence.truth_rows, evidence.prediction_rows, evidence.pair_rows)
        )
        rows[name] = (
            None if name.startswith("x") else int(evidence.ordinal[at]),
            _lists(truths.class_id[t], truths.area[t], truths.crowd[t]),
            _lists(predictions.class_id[p], predictions.confidence[p], predictions.area[p], predictions.place[p]),
            _lists(pairs.prediction[o], pairs.truth[o], pairs.overlap[o]),
        )
    assert len(rows) == evidence.row_count
    places = [(int(ordinal), name) for ordinal, name in zip(evidence.ordinal, columns.rows, strict=True)]
    assert places == sorted(places)
    return {
        "rows": rows,
        "unlabelled": (columns.unlabelled_rows, columns.unlabelled_predictions),
        "least overlap": evidence.least_overlap,
    }


def _entries(document: Document | None, *fields: tuple[str, str]) -> Any:
    if document is None:
        return _lists(*(np.empty(0) for _ in fields))
    arrays = [np.frombuffer(document[name], dtype) for name, dtype in fields]
    return _lists(*(np.where(np.isnan(a), 1.0, a) if a.dtype == np.float64 else a for a in arrays))


def _lists(*arrays: Any) -> list[list[Any]]:
    return [array.tolist() for array in arrays]


def _ints(values: Any) -> bytes:
    return np.array(list(values), "<i4").tobytes()


def _floats(values: Any) -> bytes:
    return np.array(list(values), "<f8").tobytes()
