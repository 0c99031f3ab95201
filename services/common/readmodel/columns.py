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

from services.common.eventlog.handling import Read
from services.common.readmodel.collections import MODEL_RUNS, ROW_PARTITIONS, under
from services.common.readmodel.feed import FeedLost
from services.common.readmodel.following import GROUP, Following, PartitionState, Standing
from services.common.readmodel.joining import JoinedRun, RunColumns
from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.tables import RunTable, TruthTable
from sightline.evaluation.evidence import Evidence

__all__ = ["Columns", "PartitionState", "RunColumns", "RunView", "Standing", "UnknownRun"]

RunKey = tuple[str, str]
VersionKey = tuple[str, str, int]

_LOSSES = 5


class UnknownRun(LookupError):
    """Nobody has heard of this run yet."""


class RunView:
    """A run that stays in memory while it is looked at."""

    def __init__(self, columns: Columns, key: RunKey, loaded: _Loaded) -> None:
        self._columns = columns
        self._key = key
        self._loaded = loaded
        self._current = loaded.current()

    @property
    def current(self) -> RunColumns:
        """All of the moment in one object, which never changes."""
        return self._current

    @property
    def dataset_id(self) -> str:
        """The dataset of the run's version."""
        return self._loaded.version[1]

    @property
    def dataset_version(self) -> int:
        """The version that the run is pinned to."""
        return self._loaded.version[2]

    @property
    def evidence(self) -> Evidence:
        """The evidence of the run over the labelled rows of its version, in the dataset's order."""
        return self._current.evidence

    @property
    def rows(self) -> Sequence[str]:
        """Global keys, one per row of evidence."""
        return self._current.rows

    @property
    def progress(self) -> Standing:
        """Where the row partitions stood, by their number."""
        return self._current.progress

    @property
    def generation(self) -> int:
        """Another number whenever anything in the evidence is different. Never used twice in a process."""
        return self._current.generation

    async def refresh(self) -> None:
        """Show the newest moment."""
        if self._loaded.following.lost:
            await self._load_again()
        self._current = self._loaded.current()

    async def reach(self, revs: Mapping[int, int], timeout: float) -> None:
        """Show the newest moment once it includes these progress revs, by partition. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            while not await self._loaded.following.reach(revs):
                await self._load_again()
        self._current = self._loaded.current()

    async def _load_again(self) -> None:
        loaded = await self._columns.pin(self._key)
        self.release()
        self._loaded = loaded

    def release(self) -> None:
        """Look no more."""
        self._columns.unpin(self._loaded)


class Columns:
    """The runs in memory. One per process; safe to use from many tasks of one event loop."""

    def __init__(self, store: ReadModel, memory_limit: int) -> None:
        self._store = store
        self._memory_limit = memory_limit
        self._opening: asyncio.Task[Following] | None = None
        self._runs: OrderedDict[RunKey, asyncio.Task[_Loaded]] = OrderedDict()
        self._truths: dict[VersionKey, asyncio.Task[TruthTable]] = {}

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
        for task in (*self._runs.values(), *self._truths.values()):
            task.cancel()
        if self._opening is not None:
            with contextlib.suppress(Exception):
                await (await self._opening).end()
        self._drop_all()

    @property
    def nbytes(self) -> int:
        """Memory taken by all that is loaded."""
        return sum(loaded.run.nbytes for loaded in self._done()) + sum(
            task.result().nbytes for task in self._truths.values() if _succeeded(task)
        )

    async def pin(self, key: RunKey) -> _Loaded:
        """A run that stays until `unpin`."""
        for _ in range(_LOSSES):
            task = await self._task(key)
            try:
                loaded = await asyncio.shield(task)
            except FeedLost:
                continue
            finally:
                if _failed(task) and self._runs.get(key) is task:
                    del self._runs[key]
            if loaded.following.lost:
                continue
            loaded.pins += 1
            if self._runs.get(key) is task:
                self._runs.move_to_end(key)
            self._make_room()
            return loaded
        raise FeedLost("the change feed was lost again and again")

    def unpin(self, loaded: _Loaded) -> None:
        """Nobody looks at it any more, as far as this caller is concerned."""
        loaded.pins -= 1
        self._make_room()

    async def _task(self, key: RunKey) -> asyncio.Task[_Loaded]:
        following = await self._following()
        if key not in self._runs:
            self._runs[key] = asyncio.create_task(self._load(following, key), name=f"load {key[1]}")
        return self._runs[key]

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

    async def _load(self, following: Following, key: RunKey) -> _Loaded:
        version = await self._version(*key)
        loading = self._truths.get(version)
        if loading is None or _failed(loading):
            loading = asyncio.create_task(following.fill(lambda: TruthTable(*version)), name=f"load truths {version}")
            self._truths[version] = loading
        truths = await asyncio.shield(loading)
        return _Loaded(following, version, await following.fill(lambda: RunTable(*key)), truths)

    async def _version(self, project_id: str, run_id: str) -> VersionKey:
        """What a run is pinned to, as the group knows it, or else as the catalog has it: it never changes."""
        for memory in await self._store.find(Read(ROW_PARTITIONS.name, {"_id": under(GROUP)}, {"runs": 1})):
            if run := memory["runs"].get(run_id):
                return project_id, run["dataset_id"], run["dataset_version"]
        run = await self._store.get(MODEL_RUNS.name, f"{project_id}/{run_id}")
        if run is None:
            raise UnknownRun(run_id)
        return project_id, run["dataset_id"], run["dataset_version"]

    def _make_room(self) -> None:
        """Drop what was used least recently, until what is loaded fits. What is looked at stays."""
        if self.nbytes <= self._memory_limit:
            return
        for key, loaded in [(key, task.result()) for key, task in self._runs.items() if _succeeded(task)]:
            if loaded.pins:
                continue
            del self._runs[key]
            loaded.following.forget(loaded.run)
            if not self._wanted(loaded.version):
                del self._truths[loaded.version]
                loaded.following.forget(loaded.truths)
            if self.nbytes <= self._memory_limit:
                return

    def _wanted(self, version: VersionKey) -> bool:
        """Whether a run in memory, or one on its way there, uses these truths."""
        return any(not _succeeded(task) or task.result().version == version for task in self._runs.values())

    def _done(self) -> Sequence[_Loaded]:
        return [task.result() for task in self._runs.values() if _succeeded(task)]


@dataclass(slots=True)
class _Loaded:
    """A run in memory."""

    following: Following
    version: VersionKey
    run: RunTable
    truths: TruthTable
    pins: int = 0
    joined: JoinedRun | None = None

    def current(self) -> RunColumns:
        if self.joined is None:
            self.joined = JoinedRun(self.run, self.truths)
        return self.joined.at(self.following.standing)


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and not _succeeded(task)


def _succeeded(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
