"""`rebuild`: the read model made anew from the log, compared with the current one, and swapped for it.

The fixed position is where every group of the current generation stands, at one moment: not the end of the log. What
lies between the two the current services haven't handled, so what it gives rise to isn't on the log yet, and a replay,
which publishes nothing, would lose it. The services go on from there themselves.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import sightline
from services.common.eventlog.opening import open_log
from services.common.eventlog.port import EventLog, LogError
from services.common.eventlog.sqlite import looking as sqlite_looking
from services.common.eventlog.topics import DEAD_LETTERS, topics
from services.common.ops.copying import Report
from services.common.ops.rebuild_processes import replay
from services.common.ops.refusal import Refusal
from services.common.progress import Progress
from services.common.readmodel.comparison import (
    Compared,
    Moment,
    MomentGone,
    compare,
    estimated_documents,
    moment,
)
from services.common.readmodel.generations import (
    Generation,
    Moved,
    begin_generation,
    drop_generation,
    other_generations,
    swap,
)
from services.common.readmodel.mongo import ReadModel, ReadModelAway, ReadModelError
from services.common.readmodel.packing import progress_id
from services.common.readmodel.rebuild_turn import LEASE_SECONDS, Lost, Taken, turn
from services.common.runloop.clock import unix_ms
from services.common.runtime.settings import Settings

FRESH_SECONDS = 60.0
"""A moment older than that is left for a new one: MongoDB keeps what was for five minutes."""
TRIES = 3
"""Comparisons while services run: a deletion that goes piece by piece looks like a difference in its middle."""
CARRIED = frozenset({DEAD_LETTERS})
"""Topics from which operational documents are made: no replay makes them anew."""

Stands = Mapping[tuple[str, int], Progress]


async def rebuild_compare(settings: Settings, report: Report, *, anew: bool = False) -> dict[str, Any]:
    """Make a generation from the log and compare it with the current one, which services may go on writing."""
    async with _opened(settings) as (log, store), _alone(store, "--compare", anew=anew):
        await _refuse_no_beginning(log)
        generation = await _begin(log, store, anew)
        seen = await _compared(settings, log, store, generation, report)
        for _ in range(TRIES - 1):
            if seen.equal or not (seen.live or await _users(settings)):
                break
            seen = await _compared(settings, log, store, generation, report)
        return {
            "equal": seen.equal,
            "current": store.database.name,
            "rebuilt": generation.database,
            "went_on": generation.found,
            "services_running": seen.live,
            "records": seen.records,
            "collections": [_answer(each) for each in seen.collections],
        }


async def rebuild_swap(settings: Settings, report: Report, *, anew: bool = False) -> dict[str, Any]:
    """Make a generation from the log and put it in the place of the current one. The services are stopped."""
    async with _opened(settings) as (log, store), _alone(store, "--swap", anew=anew):
        await _refuse_users(settings)
        await _refuse_no_beginning(log)
        generation = await _begin(log, store, anew)
        async with moment(store, still=True) as here:
            await _publish(log, here.progress)
            await _replay(settings, log, generation, here.progress, report)
            await _refuse_users(settings)
            stands = {progress_id(*place): each for place, each in here.progress.items()}
            revs = {id: each.rev for id, each in stands.items()}
            carried = [id for id, each in stands.items() if _is_carried(each)]
            try:
                await swap(store.home, store.database, generation.database, revs, carried)
            except Moved as error:
                raise Refusal(f"Nothing was swapped: {error}. Stop all services, and type the same again.") from error
            return {
                "current": generation.database,
                "old": store.database.name,
                "went_on": generation.found,
                "records": _records(here.progress),
            }


async def rebuild_drop_old(settings: Settings) -> dict[str, Any]:
    """Drop every generation but the current one."""
    store = await _store(settings, prepare=False)
    try:
        async with _alone(store, "--drop-old"):
            dropped = await other_generations(store.home)
            for database in dropped:
                await drop_generation(store.home, database)
            return {"current": store.database.name, "dropped": list(dropped)}
    finally:
        await store.close()


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncGenerator[tuple[EventLog, ReadModel]]:
    if settings.kafka is None and not settings.log_path.exists():
        raise Refusal(f"There is no log at {settings.log_path}.")
    log = await open_log(settings, create=False)
    try:
        store = await _store(settings, log.log_id, prepare=False)
        try:
            yield log, store
        finally:
            await store.close()
    finally:
        await log.close()


@asynccontextmanager
async def _alone(store: ReadModel, what: str, *, anew: bool = False) -> AsyncGenerator[None]:
    """One rebuild at a time. `anew` takes over from another, whose generation is dropped then."""
    try:
        async with turn(store.home, f"rebuild {what}", force=anew):
            yield
    except Taken as error:
        raise Refusal(
            f"Another rebuild of this read model runs: {error}. Wait for it, or end it. If its machine is gone, its "
            f"turn ends within {LEASE_SECONDS} s; --anew takes over at once, and drops what it has made."
        ) from error
    except Lost:
        raise LogError("Another rebuild has taken over (--anew): this one ends, and nothing was swapped.") from None


async def _store(
    settings: Settings, log_id: str | None = None, *, generation: str | None = None, prepare: bool = True
) -> ReadModel:
    try:
        return await ReadModel.open(
            settings.mongo_url, settings.mongo_database, log_id, generation=generation, prepare=prepare
        )
    except ReadModelAway as error:
        raise LogError(str(error)) from error
    except ReadModelError as error:
        raise Refusal(str(error)) from error


async def _begin(log: EventLog, store: ReadModel, anew: bool) -> Generation:
    return await begin_generation(
        store.home,
        log_id=log.log_id,
        version=sightline.__version__,
        anew=anew,
        made_unix_ms=unix_ms(),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """One comparison."""

    collections: Sequence[Compared]
    live: bool
    """Whether services ran, when it began."""
    records: int

    @property
    def equal(self) -> bool:
        return not any(each.differences for each in self.collections)


async def _compared(
    settings: Settings, log: EventLog, store: ReadModel, generation: Generation, report: Report
) -> _Seen:
    """Bring the new generation to a moment of the current one, and compare the two."""
    live = bool(await _users(settings))
    async with _replayed_moment(settings, log, store, generation, report, live=live) as here:
        there = await _store(settings, log.log_id, generation=generation.database)
        total = await estimated_documents(store)

        def documents(done: int) -> None:
            report("comparing", min(done, total), total)

        try:
            seen = _Seen(await compare(here, there, documents), live, _records(here.progress))
            report("comparing", total, total)  # how many there are was an estimate
            return seen
        except MomentGone:
            raise Refusal(
                "The services run, and the comparison takes longer than MongoDB keeps a moment: stop them and compare "
                "again, or give mongod a larger minSnapshotHistoryWindowInSeconds."
            ) from None
        finally:
            await there.close()


@asynccontextmanager
async def _replayed_moment(
    settings: Settings, log: EventLog, store: ReadModel, generation: Generation, report: Report, *, live: bool
) -> AsyncGenerator[Moment]:
    """A moment of the current generation to which the new one was brought, and which can still be read."""
    while True:
        taken = time.monotonic()
        async with moment(store, still=not live) as here:
            await _replay(settings, log, generation, here.progress, report)
            if not live or time.monotonic() - taken < FRESH_SECONDS:
                yield here
                return


async def _replay(settings: Settings, log: EventLog, generation: Generation, stands: Stands, report: Report) -> None:
    await _refuse_lost_end(log, stands)
    ends = [
        (group, topic, partition, offset)
        for (group, partition), progress in stands.items()
        for topic, offset in progress.offsets.items()
        if not _is_carried(progress)
    ]
    names = {name for topic in topics(settings.row_partitions) for name in topic.consumers}
    await replay(sorted(names), generation.database, ends, report)


def _is_carried(progress: Progress) -> bool:
    """Whether what a group makes is shared by all generations: then it goes on where it stands."""
    return set(progress.offsets) <= CARRIED


async def _publish(log: EventLog, stands: Stands) -> None:
    """What the last batches gave rise to may not be on the log yet, and a replay publishes nothing."""
    for progress in stands.values():
        if progress.outbox:
            await log.append(progress.outbox)


async def _refuse_no_beginning(log: EventLog) -> None:
    for topic in log.topics.values():
        if topic.name in CARRIED:
            continue
        for partition, begin in (await log.begin_offsets(topic.name)).items():
            if begin:
                raise Refusal(
                    f"{topic.name}/{partition} begins at {begin}: the records before it were deleted, and without them "
                    "no read model can be made. Restore the log from a backup."
                )


async def _refuse_lost_end(log: EventLog, stands: Stands) -> None:
    ends = {topic: await log.end_offsets(topic) for topic in log.topics}
    for (group, partition), progress in stands.items():
        for topic, offset in progress.offsets.items():
            if offset > ends[topic][partition]:
                raise Refusal(
                    f"{group} stands at {offset} of {topic}/{partition}, and the log ends at {ends[topic][partition]}: "
                    "it lost its end. Restore the log, or make a read model of what is left in another database."
                )


async def _refuse_users(settings: Settings) -> None:
    if users := await _users(settings):
        raise Refusal(
            f"Services use the log: {', '.join(users)}. Stop all of them (`--compare` may be done before), swap, and "
            "start them again."
        )


async def _users(settings: Settings) -> tuple[str, ...]:
    """Members of the services' groups that live."""
    cluster = settings.kafka
    if cluster is None:
        return sqlite_looking.look(settings.log_path).users
    from services.common.eventlog.kafka.log import look  # an embedded log waits for no driver to load

    return (await look(cluster)).look(cluster).users


def _records(stands: Stands) -> int:
    return sum(sum(progress.offsets.values()) for progress in stands.values() if not _is_carried(progress))


def _answer(compared: Compared) -> dict[str, Any]:
    return {**asdict(compared), "differences": compared.differences}
