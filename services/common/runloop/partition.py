"""One partition in the hands of a run loop: from what waits on the log to what stands in the read model.

The order of steps is what makes every event count once (each step may be the last before a crash):

1. read progress; whatever outbox is found there that isn't known to be out: publish it
2. recall memory, seek to where progress says
3. read what the batch needs, let the handler say what it amounts to
4. append dead letters
5. commit writes, progress and outbox in one transaction, if progress is still what we know
6. publish the outbox, and wait for it
7. tell the log how far we are, for lag displays

Any doubt (a race lost, an answer that never came, a store or log that failed) leads back to step 1.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.common.documents import Read, State
from services.common.eventlog.port import Consumer, EventLog, LogError, Message, Record
from services.common.eventlog.topics import SCHEMA_VERSION
from services.common.progress import (
    ANOTHER_LOG,
    CLOSED,
    BatchTooLarge,
    CommitUnknown,
    LostRace,
    NotNew,
    Progress,
    ProgressStore,
)
from services.common.runloop.clock import Clock
from services.common.runloop.dead_letters import dead_letter
from services.common.runloop.decoding import Arrival, arrive
from services.common.runloop.handling import Batch, Delivery, Handler, Outcome, Outgoing, Poison, blame_events
from services.common.runloop.metrics import LoopMetrics

logger = logging.getLogger(__name__)

Loader = Callable[[Batch, Any], Awaitable[State]]
"""Gathers what a batch needs, given the partition's memory, in place of `Handler.reads`. It may do I/O, so its
exceptions are outages, tried again for ever: what is pure in it goes through `blame_events`."""


class WrongLog(LogError):
    """The read model was made from another log, or from more of this one than there is."""


class Pacing(Protocol):
    """Holds back a partition: what waits there stays on the log, so that nothing is forgotten."""

    def delay(self, partition: int, waiting: Sequence[Delivery], now: float) -> float:
        """Seconds until what waits may be applied; 0: now. Asked again when the time is over or more has come."""
        ...

    def applied(self, partition: int, batch: Sequence[Delivery], seconds: float, now: float) -> None:
        """This was applied, and took so long."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once. A partition's batch is what waits: at most about twice these, since a poll may overshoot."""

    records: int = 500
    bytes: int = 2 << 20
    in_flight: int = 4
    """Partitions that apply a batch at the same time."""
    drain_seconds: float = 15.0
    """How long a batch in hand may take when the partition has to be let go of."""
    back_off: tuple[float, ...] = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
    """Seconds to wait after the first failure in a row, the second ... and the last for all that follow."""


@dataclass(frozen=True, slots=True)
class LoopContext:
    """What the owners of a loop's partitions share."""

    group: str
    topics: tuple[str, ...]
    log: EventLog
    store: ProgressStore
    consumer: Consumer
    handler: Handler
    writer: str
    """Names this loop in the progress that it writes."""
    limits: Limits
    clock: Clock
    metrics: LoopMetrics
    slots: asyncio.Semaphore
    compute: Callable[[Callable[[], Any]], Awaitable[Any]]
    """Runs the handler: in the event loop, or in a thread."""
    passed: Callable[[int, Mapping[str, int]], None]
    """Called with a partition's next offsets when all before them is applied and published."""
    loader: Loader | None = None
    pacing: Pacing | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    """What is known of the partition, as long as every progress write there is our own."""

    progress: Progress
    memory: Any


class PartitionOwner:
    """Applies one partition of all topics of a group."""

    def __init__(self, partition: int, loop: LoopContext) -> None:
        self.partition = partition
        self.taken_over = False
        """Whether it has begun at least once."""
        self._loop = loop
        self._held: _Held | None = None
        self._waiting: dict[str, list[Arrival]] = {topic: [] for topic in loop.topics}
        self._waiting_records = 0
        self._waiting_bytes = 0
        self._published: tuple[str, int] | None = None
        """Writer and rev of the last progress whose outbox we know to be out."""
        self._buried: set[tuple[str, int]] = set()
        """Dead letters that are out, of events whose batch isn't committed yet: a retry doesn't repeat them."""
        self._failures = 0
        self._stopping = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def offsets(self) -> Mapping[str, int]:
        """Next offsets, as far as known."""
        return self._held.progress.offsets if self._held else {}

    def stop(self) -> None:
        """Finish the batch in hand and end."""
        self._stopping.set()
        self._news.set()

    def offer(self, records: Sequence[Record]) -> None:
        """Take what was polled, and say so when it is enough for now."""
        if self._held is None:
            return  # from before we began anew: it will be fetched again
        for record in records:
            arrival = arrive(record, self._loop.log.topics[record.topic])
            self._waiting[record.topic].append(arrival)
            self._waiting_records += 1
            self._waiting_bytes += arrival.size
        if self._waiting_records >= self._loop.limits.records or self._waiting_bytes >= self._loop.limits.bytes:
            self._loop.consumer.pause(self.partition)
        self._news.set()

    async def run(self) -> None:
        """Apply what comes until `stop`. Raises only what no retry can mend."""
        loop = self._loop
        while not self._stopping.is_set():
            try:
                if self._held is None:
                    await self._take_over()
                await self._wait_for_work()
                async with loop.slots:
                    if not self._stopping.is_set():
                        await self._apply(self._take())
                self._failures = 0
            except WrongLog:
                raise
            except LostRace:
                loop.metrics.lost_race(loop.group)
                logger.warning("%s/%s: another owner was first, reading again", loop.group, self.partition)
                self._forget()
            except CommitUnknown:
                logger.warning("%s/%s: a commit's answer is lost, reading again", loop.group, self.partition)
                self._forget()
            except Exception as error:
                self._forget()
                await self._back_off(error)

    # ---- taking over, and letting go

    async def _take_over(self) -> None:
        loop = self._loop
        progress = await loop.store.read_progress(loop.group, self.partition)
        await self._refuse_other_log(progress)
        if (progress.writer, progress.rev) != self._published:
            await self._publish(progress)
        state = await self._find(loop.handler.recall(self.partition))
        memory = loop.handler.remember(self.partition, state)
        if self._stopping.is_set():
            return
        for topic in loop.topics:
            loop.consumer.seek(topic, self.partition, progress.offsets.get(topic, 0))
        self._held = _Held(progress, memory)
        self.taken_over = True
        loop.consumer.resume(self.partition)
        await self._tell(progress)

    async def _refuse_other_log(self, progress: Progress) -> None:
        loop = self._loop
        if not progress.rev:
            return
        if progress.log_id == CLOSED:
            raise WrongLog("A rebuild has put another generation in the place of this read model: start again.")
        if progress.log_id != loop.log.log_id:
            raise WrongLog(
                f"The read model was made from the log {progress.log_id}, and this is {loop.log.log_id}: {ANOTHER_LOG}."
            )
        for topic in loop.topics:
            here = progress.offsets.get(topic, 0)
            begin = (await loop.log.begin_offsets(topic))[self.partition]
            end = (await loop.log.end_offsets(topic))[self.partition]
            if not begin <= here <= end:
                raise WrongLog(
                    f"The read model stands at {here} of {topic}/{self.partition}, "
                    f"and the log has {begin} to {end}: {ANOTHER_LOG}."
                )

    def _forget(self) -> None:
        self._loop.consumer.pause(self.partition)
        self._held = None
        self._take_waiting()

    async def _back_off(self, error: Exception) -> None:
        loop = self._loop
        loop.metrics.outage(loop.group)
        pause = loop.limits.back_off[min(self._failures, len(loop.limits.back_off) - 1)]
        self._failures += 1
        where = (loop.group, self.partition)
        logger.warning("%s/%s: %r; trying again in %s s", *where, error, pause, exc_info=self._failures == 1)
        await loop.clock.wait(self._stopping, pause)

    # ---- batches

    async def _wait_for_work(self) -> None:
        clock, pacing = self._loop.clock, self._loop.pacing
        while not self._stopping.is_set():
            self._news.clear()
            if not self._waiting_records:
                await clock.wait(self._news)
                continue
            deliveries = _deliveries(self._in_order())
            delay = pacing.delay(self.partition, deliveries, clock.now()) if pacing and deliveries else 0.0
            if delay <= 0:
                return
            await clock.wait(self._news, delay)

    def _in_order(self) -> list[Arrival]:
        return [arrival for topic in self._loop.topics for arrival in self._waiting[topic]]

    def _take_waiting(self) -> list[Arrival]:
        arrivals = self._in_order()
        self._waiting = {topic: [] for topic in self._loop.topics}
        self._waiting_records = self._waiting_bytes = 0
        return arrivals

    def _take(self) -> list[Arrival]:
        arrivals = self._take_waiting()
        self._loop.consumer.resume(self.partition)
        return arrivals

    async def _apply(self, arrivals: Sequence[Arrival]) -> None:
        """Apply a batch; where what is in it makes that fail, its halves in turn, down to the guilty event."""
        loop = self._loop
        begun = loop.clock.now()
        try:
            outcome, outbox = await self._ask_handler(arrivals)
            while outcome.more:
                await self._commit(arrivals, outcome, outbox)
                outcome, outbox = await self._ask_handler(arrivals)
            await self._commit(arrivals, outcome, outbox)
        except (Poison, BatchTooLarge, NotNew) as error:
            if len(arrivals) > 1:
                middle = len(arrivals) // 2
                await self._apply(arrivals[:middle])
                await self._apply(arrivals[middle:])
                return
            record = arrivals[0].record
            where = (loop.group, record.topic, record.partition, record.offset)
            logger.error("%s: %s/%s at %s can't be applied: dead letter", *where, exc_info=error.__cause__ or error)
            assert self._held is not None
            await self._commit(arrivals, Outcome(memory=self._held.memory), bug=_reason(error))
        now = loop.clock.now()
        loop.metrics.batch(loop.group, now - begun)
        if loop.pacing is not None:
            loop.pacing.applied(self.partition, _deliveries(arrivals), now - begun, now)

    async def _ask_handler(self, arrivals: Sequence[Arrival]) -> tuple[Outcome, tuple[Message, ...]]:
        """Step 3: what a batch amounts to, with its events as messages that the log will take."""
        loop, held = self._loop, self._held
        assert held is not None
        deliveries = _deliveries(arrivals)
        if not deliveries:
            return Outcome(memory=held.memory), ()
        batch = Batch(self.partition, deliveries, self._offsets_after(arrivals), held.progress.rev + 1)
        if loop.loader is not None:
            state = await loop.loader(batch, held.memory)
        else:
            first = await self._find(blame_events(lambda: loop.handler.reads(batch, held.memory)))
            state = await self._find(blame_events(lambda: loop.handler.further_reads(batch, first)), first)

        def handle() -> tuple[Outcome, tuple[Message, ...]]:
            outcome = loop.handler.handle(batch, state, held.memory)
            outbox = tuple(self._message(outgoing) for outgoing in outcome.events)
            loop.log.check(outbox)
            return outcome, outbox

        return await loop.compute(lambda: blame_events(handle))

    async def _commit(
        self, arrivals: Sequence[Arrival], outcome: Outcome, outbox: tuple[Message, ...] = (), bug: str | None = None
    ) -> None:
        """Steps 4 to 7. `bug`: why the one event of this batch is put aside."""
        loop, held = self._loop, self._held
        assert held is not None
        await self._bury(arrivals, outcome, bug)
        progress = Progress(
            rev=held.progress.rev + 1,
            writer=loop.writer,
            log_id=loop.log.log_id,
            # After a piece of an event's work, whoever is next has to go on with that event.
            offsets=held.progress.offsets if outcome.more else self._offsets_after(arrivals),
            outbox=outbox,
        )
        await loop.store.commit(
            loop.group, self.partition, expected_rev=held.progress.rev, progress=progress, writes=outcome.writes
        )
        self._held = _Held(progress, outcome.memory)
        self._buried.clear()
        await self._publish(progress)
        if outcome.more:
            return
        for topic in loop.topics:
            if events := sum(arrival.record.topic == topic for arrival in arrivals):
                loop.metrics.applied(loop.group, topic, events)
        for reason, events in outcome.passed_over.items():
            loop.metrics.passed_over(loop.group, reason, events)
        if outcome.moved:
            self._warn_of_moved(outcome)
        await self._tell(progress)

    def _warn_of_moved(self, outcome: Outcome) -> None:
        loop = self._loop
        topic = next(event.topic for event in outcome.events if event.topic in loop.topics)
        loop.metrics.moved(loop.group, topic, outcome.moved)
        logger.warning(
            "%s/%s: %s events of %s lay in a wrong partition and were published again: have the producer place keys "
            "by murmur2 (partitioner=murmur2_random)",
            loop.group,
            self.partition,
            outcome.moved,
            topic,
        )

    async def _bury(self, arrivals: Sequence[Arrival], outcome: Outcome, bug: str | None) -> None:
        loop = self._loop
        refused = {(r.delivery.topic, r.delivery.offset): r.reason for r in outcome.refused}
        letters: dict[tuple[str, int], Message] = {}
        for arrival in arrivals:
            record = arrival.record
            place = (record.topic, record.offset)
            reason = bug if bug and arrival.delivery else arrival.reason or refused.get(place)
            onto = loop.log.topics[record.topic].dead_letter_topic
            if reason is None or onto is None or place in self._buried:
                continue
            marked = bool(bug and arrival.delivery)
            letters[place] = dead_letter(
                record, onto=onto, group=loop.group, reason=reason, bug=marked, time_unix_ms=loop.clock.unix_ms()
            )
            loop.metrics.dead_letter(loop.group, record.topic, bug=marked)
        if letters:
            await loop.log.append(list(letters.values()))
            self._buried.update(letters)

    async def _publish(self, progress: Progress) -> None:
        if progress.outbox:
            await self._loop.log.append(progress.outbox)
        self._published = (progress.writer, progress.rev)
        self._loop.passed(self.partition, progress.offsets)

    async def _tell(self, progress: Progress) -> None:
        try:
            offsets = {(topic, self.partition): offset for topic, offset in progress.offsets.items()}
            await self._loop.consumer.commit(offsets)
        except LogError as error:  # only displays rest on it
            logger.info("%s/%s: offsets were not committed: %s", self._loop.group, self.partition, error)

    # ---- small things

    async def _find(self, reads: Sequence[Read], before: State | None = None) -> State:
        """What reads find, behind what was found before."""
        found = await asyncio.gather(*(self._loop.store.find(read) for read in reads))
        state = {collection: [*documents] for collection, documents in (before or {}).items()}
        for read, documents in zip(reads, found, strict=True):
            state.setdefault(read.collection, []).extend(documents)
        return state

    def _offsets_after(self, arrivals: Sequence[Arrival]) -> dict[str, int]:
        assert self._held is not None
        offsets = dict(self._held.progress.offsets)
        for arrival in arrivals:
            offsets[arrival.record.topic] = arrival.record.offset + 1
        return offsets

    def _message(self, outgoing: Outgoing) -> Message:
        event = outgoing.event
        event.schema_version = event.schema_version or SCHEMA_VERSION
        event.producer = event.producer or self._loop.group
        event.time_unix_ms = event.time_unix_ms or self._loop.clock.unix_ms()
        value = event.SerializeToString(deterministic=True)
        return Message(outgoing.topic, outgoing.key.encode(), value, outgoing.partition)


def _deliveries(arrivals: Sequence[Arrival]) -> list[Delivery]:
    return [arrival.delivery for arrival in arrivals if arrival.delivery is not None]


def _reason(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, Poison) and error.__cause__ else error
    return f"{type(cause).__name__}: {cause}"
