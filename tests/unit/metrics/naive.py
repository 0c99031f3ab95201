"""What a row partition must hold, by plain words: dictionaries, one event after the other, overlaps by brute force."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from services.common.eventlog.topics import GROUND_TRUTH, PREDICTIONS
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_REPLACE


def iou(p, t, crowd: bool) -> float:
    width = min(p[0] + p[2], t[0] + t[2]) - max(p[0], t[0])
    height = min(p[1] + p[3], t[1] + t[3]) - max(p[1], t[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (p[2] * p[3] if crowd else p[2] * p[3] + t[2] * t[3] - shared)


class Naive:
    """A partition's end state. Truth is kept as whole snapshots: one for each committed version, and the draft."""

    def __init__(self) -> None:
        self.chunks: dict[tuple[str, str], list[Any]] = {}
        self.draft: dict[str, dict[str, Any]] = {}
        self.committed: dict[tuple[str, int], dict[str, Any]] = {}
        self.draft_number: dict[str, int] = {}
        self.runs: dict[str, tuple[str, int]] = {}
        self.rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.seen = {GROUND_TRUTH: -1, PREDICTIONS: -1}

    def truth_at(self, dataset: str, version: int) -> dict[str, Any]:
        number = self.draft_number.get(dataset, 1)
        return self.draft.get(dataset, {}) if version >= number else self.committed[dataset, version]

    def take(self, topic: str, event: Event) -> None:
        getattr(self, event.WhichOneof("payload"))(topic, getattr(event, event.WhichOneof("payload")))

    def ground_truth_replaced(self, _topic, said) -> None:
        name = said.dataset_id, said.global_key
        come = self.chunks.pop(name, [])
        if said.chunk == 0:
            come = []
        if said.chunk != len(come) or any((c.import_id, c.chunks) != (said.import_id, said.chunks) for c in come):
            if come:
                self.chunks[name] = come
            return
        come.append(said)
        if len(come) < said.chunks:
            self.chunks[name] = come
            return
        boxes = [box for c in come for box in np.frombuffer(c.boxes.boxes).reshape(-1, 4).tolist()]
        crowds = [crowd for c in come for crowd in c.boxes.crowds]
        self.draft.setdefault(said.dataset_id, {})[said.global_key] = (
            said.import_id,
            list(zip(boxes, crowds, strict=True)),
        )

    def import_ended(self, _topic, said) -> None:
        if not said.run_id:
            for name, (first, *_) in list(self.chunks.items()):
                if name[0] == said.dataset_id and (said.unlabel_others or first.import_id == said.import_id):
                    del self.chunks[name]
        if said.unlabel_others:
            draft = self.draft.get(said.dataset_id, {})
            self.draft[said.dataset_id] = {key: t for key, t in draft.items() if t[0] == said.import_id}

    def marker(self, topic, said) -> None:
        if said.source_offset <= self.seen[topic]:
            return
        self.seen[topic] = said.source_offset
        if said.HasField("run_created"):
            made = said.run_created
            self.runs[made.run_id] = (made.dataset_id, made.dataset_version)
            for run, dataset, key in list(self.rows):
                if run == made.run_id and dataset != made.dataset_id:
                    del self.rows[run, dataset, key]
        else:
            done = said.version_committed
            self.chunks = {name: come for name, come in self.chunks.items() if name[0] != done.dataset_id}
            self.committed[done.dataset_id, done.dataset_version] = dict(self.draft.get(done.dataset_id, {}))
            self.draft_number[done.dataset_id] = done.dataset_version + 1

    def predictions_upserted(self, _topic, said) -> None:
        if said.run_id in self.runs and self.runs[said.run_id][0] != said.dataset_id:
            return
        row = self.rows.setdefault(
            (said.run_id, said.dataset_id, said.global_key), {"items": [], "next": 0, "replaced": "", "said": {}}
        )
        replaces = said.mode == IMPORT_MODE_REPLACE
        if not said.import_id:
            scope = set()
            if replaces:
                row["items"], row["next"], row["said"] = [], 0, {}
        else:
            if replaces and said.import_id != row["replaced"]:
                row["items"], row["next"], row["said"], row["replaced"] = [], 0, {}, said.import_id
            scope = row["said"].setdefault(said.import_id, set())
        classes = np.frombuffer(said.boxes.class_ids, "<i4").tolist()
        boxes = np.frombuffer(said.boxes.boxes).reshape(-1, 4).tolist()
        confidences = np.frombuffer(said.boxes.confidences).tolist()
        for i, (c, box, confidence) in enumerate(zip(classes, boxes, confidences, strict=True)):
            content = (c, tuple(box), None if math.isnan(confidence) else confidence)
            if said.boxes.uuids:
                identity: Any = said.boxes.uuids[16 * i : 16 * i + 16]
            else:
                k = 0
                while (content, k) in scope:
                    k += 1
                identity = (content, k)
            scope.add(identity)
            for item in row["items"]:
                if item["identity"] == identity:
                    item["content"] = content
                    break
            else:
                row["items"].append({"identity": identity, "content": content, "place": row["next"]})
                row["next"] += 1

    def predictions_deleted(self, _topic, said) -> None:
        row = self.rows.get((said.run_id, said.dataset_id, said.global_key))
        if row is None or (said.run_id in self.runs and self.runs[said.run_id][0] != said.dataset_id):
            return
        gone = {said.uuids[i : i + 16] for i in range(0, len(said.uuids), 16)}
        row["items"] = [item for item in row["items"] if item["identity"] not in gone]
        for scope in row["said"].values():
            scope -= gone

    def run_rows(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """Every run row in the form of `readable`."""
        return {name: self._readable(name, row) for name, row in self.rows.items()}

    def truths(self, versions: int) -> dict[tuple[str, int], dict[str, Any]]:
        """Import, boxes and crowds by row, for every dataset and version."""
        datasets = set(self.draft) | {dataset for dataset, _ in self.committed}
        return {(d, v): self.truth_at(d, v) for d in datasets for v in range(1, versions + 1) if self._is_there(d, v)}

    def _is_there(self, dataset: str, version: int) -> bool:
        return version >= self.draft_number.get(dataset, 1) or (dataset, version) in self.committed

    def _readable(self, name, row) -> dict[str, Any]:
        run, dataset, key = name

        def order(item):
            c, _, confidence = item["content"]
            return c, -(1.0 if confidence is None else confidence), item["place"]

        items = sorted(row["items"], key=order)
        version = self.runs[run][1] if run in self.runs else None
        pairs = []
        if version is not None:
            _, truth = self.truth_at(dataset, version).get(key, ("", []))
            for p, item in enumerate(items):
                for t, (box, crowd) in enumerate(truth):
                    overlap = iou(item["content"][1], box, bool(crowd))
                    if overlap >= 0.05:
                        pairs.append((p, t, pytest_float(overlap)))
        return {
            "version": version,
            "replaced": row["replaced"],
            "next": row["next"],
            "predictions": [
                (item["content"], item["place"], {i for i, scope in row["said"].items() if item["identity"] in scope})
                for item in items
            ],
            "uuids": [item["identity"] if isinstance(item["identity"], bytes) else None for item in items],
            "pairs": pairs,
        }


def pytest_float(value: float) -> float:
    """Overlaps are compared to 12 digits: brute force adds in another order."""
    return round(value, 12)


def readable(document: dict[str, Any], *, uuids: list[bytes | None]) -> dict[str, Any]:
    """A stored run row in the form of the model. `uuids` says which identities were given, not made."""
    classes = np.frombuffer(document["class_ids"], "<i4").tolist()
    boxes = [tuple(box) for box in np.frombuffer(document["boxes"]).reshape(-1, 4).tolist()]
    confidences = [None if math.isnan(c) else c for c in np.frombuffer(document["confidences"]).tolist()]
    places = np.frombuffer(document["places"], "<i4").tolist()
    ids = [document["uuids"][i : i + 16] for i in range(0, len(document["uuids"]), 16)]
    areas = np.frombuffer(document["areas"]).tolist()
    assert areas == [box[2] * box[3] for box in boxes]
    assert document["count"] == len(classes) == len(ids)
    assert len(set(ids)) == len(ids)
    pairs = zip(
        np.frombuffer(document["pair_predictions"], "<i4").tolist(),
        np.frombuffer(document["pair_truths"], "<i4").tolist(),
        [pytest_float(o) for o in np.frombuffer(document["pair_overlaps"]).tolist()],
        strict=True,
    )
    contents = zip(classes, boxes, confidences, strict=True)
    bits = dict(zip(document["imports"], document["import_bits"], strict=True))
    marks = [{i for i, bit in bits.items() if mark >> bit & 1} for mark in document["import_marks"]]
    found = list(pairs)
    assert document["pair_count"] == len(found)
    return {
        "version": document["dataset_version"],
        "replaced": document["replaced_by"],
        "next": document["next_place"],
        "predictions": list(zip(contents, places, marks, strict=True)),
        "uuids": [id if known is not None else None for id, known in zip(ids, uuids, strict=True)]
        if len(ids) == len(uuids)
        else ids,
        "pairs": found,
    }
