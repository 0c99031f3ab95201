"""What is read in bulk: documents of one project, all of one moment, in the order of global keys."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from services.common.readmodel.collections import DATA_ROWS, RUN_ROWS, TRUTHS, under
from services.common.readmodel.snapshot import Read, Snapshot
from services.common.versions import in_version
from services.query.reads import Document, Reads

DOCUMENTS_AT_ONCE = 200
"""Of those that hold annotations. However large they are, the store hands out 16 MB at a time at most."""


class Moment:
    """One moment of a project."""

    def __init__(self, reads: Reads, snapshot: Snapshot) -> None:
        self._reads = reads
        self._snapshot = snapshot

    def run_rows(self, run_id: str, keys: Sequence[str], fields: Sequence[str]) -> AsyncIterator[list[Document]]:
        """What a run says of these rows, or of all."""
        wanted = {"_id": self._wanted(run_id, keys)}
        return self._batches(RUN_ROWS.name, wanted, fields, DOCUMENTS_AT_ONCE, "_id")

    def truths(
        self,
        dataset_id: str,
        version: int,
        keys: Sequence[str],
        fields: Sequence[str],
        at_once: int = DOCUMENTS_AT_ONCE,
    ) -> AsyncIterator[list[Document]]:
        """The truth of these rows in a version, or of all that are labelled."""
        wanted = {"row": self._wanted(dataset_id, keys), **in_version(version)}
        return self._batches(TRUTHS.name, wanted, fields, at_once, "row")

    async def data_rows(self, dataset_id: str, keys: Sequence[str], fields: Sequence[str]) -> dict[str, Document]:
        """Data rows by key; those that aren't there are left out."""
        wanted = {"_id": {"$in": [self._reads.id(dataset_id, key) for key in keys]}}
        found = await self._snapshot.find(Read(DATA_ROWS.name, wanted, _projection(fields)))
        return {document["global_key"]: document for document in found}

    async def in_splits(self, dataset_id: str, documents: list[Document], splits: Sequence[str]) -> list[Document]:
        """Those of some documents whose rows are in one of the splits; without splits, all."""
        if not splits:
            return documents
        rows = await self.data_rows(dataset_id, [document["global_key"] for document in documents], ("split",))
        inside = {key for key, row in rows.items() if row["split"] in splits}
        return [document for document in documents if document["global_key"] in inside]

    def _wanted(self, owner: str, keys: Sequence[str]) -> Mapping[str, Any]:
        if not keys:
            return under(self._reads.id(owner))
        return {"$in": [self._reads.id(owner, key) for key in keys]}

    async def _batches(
        self, collection: str, wanted: Mapping[str, Any], fields: Sequence[str], at_once: int, by: str
    ) -> AsyncIterator[list[Document]]:
        read = Read(collection, {"project_id": self._reads.project_id, **wanted}, _projection(fields))
        async for documents in self._snapshot.batches(read, at_once, by=by):
            yield [*documents]


@asynccontextmanager
async def moment(reads: Reads) -> AsyncGenerator[Moment]:
    """This moment. It can be read for some minutes; whoever reads more slowly gets an error, not another moment."""
    async with reads.moment() as snapshot:
        yield Moment(reads, snapshot)


def _projection(fields: Sequence[str]) -> dict[str, int]:
    return dict.fromkeys(("global_key", *fields), 1)
