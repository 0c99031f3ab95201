"""Two generations of the read model, compared document by document.

Both are read in the order of `_id` as the bytes that are stored; only what differs is looked into. Of derived results
the version and times are left out: they tell when something was computed, not what.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from services.common.progress import Progress
from services.common.readmodel.collections import (
    COLLECTIONS,
    PROGRESS,
    ROW_PARTITIONS,
    RUN_SUMMARIES,
    RUN_TOUCHES,
    Collection,
)
from services.common.readmodel.driver import Database, Document, Session
from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.packing import unpack_progress

REBUILT = tuple(collection for collection in COLLECTIONS if collection.kind == "rebuilt")
LEFT_OUT: Mapping[str, frozenset[str]] = {
    RUN_SUMMARIES.name: frozenset({"version", "scope_version", "computed_unix_ms", "cost_ms"})
}
SHOWN = 10
"""Differences that are named, of each collection."""

_BATCH = 500
_MOMENT_GONE = (239, 246)  # SnapshotTooOld, SnapshotUnavailable
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


class MomentGone(Exception):
    """The moment is too long ago to be read."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that isn't the same in both."""

    id: str
    kind: str
    """missing: only the current generation has it. extra: only the rebuilt one has it. different: both have it."""
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Compared:
    """What the comparison of a collection came to."""

    collection: str
    here: int = 0
    there: int = 0
    equal: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0
    pending: int = 0
    """Summaries of runs that the current generation has yet to measure: nothing can be said of them."""
    shown: list[Difference] = field(default_factory=list[Difference])

    @property
    def differences(self) -> int:
        """All of them."""
        return self.missing + self.extra + self.different


class Moment:
    """The current generation as it was at one moment, and how far its groups were then."""

    def __init__(self, store: ReadModel, session: Session | None, progress: Mapping[tuple[str, int], Progress]) -> None:
        self._store = store
        self._session = session
        self.progress = progress

    def raw(self, collection: str) -> AsyncIterator[RawBSONDocument]:
        """All documents of a collection as they are stored, by `_id`."""
        return _raw(self._store.database, collection, self._session)

    async def documents(self, collection: str, projection: Mapping[str, int]) -> list[Document]:
        """All documents of a collection, in part."""
        cursor = self._store.database[collection].find({}, projection, session=self._session)
        return await cursor.to_list(None)


@asynccontextmanager
async def moment(store: ReadModel, *, still: bool) -> AsyncGenerator[Moment]:
    """Look at a generation. `still`: nobody writes to it, so it can be read for as long as it takes.

    Otherwise it is a snapshot, which MongoDB keeps for some minutes.
    """
    if still:
        yield Moment(store, None, await _progress(store, None))
        return
    async with await store.client.start_session(causal_consistency=False, snapshot=True) as session:
        yield Moment(store, session, await _progress(store, session))


async def estimated_documents(store: ReadModel) -> int:
    """How many documents there are to compare, about."""
    return sum([await store.database[each.name].estimated_document_count() for each in REBUILT])


async def compare(
    here: Moment, there: ReadModel, report: Callable[[int], None], collections: Iterable[Collection] = REBUILT
) -> list[Compared]:
    """Compare what a moment holds with a generation that stands still. `report` is told how many documents are done."""
    unmeasured = await _unmeasured(here)
    results: list[Compared] = []
    done = 0
    try:
        for collection in collections:
            result = Compared(collection.name)
            pending = unmeasured if collection is RUN_SUMMARIES else frozenset[str]()
            mine, other = here.raw(collection.name), _raw(there.database, collection.name, None)
            async for left, right in _paired(mine, other):
                _judge(result, left, right, pending)
                done += left is not None
                if done % _BATCH == 0:
                    report(done)
            results.append(result)
    except OperationFailure as error:
        if error.code in _MOMENT_GONE:
            raise MomentGone from error
        raise
    report(done)
    return results


def _judge(
    result: Compared, left: RawBSONDocument | None, right: RawBSONDocument | None, pending: frozenset[str]
) -> None:
    result.here += left is not None
    result.there += right is not None
    if left is not None and right is not None and left.raw == right.raw:
        result.equal += 1
        return
    some = left if left is not None else right
    assert some is not None
    id = str(some["_id"])
    if id in pending:
        result.pending += 1
        return
    fields: tuple[str, ...] = ()
    if left is None:
        kind = "extra"
        result.extra += 1
    elif right is None:
        kind = "missing"
        result.missing += 1
    else:
        fields = differing_fields(left, right, LEFT_OUT.get(result.collection))
        if not fields:
            result.equal += 1
            return
        kind = "different"
        result.different += 1
    if len(result.shown) < SHOWN:
        result.shown.append(Difference(id, kind, fields))


def differing_fields(
    left: Mapping[str, Any], right: Mapping[str, Any], left_out: frozenset[str] | None = None
) -> tuple[str, ...]:
    """The fields in which two documents differ; the order of fields is none."""
    names = sorted((left.keys() | right.keys()) - (left_out or frozenset()))
    return tuple(name for name in names if _canonical(left, name) != _canonical(right, name))


def _canonical(document: Mapping[str, Any], name: str) -> bytes | None:
    return bson.encode({"": _sorted(document[name])}) if name in document else None


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        fields = cast(Mapping[str, Any], value)
        return {name: _sorted(fields[name]) for name in sorted(fields)}
    if isinstance(value, list):
        return [_sorted(item) for item in cast(list[Any], value)]
    return value


async def _paired(
    left: AsyncIterator[RawBSONDocument], right: AsyncIterator[RawBSONDocument]
) -> AsyncIterator[tuple[RawBSONDocument | None, RawBSONDocument | None]]:
    """Documents by `_id`, of both sides at once."""
    a, b = await anext(left, None), await anext(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a["_id"] < b["_id"]):
            yield a, None
            a = await anext(left, None)
        elif a is None or b["_id"] < a["_id"]:
            yield None, b
            b = await anext(right, None)
        else:
            yield a, b
            a, b = await anext(left, None), await anext(right, None)


async def _raw(database: Database, collection: str, session: Session | None) -> AsyncIterator[RawBSONDocument]:
    there = database.get_collection(collection, codec_options=_RAW)
    cursor = there.find({}, sort=[("_id", 1)], batch_size=_BATCH, session=session)
    while batch := await cursor.to_list(_BATCH):
        for document in batch:
            yield cast(RawBSONDocument, document)


async def _progress(store: ReadModel, session: Session | None) -> dict[tuple[str, int], Progress]:
    documents = await store.database[PROGRESS.name].find({}, session=session).to_list(None)
    return {(each["group"], each["partition"]): unpack_progress(each) for each in documents}


async def _unmeasured(here: Moment) -> frozenset[str]:
    """The runs, as project/run, whose summary doesn't rest on all that touched them."""
    summaries = {
        each["_id"]: {int(number): at["rev"] for number, at in each["version"].items()}
        for each in await here.documents(RUN_SUMMARIES.name, {"version": 1})
    }
    late: set[str] = set()
    for touch in await here.documents(RUN_TOUCHES.name, {"rev": 1}):
        run, _, partition = touch["_id"].rpartition("/")
        if touch["rev"] > summaries.get(run, {}).get(int(partition), 0):
            late.add(run)
    memories = await here.documents(ROW_PARTITIONS.name, {"deleted_runs": 1})
    deleted = {run for each in memories for run in each.get("deleted_runs", ())}
    return frozenset(late | {run for run in summaries if run.partition("/")[2] in deleted})
