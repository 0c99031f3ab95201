"""Writes of a batch, as the fewest bulk operations that leave the same documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pymongo import DeleteMany as BulkDeleteMany
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo import UpdateMany as BulkUpdateMany

from services.common.documents import Delete, DeleteMany, Replace, Update, UpdateMany, Write
from services.common.readmodel.driver import Operation


def compile_writes(writes: Sequence[Write]) -> Mapping[str, Sequence[Operation]]:
    """Ordered bulk operations by collection."""
    plans: dict[str, _Plan] = {}
    for write in writes:
        plans.setdefault(write.collection, _Plan()).add(write)
    return {collection: plan.operations() for collection, plan in plans.items()}


class _Plan:
    """What happens to one collection.

    Several writes to one document become one, as long as nothing that concerns many documents lies between: the last
    that says all of it stands, with what was set since.
    """

    def __init__(self) -> None:
        self._done: list[Operation] = []
        self._open: dict[Any, Replace | Update | Delete] = {}

    def add(self, write: Write) -> None:
        match write:
            case Replace():
                id = write.document["_id"]
                self._open[id] = replace(write, new=False) if id in self._open else write
            case Update():
                self._open[write.id] = _updated(self._open.get(write.id), write)
            case Delete():
                self._open[write.id] = write
            case UpdateMany():
                self._close()
                self._done.append(BulkUpdateMany(write.filter, write.update))
            case DeleteMany():
                self._close()
                self._done.append(BulkDeleteMany(write.filter))

    def operations(self) -> Sequence[Operation]:
        self._close()
        return self._done

    def _close(self) -> None:
        # Deletions first, so that what they free (a unique name) can be taken; alike in a row, since the driver
        # sends one command for each change of kind.
        writes = self._open.values()
        replaced = [write for write in writes if isinstance(write, Replace)]
        self._done.extend(DeleteOne({"_id": write.id}) for write in writes if isinstance(write, Delete))
        self._done.extend(InsertOne(each.document) for each in replaced if each.new)
        self._done.extend(
            ReplaceOne({"_id": each.document["_id"]}, each.document, upsert=True) for each in replaced if not each.new
        )
        self._done.extend(
            UpdateOne({"_id": write.id}, {"$set": write.fields}) for write in writes if isinstance(write, Update)
        )
        self._open = {}


def _updated(before: Replace | Update | Delete | None, write: Update) -> Replace | Update | Delete:
    """What a write to a document and an update after it amount to."""
    match before:
        case Replace():
            return replace(before, document={**before.document, **write.fields})
        case Update():
            return replace(before, fields={**before.fields, **write.fields})
        case Delete():
            return before
        case None:
            return write
