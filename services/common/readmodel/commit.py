"""One transaction that stores a batch: its documents, and the progress that is its fence.

Retries are those of MongoDB's manual: a transaction that can't have been stored is tried again whole, a commit whose
answer was lost is asked for again, which does no harm to one that was stored.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from pymongo.errors import DocumentTooLarge, DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from services.common.documents import DeleteMany, Write
from services.common.progress import BatchTooLarge, CommitUnknown, LostRace, NotNew
from services.common.readmodel.abandoned import IDLE_SECONDS, end_abandoned
from services.common.readmodel.collections import PROGRESS
from services.common.readmodel.driver import Client, Database, Document, Operation, Session, bulk_write

_TRANSIENT = "TransientTransactionError"
_UNKNOWN = "UnknownTransactionCommitResult"
_TOO_LARGE = {257, 10334}  # TransactionTooLarge, BSONObjectTooLarge
_TAKEN = 11000  # DuplicateKey
_PIECE = 2_000
"""Documents deleted at once: some tenths of a second."""
_NO_ROOM = 388  # TransactionTooLargeForCache: what else is in the cache has a part in it, so it may pass


class _OtherRev(LostRace):
    """The progress isn't where it should be."""


async def commit(
    client: Client,
    database: Database,
    progress: Document,
    expected_rev: int,
    operations: Mapping[str, Sequence[Operation]],
    *,
    patience: float,
    where: Callable[[str], Database],
) -> None:
    """Store the operations and the progress, or nothing. See `ProgressStore.commit`.

    `where` says in which database a collection lies; the progress lies in `database`.
    """
    begun = time.monotonic()
    deadline = begun + patience
    for pause in _pauses():
        try:
            async with await client.start_session(causal_consistency=False) as session:
                session.start_transaction(
                    ReadConcern("snapshot"), WriteConcern("majority"), max_commit_time_ms=int(patience * 1000)
                )
                await _write(session, database, progress, expected_rev, operations, where)
                await _finish(session, deadline)
            return
        except _OtherRev:
            if time.monotonic() > deadline:
                raise
        except PyMongoError as error:
            codes = _codes(error)
            no_room, late = _NO_ROOM in codes, time.monotonic() > deadline
            if isinstance(error, DocumentTooLarge) or codes & _TOO_LARGE or (no_room and late):
                raise BatchTooLarge(str(error)) from error
            if _TAKEN in codes:  # what was new is there: another owner may have been first
                await _refuse_other(database, progress, expected_rev)
                raise NotNew(str(error)) from error
            if late or not (no_room or error.has_error_label(_TRANSIENT)):
                raise
        await _refuse_other(database, progress, expected_rev)
        if time.monotonic() > begun + IDLE_SECONDS / 2:
            await end_abandoned(client)
        await asyncio.sleep(pause)


async def clear_for_good(database: Database, writes: Sequence[Write]) -> None:
    """Take away, piece by piece, what is deleted for good: a transaction holds all of it in the cache until it ends.

    Nothing of it comes back whatever becomes of the batch, so it needn't go at once with the rest.
    """
    for write in writes:
        if isinstance(write, DeleteMany) and write.for_good:
            collection = database[write.collection]
            while found := await collection.find(write.filter, {"_id": 1}, limit=_PIECE).to_list(None):
                await collection.delete_many({"_id": {"$in": [document["_id"] for document in found]}})


async def _write(
    session: Session,
    database: Database,
    progress: Document,
    expected_rev: int,
    operations: Mapping[str, Sequence[Operation]],
    where: Callable[[str], Database],
) -> None:
    for collection, each in operations.items():
        await bulk_write(where(collection), collection, each, session)
    # Progress comes last: who follows changes knows by it that a transaction is complete.
    if expected_rev == 0:
        try:
            await database[PROGRESS.name].insert_one(progress, session=session)
        except DuplicateKeyError:
            raise _OtherRev from None
        return
    stands = {"_id": progress["_id"], "rev": expected_rev}
    if not (await database[PROGRESS.name].replace_one(stands, progress, session=session)).matched_count:
        raise _OtherRev


async def _finish(session: Session, deadline: float) -> None:
    while True:
        try:
            return await session.commit_transaction()
        except PyMongoError as error:
            if error.has_error_label(_TRANSIENT):
                raise
            if not error.has_error_label(_UNKNOWN) or time.monotonic() > deadline:
                raise CommitUnknown(str(error)) from error
        await asyncio.sleep(0.05)


async def _refuse_other(database: Database, progress: Document, expected_rev: int) -> None:
    """After a failed try: go on only where the progress is still what it should be."""
    try:
        stored = await database[PROGRESS.name].find_one({"_id": progress["_id"]})
    except PyMongoError as error:
        raise CommitUnknown(str(error)) from error
    rev = stored["rev"] if stored else 0
    if rev != expected_rev:
        raise LostRace(f"{progress['_id']} stands at {rev}, not at {expected_rev}")


def _codes(error: PyMongoError) -> set[int | None]:
    """What an error is about, and the single writes of a bulk that it stands for."""
    if not isinstance(error, OperationFailure):
        return set()
    writes: Sequence[Document] = (error.details or {}).get("writeErrors", ())
    return {error.code, *(each["code"] for each in writes)}


def _pauses() -> Iterator[float]:
    return itertools.chain((0.0, 0.01, 0.02, 0.05, 0.1), itertools.repeat(0.25))
