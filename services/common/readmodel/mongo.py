"""The read model in MongoDB. The one place that opens it.

A deployment names one database, which says which database its current generation lies in (itself, until a rebuild was
swapped in); what no replay makes lies in the database that was named, whatever the generation.

Reads see only what a majority holds; writes answer when a majority has them in its journal. What a batch of events
changes goes through `commit`, as one transaction with the group's progress; operational documents (jobs, leases) are
written by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Self

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import IndexModel
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    OperationFailure,
    ServerSelectionTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from services.common.documents import Read, Write
from services.common.progress import ANOTHER_LOG, Progress
from services.common.readmodel.collections import COLLECTIONS, PROGRESS, Collection
from services.common.readmodel.commit import clear_for_good, commit
from services.common.readmodel.driver import APP_NAME, Client, Database, Document, bulk_write
from services.common.readmodel.generations import current_generation
from services.common.readmodel.packing import pack_progress, progress_id, unpack_progress
from services.common.readmodel.paging import Order, Page, beyond, place_of, total_order
from services.common.readmodel.snapshot import Snapshot
from services.common.readmodel.writes import compile_writes

COMMIT_SECONDS = 15.0
"""How long a commit is tried again before its outcome is called unknown, or its error is passed on."""

_SELECTION_MS = 10_000
_SILENCE_MS = 60_000
_BATCH_DOCUMENTS = 10_000
_WIRE_VERSION_5_0 = 13
_NAMESPACE_EXISTS = 48
_INDEX_CONFLICTS = (85, 86)
_NOT_LET_IN = (13, 18)
_SHARED = frozenset(each.name for each in COLLECTIONS if each.kind == "operational")


class ReadModelError(Exception):
    """The read model can't be used as it is; the message says what to do."""


class ReadModelAway(ReadModelError):
    """The read model doesn't answer; it may, later."""


class ReadModel:
    """The read model. One per process; safe to use from many tasks of one event loop."""

    def __init__(
        self, client: Client, database: str, *, generation: str | None = None, commit_seconds: float = COMMIT_SECONDS
    ) -> None:
        """`database` is the one that the deployment names; `generation` the one that holds this generation."""
        self._client = client
        self._home = _majority(client, database)
        self._database = _majority(client, generation or database)
        self._commit_seconds = commit_seconds

    @classmethod
    async def open(
        cls,
        url: str,
        database: str,
        log_id: str | None = None,
        *,
        generation: str | None = None,
        prepare: bool = True,
    ) -> Self:
        """Connect, make collections and indexes that are missing, and refuse what can't hold a read model.

        With a `log_id`, a read model that was made from another log is refused. `generation`: the database of another
        generation than the current one. Without `prepare` nothing is made: it is only looked at, whoever made it.
        """
        try:
            client: Client = AsyncIOMotorClient(
                url,
                appname=APP_NAME,
                serverSelectionTimeoutMS=_SELECTION_MS,
                socketTimeoutMS=_SILENCE_MS,
                tz_aware=True,
            )
        except (ConfigurationError, ValueError) as error:
            raise ReadModelError(f"the address of MongoDB can't be read: {error}") from error
        store = cls(client, database)
        try:
            await store._refuse_unfit_server()
            store._database = _majority(client, generation or await current_generation(store._home))
            if prepare:
                await asyncio.gather(*(store._prepare(collection) for collection in COLLECTIONS))
            if log_id is not None:
                await store._refuse_other_log(log_id)
        except ServerSelectionTimeoutError as error:
            await store.close()
            raise ReadModelAway(
                "MongoDB doesn't answer, or is no member of the replica set that the address names: start it, or name "
                f"another with SIGHTLINE_MONGO_URL ({str(error).partition(' (')[0].partition(', Timeout')[0]})"
            ) from error
        except ConnectionFailure as error:
            await store.close()
            raise ReadModelAway(f"MongoDB broke the connection off ({error})") from error
        except OperationFailure as error:
            await store.close()
            if error.code not in _NOT_LET_IN:
                raise
            raise ReadModelError(
                "MongoDB doesn't let this user in: check name, password and roles in SIGHTLINE_MONGO_URL"
            ) from error
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    @property
    def client(self) -> Client:
        """The connections, for the rest of this folder."""
        return self._client

    @property
    def database(self) -> Database:
        """The database of this generation, for the rest of this folder."""
        return self._database

    @property
    def home(self) -> Database:
        """The database that the deployment names: what generations share, and which of them is the current one."""
        return self._home

    def of_generation(self, generation: str) -> ReadModel:
        """The same deployment's read model in another generation, over the same connections."""
        return ReadModel(self._client, self._home.name, generation=generation, commit_seconds=self._commit_seconds)

    async def moved_to(self) -> str | None:
        """The generation that is the current one now, if it isn't this one any more."""
        current = await current_generation(self._home)
        return None if current == self._database.name else current

    # Reads

    async def find(self, read: Read) -> list[Document]:
        """All documents that match."""
        cursor = self._of(read.collection).find(read.filter, read.projection, batch_size=_BATCH_DOCUMENTS)
        return await cursor.to_list(None)

    async def get(self, collection: str, id: Any, projection: Mapping[str, Any] | None = None) -> Document | None:
        """The document with this `_id`."""
        return await self._of(collection).find_one({"_id": id}, projection)

    async def count(self, collection: str, filter: Mapping[str, Any], limit: int = 0) -> int:
        """How many documents match; with a limit, no more than that are looked at."""
        options: dict[str, Any] = {"limit": limit} if limit else {}
        return await self._of(collection).count_documents(filter, **options)

    async def page(
        self,
        collection: str,
        filter: Mapping[str, Any],
        *,
        order: Order = (),
        after: Sequence[Any] | None = None,
        limit: int,
        projection: Mapping[str, Any] | None = None,
    ) -> Page:
        """Up to `limit` documents in order, from the place on that the page before ended with.

        `_id` breaks ties. The fields of the order must be in the projection.
        """
        order = total_order(order)
        asked = {"$and": [filter, beyond(order, after)]} if after is not None else filter
        cursor = self._of(collection).find(asked, projection, sort=list(order), limit=limit + 1)
        documents = await cursor.to_list(None)
        if len(documents) <= limit:
            return Page(documents, None)
        return Page(documents[:limit], place_of(documents[limit - 1], order))

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[Snapshot]:
        """Reads that all see one moment."""
        async with await self._client.start_session(causal_consistency=False) as session:
            yield Snapshot(self._database, session)

    # Operational writes: one document at a time is whole, several are not

    async def write(self, writes: Sequence[Write]) -> None:
        """Apply writes in their order, outside any transaction."""
        for collection, operations in compile_writes(writes).items():
            await bulk_write(self._where(collection), collection, operations)

    async def insert(self, collection: str, document: Document) -> bool:
        """Store a new document; False where its `_id` is taken."""
        try:
            await self._of(collection).insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    async def replace(self, collection: str, document: Document) -> None:
        """Put a document, whole, under its `_id`."""
        await self._of(collection).replace_one({"_id": document["_id"]}, document, upsert=True)

    async def update(
        self, collection: str, id: Any, update: Mapping[str, Any], *, where: Mapping[str, Any] | None = None
    ) -> bool:
        """Change a document, if it is there and what `where` says is so. Whether it was."""
        result = await self._of(collection).update_one({**(where or {}), "_id": id}, update)
        return result.matched_count == 1

    async def delete(self, collection: str, id: Any) -> bool:
        """Remove a document. Whether it was there."""
        result = await self._of(collection).delete_one({"_id": id})
        return result.deleted_count == 1

    # Progress

    async def read_progress(self, group: str, partition: int) -> Progress:
        """The progress of a group in a partition; `Progress()` when there is none."""
        document = await self.get(PROGRESS.name, progress_id(group, partition))
        return unpack_progress(document) if document else Progress()

    async def commit(
        self, group: str, partition: int, *, expected_rev: int, progress: Progress, writes: Sequence[Write]
    ) -> None:
        """Store the writes in their order, and `progress`, in one transaction. See `ProgressStore.commit`."""
        await clear_for_good(self._database, writes)
        await commit(
            self._client,
            self._database,
            pack_progress(group, partition, progress),
            expected_rev,
            compile_writes(writes),
            patience=self._commit_seconds,
            where=self._where,
        )

    # Where

    def _where(self, collection: str) -> Database:
        return self._home if collection in _SHARED else self._database

    def _of(self, collection: str) -> AsyncIOMotorCollection[Document]:
        return self._where(collection)[collection]

    # Opening

    async def _refuse_unfit_server(self) -> None:
        hello = await self._client.admin.command("hello")
        if hello.get("isreplicaset"):
            raise ReadModelAway(
                "this MongoDB's replica set isn't initiated yet: "
                "run `python -m services.common.readmodel.initiate URL` once"
            )
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise ReadModelError(
                "this MongoDB is no replica set, and transactions and change streams need one: start mongod with "
                "`--replSet sightline`, then run `python -m services.common.readmodel.initiate URL` once, or leave "
                "SIGHTLINE_MONGO_URL out and `sightline up` starts a private one"
            )
        if hello["maxWireVersion"] < _WIRE_VERSION_5_0:
            raise ReadModelError("this MongoDB is older than 5.0, which can't read one moment from several collections")

    async def _prepare(self, collection: Collection) -> None:
        """Make a collection and its indexes. Several processes may do so at once."""
        indexes = [IndexModel([(field, 1) for field in each.fields], unique=each.unique) for each in collection.indexes]
        try:
            if indexes:
                await self._of(collection.name).create_indexes(indexes)
            else:
                await self._where(collection.name).create_collection(collection.name, check_exists=False)
        except OperationFailure as error:
            if error.code in _INDEX_CONFLICTS:
                raise ReadModelError(
                    f"the indexes of {collection.name} were made by another version of Sightline: "
                    "`sightline rebuild --swap` makes a read model of this version from the log"
                ) from error
            if error.code != _NAMESPACE_EXISTS:
                raise

    async def _refuse_other_log(self, log_id: str) -> None:
        other = await self._database[PROGRESS.name].find_one({"log_id": {"$nin": ["", log_id]}}, {"log_id": 1})
        if other:
            raise ReadModelError(
                f"the read model in database {self._database.name} was made from the log {other['log_id']}, and this "
                f"is the log {log_id}: {ANOTHER_LOG}"
            )


def _majority(client: Client, database: str) -> Database:
    return client.get_database(
        database,
        read_preference=ReadPreference.PRIMARY,
        read_concern=ReadConcern("majority"),
        write_concern=WriteConcern("majority"),
    )
