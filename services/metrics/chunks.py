"""Chunks of large truths that wait for the rest: a document each, so that a batch writes no more than has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.common.documents import Delete, DeleteMany, Document, Replace, Write
from services.common.readmodel import collections
from services.common.row_checks import Invalid
from services.common.runloop.handling import Delivery
from services.common.truth_chunks import ChunkedTruth, ChunkRefused, follow
from sightline.wire.events.v1.ground_truth_pb2 import BoxTruths

TRUTH_CHUNKS = collections.TRUTH_CHUNKS.name
_COLUMNS = ("class_ids", "boxes", "areas", "crowds", "annotation_ids")


class ChunkBook:
    """The incomplete truths of the rows that a batch names."""

    def __init__(self, partition: int, documents: Iterable[Document]) -> None:
        self._partition = partition
        self._stored = {document["_id"]: document for document in documents}
        self._rows: dict[str, list[Document]] = {}
        self._general: list[Write] = []
        for document in sorted(self._stored.values(), key=lambda document: document["chunk"]):
            self._rows.setdefault(document["row"], []).append(document)

    def take(self, delivery: Delivery, row: str, fault: str | None) -> Mapping[str, Any] | None:
        """Take one more event of a row's truth: its columns if it is complete now.

        A fault of one chunk is one of the whole.
        """
        said = delivery.event.ground_truth_replaced
        waiting = self._rows.get(row, [])
        before = _come(waiting)
        try:
            after = follow(before, said)
        except ChunkRefused as reason:
            raise Invalid(str(reason)) from None
        if fault := fault or after.fault:
            if after is not before:
                self._rows.pop(row, None)
            raise Invalid(fault)
        if after is before:
            return None
        if after.complete:
            self._rows.pop(row, None)
            return _columns(waiting if said.chunk else [], said.boxes)
        if not said.chunk:
            waiting = self._rows[row] = []
        waiting.append(self._document(delivery, row, after))
        return None

    def forget_row(self, row: str) -> None:
        """What has come of a row's truth will never be complete."""
        self._rows.pop(row, None)

    def forget(self, project_id: str, dataset_id: str, import_id: str | None = None) -> None:
        """What has come of a dataset (by one import) will never be complete."""
        lost = {"project_id": project_id, "dataset_id": dataset_id}
        if import_id is not None:
            lost["import_id"] = import_id
        self._general.append(DeleteMany(TRUTH_CHUNKS, {"partition": self._partition, **lost}))
        for row, (first, *_) in list(self._rows.items()):
            if all(first[name] == value for name, value in lost.items()):
                del self._rows[row]

    def writes(self) -> list[Write]:
        """What has to be stored: first what concerns many rows."""
        kept = {document["_id"]: document for chunks in self._rows.values() for document in chunks}
        return [
            *self._general,
            *(Delete(TRUTH_CHUNKS, id) for id in self._stored if id not in kept),
            *(Replace(TRUTH_CHUNKS, each) for id, each in kept.items() if each is not self._stored.get(id)),
        ]

    def _document(self, delivery: Delivery, row: str, come: ChunkedTruth) -> Document:
        said = delivery.event.ground_truth_replaced
        return {
            "_id": f"{row}#{said.chunk}",
            "row": row,
            "project_id": delivery.event.project_id,
            "dataset_id": said.dataset_id,
            "partition": self._partition,
            "import_id": said.import_id,
            "chunk": said.chunk,
            "chunks": come.chunks,
            **_columns([], said.boxes),
        }


def _come(waiting: list[Document]) -> ChunkedTruth | None:
    if not waiting:
        return None
    first = waiting[0]
    return ChunkedTruth(first["import_id"], first["chunks"], len(waiting), sum(each["count"] for each in waiting))


def _columns(waiting: list[Document], last: BoxTruths) -> dict[str, Any]:
    """The columns of all chunks, in their order."""
    columns: dict[str, Any] = {"count": sum(each["count"] for each in waiting) + last.count}
    for name in _COLUMNS:
        columns[name] = b"".join([*(each[name] for each in waiting), getattr(last, name)])
    return columns
