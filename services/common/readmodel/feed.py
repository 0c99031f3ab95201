"""The change feed: what was written to the documents that are watched, in the order in which it was.

Raw commands, since the driver's change stream hands out events one by one, each through a thread. A batch of changes
ends where a transaction ends, so whoever applies batches whole never shows half of one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure, PyMongoError

from services.common.readmodel.driver import Client, Database, Document, Session, run_command

_BATCH_EVENTS = 4_000
_WAIT_MS = 50  # how long the server holds an answer back when nothing happens; nothing else ends that wait
_PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0)

_SHAPE_CHANGES = ("drop", "rename", "dropDatabase", "invalidate")
_CURSOR_GONE = (43, 237)  # CursorNotFound, CursorKilled
_NOT_RESUMABLE = (136, 222, 260, 280, 286)
# CappedPositionLost, CloseChangeStream, InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost


class FeedLost(Exception):
    """The feed can't go on where it was: what was built from it has to be read anew."""


@dataclass(frozen=True, slots=True)
class Change:
    """One document was put, changed in some fields, or removed."""

    kind: Literal["put", "update", "delete"]
    collection: str
    id: str
    fields: Mapping[str, Any]
    """The document, or what changed in it, as far as it is watched."""
    time: Timestamp


@dataclass(frozen=True, slots=True)
class Watched:
    """Documents to follow: ranges of `_id` in a collection, and the fields that matter there."""

    collection: str
    ids: Mapping[str, Any]
    fields: Sequence[str]


class Feed:
    """Follows changes after a moment. `apply` is called with changes up to the end of a transaction.

    `boundary` is the collection that every transaction writes last.
    """

    def __init__(
        self,
        client: Client,
        database: Database,
        since: Timestamp,
        watched: Sequence[Watched],
        boundary: str,
        apply: Callable[[Sequence[Change]], None],
    ) -> None:
        self._client = client
        self._database = database
        self._since = since
        self._token: Document | None = None
        self._watched = watched
        self._boundary = boundary
        self._apply = apply
        self._pending: list[Change] = []
        self._asked = 0
        self._served = -1
        self._stopping = False
        self._ended = False
        self._wake = asyncio.Event()
        self._turn = asyncio.Condition()

    async def watch(self, watched: Sequence[Watched]) -> None:
        """Follow these instead. Returns when every change from now on is followed."""
        wanted = self.ask(watched)
        async with self._turn:
            await self._turn.wait_for(lambda: self._served >= wanted or self._ended)
        if self._ended:
            raise FeedLost("the feed has ended")

    def ask(self, watched: Sequence[Watched]) -> int:
        """Follow these instead, soon."""
        self._watched = watched
        self._asked += 1
        self._wake.set()
        return self._asked

    async def run(self) -> None:
        """Follow until `stop`, over lost connections and restarts of the server. Raises `FeedLost`."""
        failures = 0
        try:
            while not self._stopping:
                try:
                    async with await self._client.start_session(causal_consistency=False) as session:
                        cursor = await self._open(session)
                        failures = 0
                        await self._read(session, cursor)
                except PyMongoError as error:
                    if _is_lost(error):
                        raise FeedLost(str(error)) from error
                    if not _is_gone(error):
                        structlog.get_logger().warning("change feed interrupted", reason=str(error)[:300])
                    await self._pause(_PAUSES[min(failures, len(_PAUSES) - 1)])
                    failures += 1
        finally:
            async with self._turn:
                self._ended = True
                self._turn.notify_all()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopping = True
        self._wake.set()

    async def _open(self, session: Session) -> Document:
        self._wake.clear()
        opening = self._asked
        start = {"resumeAfter": self._token} if self._token else {"startAtOperationTime": self._since}
        pipeline = [{"$changeStream": start}, *_stages(self._watched)]
        command = {"aggregate": 1, "pipeline": pipeline, "cursor": {"batchSize": _BATCH_EVENTS}}
        cursor: Document = (await run_command(self._database, command, session))["cursor"]
        self._take(cursor["firstBatch"], cursor)
        async with self._turn:
            self._served = opening
            self._turn.notify_all()
        return cursor

    async def _read(self, session: Session, cursor: Document) -> None:
        """Read on until the stream has to be opened anew."""
        while not self._wake.is_set():
            command = {
                "getMore": cursor["id"],
                "collection": "$cmd.aggregate",
                "batchSize": _BATCH_EVENTS,
                "maxTimeMS": _WAIT_MS,
            }
            cursor = (await run_command(self._database, command, session))["cursor"]
            self._take(cursor["nextBatch"], cursor)

    def _take(self, events: Sequence[Document], cursor: Document) -> None:
        ready: list[Change] = []
        collections = {each.collection for each in self._watched}
        for event in events:
            if event["operationType"] in _SHAPE_CHANGES:
                if _concerned(event, collections):
                    raise FeedLost(f"{event['operationType']} of a collection")
                continue
            change = _change(event)
            if change.time <= self._since or change.collection not in collections:
                continue
            if self._pending and change.time != self._pending[-1].time:
                ready += self._pending
                self._pending.clear()
            self._pending.append(change)
            if change.collection == self._boundary or "txnNumber" not in event:
                ready += self._pending
                self._pending.clear()
        self._token = cursor["postBatchResumeToken"]
        if ready:
            self._apply(ready)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()


def _change(event: Document) -> Change:
    collection, id, time = event["ns"]["coll"], event["documentKey"]["_id"], event["clusterTime"]
    match event["operationType"]:
        case "delete":
            return Change("delete", collection, id, {}, time)
        case "update":
            return Change("update", collection, id, event.get("updateDescription", {}).get("updatedFields", {}), time)
        case _:
            return Change("put", collection, id, event["fullDocument"], time)


def _concerned(event: Document, collections: Set[str]) -> bool:
    """Whether a change of shape concerns one of the collections; one without a name concerns all."""
    named = {event[place]["coll"] for place in ("ns", "to") if "coll" in event.get(place, ())}
    return not named or not named.isdisjoint(collections)


def _stages(watched: Sequence[Watched]) -> Sequence[Document]:
    # By `_id` alone: the server tests each condition on each change, and the name of a collection costs it most.
    ranges = {tuple(each.ids.items()): each.ids for each in watched}
    wanted: list[Document] = [{"documentKey._id": ids} for ids in ranges.values()]
    wanted.append({"operationType": {"$in": _SHAPE_CHANGES}})
    fields = {field for each in watched for field in each.fields}
    shown = ["operationType", "clusterTime", "txnNumber", "ns.coll", "to.coll", "documentKey._id", "fullDocument._id"]
    shown += [f"fullDocument.{field}" for field in fields]
    shown += [f"updateDescription.updatedFields.{field}" for field in fields]
    return [{"$match": {"$or": wanted}}, {"$project": dict.fromkeys(shown, 1)}]


def _is_lost(error: PyMongoError) -> bool:
    return error.has_error_label("NonResumableChangeStreamError") or (
        isinstance(error, OperationFailure) and error.code in _NOT_RESUMABLE
    )


def _is_gone(error: PyMongoError) -> bool:
    return isinstance(error, OperationFailure) and error.code in _CURSOR_GONE
