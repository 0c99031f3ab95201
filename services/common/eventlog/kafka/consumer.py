"""A member of a group on Kafka: what it owns, what it fetches ahead, and what it hands out.

Kafka's client is behind `GroupClient`. It knows nothing of limits in bytes or of fairness, it swallows what callbacks
raise, and it waits through a rebalance whatever its timeout: so one task fetches into a buffer, and `poll` looks at the
buffer alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from typing_extensions import override

from services.common.eventlog.kafka.buffer import Buffer, Place
from services.common.eventlog.port import Consumer, LogError, PartitionCallback, Record

logger = logging.getLogger(__name__)

COMMIT_SECONDS = 1.0
"""How often offsets are committed, and how long the last commit may take."""
TROUBLE_SECONDS = 0.2

PlacesCallback = Callable[[frozenset[Place]], Awaitable[None]]


class GroupClient(Protocol):
    """What a member needs of Kafka's client. Nothing of a new place is fetched before `seek` and `resume`."""

    async def start(self, *, assigned: PlacesCallback, revoked: PlacesCallback) -> None:
        """Connect, and begin to join the group; the callbacks must not raise."""
        ...

    async def fetch(self) -> Mapping[Place, Sequence[Record]]:
        """Wait a while for records of places that aren't paused."""
        ...

    def seek(self, place: Place, offset: int) -> None:
        """Fetch from here on."""
        ...

    def pause(self, place: Place) -> None:
        """Fetch nothing of this place. What was fetched and not given is fetched again later."""
        ...

    def resume(self, place: Place) -> None:
        """Fetch of this place again."""
        ...

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        """Write offsets to the group."""
        ...

    async def stop(self) -> None:
        """Leave the group."""
        ...


class KafkaConsumer(Consumer):
    """A member of a group on Kafka."""

    def __init__(self, client: GroupClient, group: str, topics: Sequence[str]) -> None:
        self._client = client
        self._group = group
        self._topics = tuple(topics)
        self._owned: frozenset[int] | None = None
        """None between giving up partitions and being assigned the next."""
        self._paused: set[int] = set()
        self._buffer = Buffer()
        self._full: set[Place] = set()
        self._uncommitted: dict[Place, int] = {}
        self._committing = asyncio.Lock()
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._calling: asyncio.Task[None] | None = None
        self._trouble: LogError | None = None
        self._told = False
        self._failure: BaseException | None = None
        self._started = False

    # ---- reading

    @override
    async def poll(self, *, max_records: int, max_bytes: int, timeout: float) -> Sequence[Record]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            if self._failure is not None:
                raise self._failure
            self._tell_trouble()
            self._news.clear()
            if self._owned and (records := self._buffer.take(max_records, max_bytes, without=self._paused)):
                self._fetch_more()
                return records
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                return ()

    def _tell_trouble(self) -> None:
        """Every other time: one partition in trouble doesn't keep the others waiting."""
        trouble, self._trouble = self._trouble, None
        self._told = trouble is not None and not self._told
        if trouble is not None and self._told:
            raise trouble

    def _fetch_more(self) -> None:
        for place in [place for place in self._full if not self._buffer.full(place)]:
            self._full.discard(place)
            self._client.resume(place)

    @override
    def seek(self, topic: str, partition: int, offset: int) -> None:
        if partition not in (self._owned or ()):
            raise LogError(f"Partition {partition} isn't assigned to this member of {self._group}.")
        place = (topic, partition)
        self._buffer.seek(place, offset)
        self._client.seek(place, offset)
        self._client.resume(place)
        self._full.discard(place)

    @override
    def pause(self, partition: int) -> None:
        self._paused.add(partition)

    @override
    def resume(self, partition: int) -> None:
        self._paused.discard(partition)
        self._news.set()

    @override
    async def commit(self, offsets: Mapping[Place, int]) -> None:
        self._uncommitted.update(offsets)

    # ---- membership

    @override
    async def start(self, *, assigned: PartitionCallback, revoked: PartitionCallback) -> None:
        async def take(places: frozenset[Place]) -> None:
            await self._take(places, assigned)

        async def give_up(_places: frozenset[Place]) -> None:
            await self._give_up(revoked)

        self._started = True
        await self._client.start(assigned=take, revoked=give_up)
        self._tasks = [
            asyncio.create_task(self._keep(self._fetch), name=f"fetching for {self._group}"),
            asyncio.create_task(self._keep(self._report), name=f"offsets of {self._group}"),
        ]

    @override
    async def close(self) -> None:
        if not self._started:
            return
        self._started = False
        tasks = [*self._tasks, *([self._calling] if self._calling else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._owned:
            await self._commit_last(self._owned)
        self._owned = None
        await self._client.stop()

    async def _take(self, places: frozenset[Place], assigned: PartitionCallback) -> None:
        if self._failure is not None or not self._started:
            return
        numbers = frozenset(number for _, number in places)
        whole = frozenset(number for number in numbers if all((topic, number) in places for topic in self._topics))
        if whole != numbers:
            logger.error(
                "%s: partitions %s are not assigned in all topics, and not read: a topic was deleted or got more "
                "partitions, or older members of the group read other topics and have to be stopped",
                self._group,
                sorted(numbers - whole),
            )
        self._owned = whole
        await self._call(assigned, whole)
        self._news.set()

    async def _give_up(self, revoked: PartitionCallback) -> None:
        owned, self._owned = self._owned, None
        if owned is not None and self._failure is None:
            await self._call(revoked, owned)
            await self._commit_last(owned)
        self._buffer.clear()
        self._paused.clear()
        self._full.clear()
        self._uncommitted.clear()

    async def _call(self, callback: PartitionCallback, partitions: frozenset[int]) -> None:
        """Await a callback in a task of its own, which `close` can cancel; what it raises ends the member."""

        async def call() -> None:
            await callback(partitions)

        self._calling = asyncio.create_task(call(), name=f"callback of {self._group}")
        (result,) = await asyncio.gather(self._calling, return_exceptions=True)
        self._calling = None
        if isinstance(result, Exception):
            self._fail(result)

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._news.set()

    # ---- beside

    async def _keep(self, act: Callable[[], Awaitable[None]]) -> None:
        try:
            while True:
                await act()
        except Exception as error:
            self._fail(error)

    async def _fetch(self) -> None:
        try:
            found = await self._client.fetch()
        except LogError as error:
            self._trouble = error
            self._news.set()
            self._fetch_again()
            await asyncio.sleep(TROUBLE_SECONDS)
            return
        if self._owned is None:
            return
        for place, records in found.items():
            self._buffer.put(place, records)
            if self._buffer.full(place):
                self._full.add(place)
                self._client.pause(place)
        self._news.set()

    def _fetch_again(self) -> None:
        """The client forgets what it had in hand when it failed, and goes on behind it."""
        for (topic, number), offset in self._buffer.next_offsets.items():
            if number in (self._owned or ()):
                self._client.seek((topic, number), offset)

    async def _report(self) -> None:
        await asyncio.sleep(COMMIT_SECONDS)
        if self._owned:
            async with self._committing:
                await self._commit_now(self._owned)

    async def _commit_last(self, owned: frozenset[int]) -> None:
        try:
            async with asyncio.timeout(COMMIT_SECONDS), self._committing:
                await self._commit_now(owned)
        except TimeoutError:
            logger.info("%s: the last offsets were not committed in time", self._group)

    async def _commit_now(self, owned: frozenset[int]) -> None:
        offsets, self._uncommitted = self._uncommitted, {}
        mine = {place: offset for place, offset in offsets.items() if place[1] in owned}
        if not mine:
            return
        try:
            await self._client.commit(mine)
        except LogError as error:  # only displays rest on it, and the next commit has newer ones
            logger.info("%s: offsets were not committed: %s", self._group, error)
