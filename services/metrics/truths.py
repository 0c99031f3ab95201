"""The truths of a batch's rows, copy on write: a truth belongs to version v if from <= v < to.

A write to the draft replaces what was written in this draft, and otherwise closes the truth of earlier versions and
opens one of its own; so committed versions never change, and what didn't change is stored once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.common.documents import Delete, DeleteMany, Document, Replace, UpdateMany, Write
from services.common.eventlog.topics import row_key
from services.common.readmodel import collections
from services.common.runloop.handling import Delivery
from services.common.versions import holds_at
from services.metrics.memory import Draft

TRUTHS = collections.TRUTHS.name
SUMMARY_FIELDS = {"row": 1, "project_id": 1, "dataset_id": 1, "from": 1, "to": 1, "import_id": 1}
"""What has to be known of truths of rows that the batch doesn't name."""


@dataclass(slots=True)
class Truth:
    """A truth of a row, from one version on. `document` is what is stored, or will be, but for `until`."""

    id: str
    row: str
    since: int
    until: int | None
    import_id: str
    document: Document
    new: bool = False

    def holds_at(self, version: int) -> bool:
        """Whether this is the row's truth in a version."""
        return holds_at(self.since, self.until, version)

    def is_within(self, versions: range) -> bool:
        """Whether it was the row's truth in these versions alone."""
        return versions.start <= self.since and self.until is not None and self.until <= versions.stop

    @staticmethod
    def of_document(document: Document) -> Truth:
        """A stored truth."""
        return Truth(
            document["_id"], document["row"], document["from"], document["to"], document["import_id"], document
        )


class TruthBook:
    """The truths of the rows that a batch names (whole), and of rows that may lose theirs (summaries)."""

    def __init__(self, partition: int, documents: Iterable[Document]) -> None:
        self._partition = partition
        self._rows: dict[str, list[Truth]] = {}
        self._stored: dict[str, Document] = {}
        self._general: list[Write] = []
        self._changed: dict[str, Truth | None] = {}
        self.copied = 0
        """Bytes of truth that are written again, though no event holds them."""
        for document in documents:
            known = self._stored.get(document["_id"])
            if known is None or "boxes" not in known:
                self._stored[document["_id"]] = document
        for document in self._stored.values():
            truth = Truth.of_document(document)
            self._rows.setdefault(truth.row, []).append(truth)

    def at(self, row: str, version: int) -> Truth | None:
        """The truth of a row in a version; None where it is not labelled."""
        for truth in self._rows.get(row, ()):
            if truth.holds_at(version):
                return truth
        return None

    def replace(self, delivery: Delivery, row: str, columns: Mapping[str, Any], draft: Draft) -> None:
        """Put the truth of a row into the draft. `delivery` is what completed it."""
        event = delivery.event
        said = event.ground_truth_replaced
        document: dict[str, Any] = {
            "row": row,
            "project_id": event.project_id,
            "dataset_id": said.dataset_id,
            "global_key": said.global_key,
            "partition": self._partition,
            "ordinal": said.ordinal if said.HasField("ordinal") else None,
            "import_id": said.import_id,
            **columns,
        }
        self._put(row, document, draft)

    def order(self, row: str, ordinal: int | None, draft: Draft) -> bool:
        """Give the truth of a row another ordinal in the draft. Returns whether that changes anything."""
        truth = self.at(row, draft.version)
        if truth is None or truth.document["ordinal"] == ordinal:
            return False
        self.copied += sum(len(column) for column in truth.document.values() if isinstance(column, bytes))
        self._put(row, {**truth.document, "ordinal": ordinal}, draft)
        return True

    def remove(self, row: str, draft: Draft) -> None:
        """The row is no longer labelled in the draft."""
        self._close(row, draft)

    def drop_row(self, row: str) -> None:
        """Take away the truth of a row in every version."""
        self._general.append(DeleteMany(TRUTHS, {"row": row}))
        of_row = {id for id, document in self._stored.items() if document["row"] == row}
        for id in of_row.union(truth.id for truth in self._rows.pop(row, ())):
            self._stored.pop(id, None)
            self._changed.pop(id, None)

    def drop_dataset(self, project_id: str, dataset_id: str) -> None:
        """Take away the truth of a dataset in this partition."""
        mine = {"partition": self._partition, "project_id": project_id, "dataset_id": dataset_id}
        self._general.append(DeleteMany(TRUTHS, mine, for_good=True))
        prefix = row_key(project_id, dataset_id, "")
        self._rows = {row: truths for row, truths in self._rows.items() if not row.startswith(prefix)}
        self._stored = {id: document for id, document in self._stored.items() if not id.startswith(prefix)}
        self._changed = {id: truth for id, truth in self._changed.items() if not id.startswith(prefix)}

    def drop_versions(self, project_id: str, dataset_id: str, versions: range) -> None:
        """Take away truth that only these versions had."""
        mine = {"partition": self._partition, "project_id": project_id, "dataset_id": dataset_id}
        within = {"from": {"$gte": versions.start}, "to": {"$lte": versions.stop}}
        self._general.append(DeleteMany(TRUTHS, {**mine, **within}, for_good=True))
        prefix = row_key(project_id, dataset_id, "")
        for row, truths in self._rows.items():
            if row.startswith(prefix):
                for truth in [each for each in truths if each.is_within(versions)]:
                    truths.remove(truth)
                    self._changed[truth.id] = None

    def unlabel_others(self, project_id: str, dataset_id: str, import_id: str, draft: Draft) -> Sequence[str]:
        """Rows of the draft that an import didn't name lose their truth. Returns those of them that are known here."""
        others = {
            "partition": self._partition,
            "project_id": project_id,
            "dataset_id": dataset_id,
            "to": None,
            "import_id": {"$ne": import_id},
        }
        ends = {"$set": {"to": draft.version}}
        self._general.append(DeleteMany(TRUTHS, {**others, "from": {"$gte": draft.kept}}))
        self._general.append(UpdateMany(TRUTHS, {**others, "from": {"$lt": draft.kept}}, ends))
        prefix = row_key(project_id, dataset_id, "")
        lost = [
            row
            for row, truths in self._rows.items()
            if row.startswith(prefix) and any(t.until is None and t.import_id != import_id for t in truths)
        ]
        for row in lost:
            self._close(row, draft)
        return lost

    def writes(self) -> list[Write]:
        """What has to be stored: first what concerns many rows, then the rows that the batch knows better."""
        writes = list(self._general)
        for id, truth in self._changed.items():
            if truth is None:
                if id in self._stored:
                    writes.append(Delete(TRUTHS, id))
            elif truth.new:
                writes.append(Replace(TRUTHS, {**truth.document, "to": truth.until}, new=id not in self._stored))
            else:
                writes.append(UpdateMany(TRUTHS, {"_id": id}, {"$set": {"to": truth.until}}))
        return writes

    def _put(self, row: str, document: Document, draft: Draft) -> None:
        """From the draft on this is the truth of a row."""
        self._close(row, draft)
        id = f"{row}@{draft.version}"
        document = {**document, "_id": id, "from": draft.version, "to": None}
        self._changed[id] = truth = Truth(id, row, draft.version, None, document["import_id"], document, new=True)
        self._rows.setdefault(row, []).append(truth)

    def _close(self, row: str, draft: Draft) -> None:
        """End the open truth of a row before the draft. (What is known in summary was ended by a general write.)"""
        truths = self._rows.get(row, [])
        for truth in truths:
            if truth.until is not None:
                continue
            if truth.since >= draft.kept:
                truths.remove(truth)
            else:
                truth.until = draft.version
            if "boxes" in truth.document:
                self._changed[truth.id] = truth if truth.since < draft.kept else None
            return
