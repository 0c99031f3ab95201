"""Tables that one change feed keeps fresh, and the progress at which they all stand."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypedDict, TypeVar

import structlog
from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure

from services.common.documents import Read
from services.common.groups import INGEST_ROWS, METRICS_ROWS
from services.common.readmodel.collections import PROGRESS, ROW_PARTITIONS, under
from services.common.readmodel.columns.tables import RunTable, SplitTable, Table, TruthTable
from services.common.readmodel.feed import Change, Feed, FeedLost, Watched
from services.common.readmodel.mongo import ReadModel

_MOMENT_GONE = (239, 246)  # SnapshotTooOld, SnapshotUnavailable
_MOMENT_TRIES = 40
_MOMENT_PAUSE = 0.05
_END_SECONDS = 1.0

AnyTable = TypeVar("AnyTable", RunTable, TruthTable, SplitTable)


class PartitionState(TypedDict):
    """Where a row partition stands: progress, and what markers have told there."""

    rev: int
    offsets: Mapping[str, int]
    markers: Mapping[str, int]


RowProgress = Mapping[int, PartitionState]

_NO_REVS: Mapping[int, int] = {}
_NOWHERE: PartitionState = {"rev": 0, "offsets": {}, "markers": {}}


class Following:
    """One life of the feed. When it is lost all of this is, and a new one begins."""

    def __init__(self, store: ReadModel) -> None:
        self._store = store
        self._feed: Feed
        self._running: asyncio.Task[None]
        self._tables: dict[tuple[str, str], list[Table]] = {}
        self._moved = asyncio.Event()
        self._stands: dict[str, RowProgress] = {METRICS_ROWS: {}, INGEST_ROWS: {}}
        self.lost = False

    @property
    def progress(self) -> RowProgress:
        """Where truths and runs stand."""
        return self._stands[METRICS_ROWS]

    @property
    def accepted(self) -> RowProgress:
        """Where data rows stand."""
        return self._stands[INGEST_ROWS]

    @classmethod
    async def begin(cls, store: ReadModel) -> Following:
        """Begin where the read model is now."""
        self = cls(store)
        moment = await self._read_progress()
        self._feed = Feed(store.client, store.database, moment, self._watched(), PROGRESS.name, self._apply)
        self._running = asyncio.create_task(self._run(), name="change feed")
        return self

    async def end(self) -> None:
        """Let go of the feed, also while the server is away."""
        self._feed.stop()
        await asyncio.wait({self._running}, timeout=_END_SECONDS)
        self._running.cancel()

    async def fill(self, make: Callable[[], AnyTable]) -> AnyTable:
        """Make a table, fill it, and follow it. When this returns, it stands where all others do."""
        for _ in range(_MOMENT_TRIES):
            table = make()
            self._tables.setdefault((table.collection, table.prefix), []).append(table)
            try:
                await self._feed.watch(self._watched())
                revs = await self._fill(table)
                there = await (self.reach({}, revs) if isinstance(table, SplitTable) else self.reach(revs))
                if not there:
                    raise FeedLost("the change feed was lost")
                return table
            except BaseException as error:
                self.forget(table)
                if not _is_moment_gone(error):
                    raise
            await asyncio.sleep(_MOMENT_PAUSE)
        raise FeedLost("no moment stays long enough to be read")

    async def _fill(self, table: Table) -> Mapping[int, int]:
        """Read all of one moment; returns the progress revs that it includes."""
        async with self._store.snapshot() as moment:
            group = INGEST_ROWS if isinstance(table, SplitTable) else METRICS_ROWS
            progress = await moment.find(Read(PROGRESS.name, {"_id": under(group)}, {"rev": 1}))
            async for documents in moment.batches(table.read):
                table.fill(documents)
        table.filled(moment.time)
        return {_partition(each["_id"]): each["rev"] for each in progress}

    def forget(self, *tables: Table) -> None:
        """Follow these no more."""
        for table in tables:
            siblings = self._tables[table.collection, table.prefix]
            siblings.remove(table)
            if not siblings:
                del self._tables[table.collection, table.prefix]
        self._feed.ask(self._watched())

    async def reach(self, revs: Mapping[int, int], accepted: Mapping[int, int] = _NO_REVS) -> bool:
        """Wait until all of these partitions are at least there. False: the feed was lost."""
        while not self.lost:
            if _reached(self.progress, revs) and _reached(self.accepted, accepted):
                return True
            await self._moved.wait()
        return False

    async def _read_progress(self) -> Timestamp:
        for _ in range(_MOMENT_TRIES):
            try:
                async with self._store.snapshot() as moment:
                    for group, (collection, fields) in itertools.product(self._stands, _PROGRESS_FIELDS.items()):
                        found = await moment.find(Read(collection, {"_id": under(group)}, dict.fromkeys(fields, 1)))
                        self._stand([Change("put", collection, each["_id"], each, moment.time) for each in found])
                return moment.time
            except OperationFailure as error:
                if not _is_moment_gone(error):
                    raise
            await asyncio.sleep(_MOMENT_PAUSE)
        raise FeedLost("no moment stays long enough to be read")

    async def _run(self) -> None:
        try:
            await self._feed.run()
        except FeedLost as error:
            structlog.get_logger().warning("change feed lost: columns are read anew", reason=str(error)[:300])
        except Exception:
            structlog.get_logger().exception("change feed broken: columns are read anew")
        finally:
            self.lost = True
            self._move()

    def _watched(self) -> Sequence[Watched]:
        rows = [Watched(table.collection, table.ids, table.fields) for (table, *_) in self._tables.values()]
        groups = itertools.product(self._stands, _PROGRESS_FIELDS.items())
        return [*(Watched(each, under(group), fields) for group, (each, fields) in groups), *rows]

    def _apply(self, changes: Sequence[Change]) -> None:
        """Take over changes that end where a transaction ends. Nobody reads in between: nothing here waits."""
        try:
            self._distribute(changes)
        except BaseException:
            # Half of them may be in: nobody may read that.
            self.lost = True
            raise

    def _distribute(self, changes: Sequence[Change]) -> None:
        by_prefix: dict[tuple[str, str], list[Change]] = {}
        progress: list[Change] = []
        for change in changes:
            if change.collection in _PROGRESS_FIELDS:
                progress.append(change)
            else:
                project, second, _ = change.id.split("/", 2)
                by_prefix.setdefault((change.collection, f"{project}/{second}"), []).append(change)
        for key, each in by_prefix.items():
            for table in self._tables.get(key, ()):
                table.follow(each)
        if progress:
            self._stand(progress)
            self._move()

    def _stand(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.kind != "put":
                raise FeedLost(f"{change.id} in {change.collection} was not replaced but {change.kind}d")
            group, partition = change.id.rpartition("/")[0], _partition(change.id)
            progress = dict(self._stands[group])
            state = progress.get(partition, _NOWHERE).copy()
            if change.collection == PROGRESS.name:
                state["rev"], state["offsets"] = change.fields["rev"], change.fields["offsets"]
            else:
                state["markers"] = change.fields["markers"]
            progress[partition] = state
            self._stands[group] = progress

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


_PROGRESS_FIELDS = {PROGRESS.name: ("rev", "offsets"), ROW_PARTITIONS.name: ("markers",)}


def _reached(progress: RowProgress, revs: Mapping[int, int]) -> bool:
    return all(progress.get(partition, _NOWHERE)["rev"] >= rev for partition, rev in revs.items())


def _partition(id: str) -> int:
    return int(id.rpartition("/")[2])


def _is_moment_gone(error: BaseException) -> bool:
    return isinstance(error, OperationFailure) and error.code in _MOMENT_GONE
