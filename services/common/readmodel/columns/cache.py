"""Runs as columns: loaded once, kept fresh by the change feed, dropped when memory is short and nobody asks for them.

    async with columns.run(project_id, run_id) as view:
        await view.reach({0: 17, 1: 12}, timeout=1.0)
        counts(view.evidence, ...)

What a view shows is one moment: a whole number of transactions, whose progress is `view.progress`. It stands still
until `reach` or `refresh`, whatever happens meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.common.documents import Read
from services.common.groups import METRICS_ROWS
from services.common.readmodel.collections import MODEL_RUNS, ROW_PARTITIONS, under
from services.common.readmodel.columns.following import Following, PartitionState, RowProgress
from services.common.readmodel.columns.joining import JoinedRun, RunColumns, Scope
from services.common.readmodel.columns.tables import RunTable, SplitTable, TruthTable
from services.common.readmodel.feed import FeedLost
from services.common.readmodel.mongo import ReadModel
from sightline.evaluation.evidence import Evidence

__all__ = ["Columns", "PartitionState", "RowProgress", "RunColumns", "RunView", "UnknownRun"]

RunKey = tuple[str, str]
VersionKey = tuple[str, str, int]
DatasetKey = tuple[str, str]

_NO_REVS: Mapping[int, int] = {}
_LOSSES = 5


class UnknownRun(LookupError):
    """Nobody has heard of this run yet."""


class RunView:
    """A run that stays in memory while it is looked at."""

    def __init__(self, columns: Columns, key: RunKey, entry: _Entry) -> None:
        self._columns = columns
        self._key = key
        self._entry = entry
        self._current = entry.loaded.current()

    @property
    def current(self) -> RunColumns:
        """All of the moment in one object, which never changes."""
        return self._current

    @property
    def dataset_id(self) -> str:
        """The dataset of the run's version."""
        return self._entry.loaded.version[1]

    @property
    def dataset_version(self) -> int:
        """The version that the run is pinned to."""
        return self._entry.loaded.version[2]

    @property
    def evidence(self) -> Evidence:
        """The evidence of the run over the labelled rows in its scope, in the dataset's order."""
        return self._current.evidence

    @property
    def rows(self) -> Sequence[str]:
        """Global keys, one per row of evidence."""
        return self._current.rows

    @property
    def progress(self) -> RowProgress:
        """Where the row partitions stood, by their number."""
        return self._current.progress

    @property
    def splits(self) -> Sequence[str]:
        """The splits whose rows the run is measured on; none: all labelled rows."""
        return self._entry.loaded.splits

    @property
    def accepted(self) -> RowProgress | None:
        """Where the data rows stand whose splits are the run's scope; None where it has none."""
        return self._current.accepted

    @property
    def generation(self) -> int:
        """Another number whenever anything in the evidence is different. Never used twice in a process."""
        return self._current.generation

    async def refresh(self) -> None:
        """Show the newest moment."""
        if self._entry.loaded.following.lost:
            await self._load_again()
        self._current = self._entry.loaded.current()

    async def reach(self, revs: Mapping[int, int], timeout: float, accepted: Mapping[int, int] = _NO_REVS) -> None:
        """Show the newest moment once it includes these progress revs, by partition. Raises `TimeoutError`.

        `accepted`: those of data rows, for a run whose scope rests on splits.
        """
        async with asyncio.timeout(timeout):
            while not await self._entry.loaded.following.reach(revs, accepted):
                await self._load_again()
        self._current = self._entry.loaded.current()

    def release(self) -> None:
        """Look no more."""
        self._columns.unpin(self._entry)

    async def _load_again(self) -> None:
        entry = await self._columns.pin(self._key)
        self.release()
        self._entry = entry


class Columns:
    """The runs in memory. One per process; safe to use from many tasks of one event loop."""

    def __init__(self, store: ReadModel, memory_limit: int) -> None:
        self._store = store
        self._memory_limit = memory_limit
        self._opening: asyncio.Task[Following] | None = None
        self._runs: OrderedDict[RunKey, _Entry] = OrderedDict()
        self._truths: dict[VersionKey, asyncio.Task[TruthTable]] = {}
        self._splits: dict[DatasetKey, asyncio.Task[SplitTable]] = {}

    @contextlib.asynccontextmanager
    async def run(self, project_id: str, run_id: str) -> AsyncGenerator[RunView]:
        """A view of a run, loaded if it isn't. Raises `UnknownRun`."""
        key = project_id, run_id
        view = RunView(self, key, await self.pin(key))
        try:
            yield view
        finally:
            view.release()

    async def close(self) -> None:
        """Let go of the feed and of all columns."""
        for task in (*(entry.task for entry in self._runs.values()), *self._truths.values(), *self._splits.values()):
            task.cancel()
        if self._opening is not None:
            with contextlib.suppress(Exception):
                await (await self._opening).end()
        self._drop_all()

    @property
    def nbytes(self) -> int:
        """Memory taken by all that is loaded."""
        runs = sum(entry.loaded.run.nbytes for entry in self._runs.values() if _succeeded(entry.task))
        shared = (*self._truths.values(), *self._splits.values())
        return runs + sum(task.result().nbytes for task in shared if _succeeded(task))

    async def pin(self, key: RunKey) -> _Entry:
        """A run that stays until `unpin`."""
        for _ in range(_LOSSES):
            entry = await self._entry(key)
            entry.pins += 1
            try:
                loaded = await asyncio.shield(entry.task)
                if not loaded.following.lost:
                    self._make_room()
                    return entry
            except FeedLost:
                pass
            except BaseException:
                self.unpin(entry)
                raise
            self.unpin(entry)
        raise FeedLost("the change feed was lost again and again")

    def unpin(self, entry: _Entry) -> None:
        """Nobody looks at it any more, as far as this caller is concerned."""
        entry.pins -= 1
        self._make_room()

    async def _entry(self, key: RunKey) -> _Entry:
        following = await self._following()
        entry = self._runs.get(key)
        if entry is None or _failed(entry.task):
            task = asyncio.create_task(self._load(following, key), name=f"load {key[1]}")
            entry = self._runs[key] = _Entry(task)
        self._runs.move_to_end(key)
        return entry

    async def _following(self) -> Following:
        opening = self._opening
        if opening is not None and (_failed(opening) or (_succeeded(opening) and opening.result().lost)):
            self._drop_all()
        if self._opening is None:
            self._opening = asyncio.create_task(Following.begin(self._store), name="open change feed")
        return await asyncio.shield(self._opening)

    def _drop_all(self) -> None:
        self._opening = None
        self._runs = OrderedDict()
        self._truths = {}
        self._splits = {}

    async def _load(self, following: Following, key: RunKey) -> _Loaded:
        version, splits = await self._pinned(*key)
        loading = self._truths.get(version)
        if loading is None or _failed(loading):
            loading = asyncio.create_task(following.fill(lambda: TruthTable(*version)), name=f"load truths {version}")
            self._truths[version] = loading
        truths = await asyncio.shield(loading)
        scope = Scope(await self._load_splits(following, version[:2]), splits) if splits else None
        run = await following.fill(lambda: RunTable(*key))
        return _Loaded(following, version, splits, run, JoinedRun(run, truths, scope))

    async def _load_splits(self, following: Following, dataset: DatasetKey) -> SplitTable:
        loading = self._splits.get(dataset)
        if loading is None or _failed(loading):
            loading = asyncio.create_task(following.fill(lambda: SplitTable(*dataset)), name=f"load splits {dataset}")
            self._splits[dataset] = loading
        return await asyncio.shield(loading)

    async def _pinned(self, project_id: str, run_id: str) -> tuple[VersionKey, tuple[str, ...]]:
        """Version and scope of a run, as the group knows them, or else as the catalog has them: they never change."""
        for memory in await self._store.find(Read(ROW_PARTITIONS.name, {"_id": under(METRICS_ROWS)}, {"runs": 1})):
            run = memory["runs"].get(run_id)
            if run and run["project_id"] == project_id:
                return (project_id, run["dataset_id"], run["dataset_version"]), tuple(run.get("splits", ()))
        run = await self._store.get(MODEL_RUNS.name, f"{project_id}/{run_id}")
        if run is None:
            raise UnknownRun(run_id)
        return (project_id, run["dataset_id"], run["dataset_version"]), tuple(run.get("splits", ()))

    def _make_room(self) -> None:
        """Drop what was used least recently, until what is loaded fits. What is looked at stays."""
        for key, entry in list(self._runs.items()):
            if self.nbytes <= self._memory_limit:
                return
            if entry.pins == 0 and entry.task.done():
                del self._runs[key]
                if _succeeded(entry.task):
                    entry.loaded.following.forget(entry.loaded.run)
                    self._drop_unwanted(entry.loaded.following)

    def _drop_unwanted(self, following: Following) -> None:
        """Truths and splits stay as long as a run in memory, or any on its way there, may use them."""
        if not all(_succeeded(entry.task) for entry in self._runs.values()):
            return
        wanted = {entry.loaded.version for entry in self._runs.values()}
        for version, task in list(self._truths.items()):
            if version not in wanted and _succeeded(task):
                del self._truths[version]
                following.forget(task.result())
        scoped = {entry.loaded.version[:2] for entry in self._runs.values() if entry.loaded.splits}
        for dataset, task in list(self._splits.items()):
            if dataset not in scoped and _succeeded(task):
                del self._splits[dataset]
                following.forget(task.result())


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A run in memory, and the feed that keeps it fresh."""

    following: Following
    version: VersionKey
    splits: tuple[str, ...]
    run: RunTable
    joined: JoinedRun

    def current(self) -> RunColumns:
        return self.joined.at(self.following.progress, self.following.accepted)


@dataclass(slots=True, eq=False)
class _Entry:
    """A run that is in memory or on its way there, and how many look at it."""

    task: asyncio.Task[_Loaded]
    pins: int = 0

    @property
    def loaded(self) -> _Loaded:
        return self.task.result()


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and not _succeeded(task)


def _succeeded(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
