"""Reads that all see one moment, in whole batches.

Raw commands, since a cursor of the driver hands out documents one by one, each through the event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from bson.timestamp import Timestamp

from services.common.documents import Read
from services.common.readmodel.driver import Database, Document, Session, run_command

_BATCH_DOCUMENTS = 2_000


class Snapshot:
    """One moment of the read model. The first read decides which; it can be read for some minutes."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database = database
        self._session = session
        self._time: Timestamp | None = None

    @property
    def time(self) -> Timestamp:
        """The moment, in the cluster's time."""
        if self._time is None:
            raise RuntimeError("nothing has been read yet")
        return self._time

    async def find(self, read: Read) -> list[Document]:
        """All documents that match."""
        return [document async for batch in self.batches(read) for document in batch]

    async def batches(
        self, read: Read, batch_size: int = _BATCH_DOCUMENTS, *, by: str | None = None
    ) -> AsyncIterator[list[Document]]:
        """All documents that match, in the batches in which they come; in the order of a field that has an index."""
        concern: dict[str, Any] = {"level": "snapshot"}
        if self._time is not None:
            concern["atClusterTime"] = self._time
        command: dict[str, Any] = {
            "find": read.collection,
            "filter": read.filter,
            "batchSize": batch_size,
            "readConcern": concern,
        }
        if read.projection:
            command["projection"] = read.projection
        if by is not None:
            command["sort"] = {by: 1}
        cursor = await self._run(command)
        self._time = cursor["atClusterTime"]
        batch: list[Document] = cursor["firstBatch"]
        while batch:
            yield batch
            if not cursor["id"]:
                return
            cursor = await self._run({"getMore": cursor["id"], "collection": read.collection, "batchSize": batch_size})
            batch = cursor["nextBatch"]

    async def _run(self, command: Document) -> Document:
        return (await run_command(self._database, command, self._session))["cursor"]
