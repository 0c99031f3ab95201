"""How the run loop behaves: beginning, letting go, holding back, waiting for positions, refusing other logs."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from services.common.documents import State
from services.common.eventlog.port import Message, Position
from services.common.eventlog.topics import RUN_TOUCHED
from services.common.progress import Progress
from services.common.runloop.handling import Batch, Delivery, Outcome, blame_events
from services.common.runloop.loop import Limits, RunLoop, WrongLog
from services.common.runloop.metrics import LoopMetrics
from tests.contract.eventlog.run_loop_suite import Hold, SteppedLog, SteppedStore, inputs, loop_on, nothing, running
from tests.unit.eventlog.fakes import Crash, FakeLog, FakeStore, Outage, SoftClock
from tests.unit.eventlog.ledger import GROUP, INPUTS, TOPICS, Ledger, check_books, message, until_passed


@pytest.fixture
def log() -> FakeLog:
    return FakeLog(TOPICS)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


class Watched(Ledger):
    """Remembers what its batches were."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []
        self.threads: set[str] = set()
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()

    def handle(self, batch: Batch, state: State, memory: Any) -> Outcome:
        self.begun.set()
        assert self.may_end.wait(60), "nobody was there to let it go on"
        self.batches.append(batch)
        self.threads.add(threading.current_thread().name)
        return super().handle(batch, state, memory)


async def test_a_batch_has_its_topics_in_the_order_of_the_loop(log: FakeLog, store: FakeStore) -> None:
    handler = Watched()
    await log.append([message(topic, f"a-{i}") for i in range(3) for topic in reversed(INPUTS)])
    hold = Hold("before find")
    async with running(loop_on(log, store, hold, handler=handler, limits=Limits())):
        await hold.there.wait()
        hold.go.set()
        await until_passed(log, store)
    for batch in handler.batches:
        places = [INPUTS.index(delivery.topic) for delivery in batch.deliveries]
        assert places == sorted(places)
        assert all(batch.offsets[d.topic] > d.offset for d in batch.deliveries)


async def test_a_batch_takes_what_waits_and_is_bounded(log: FakeLog, store: FakeStore) -> None:
    handler = Watched()
    await log.append([message(INPUTS[0], f"a-{i}") for i in range(1000)])
    async with running(loop_on(log, store, handler=handler, limits=Limits(records=10))):
        await until_passed(log, store)
    sizes = [len(batch.deliveries) for batch in handler.batches]
    assert max(sizes) <= 20
    assert sum(sizes) / len(sizes) > 5


async def test_bytes_bound_a_batch_too(log: FakeLog, store: FakeStore) -> None:
    handler = Watched()
    await log.append([message(INPUTS[0], f"a-{'x' * 1000}-{i}") for i in range(100)])
    async with running(loop_on(log, store, handler=handler, limits=Limits(records=1, bytes=1))):
        await until_passed(log, store)
    assert {len(batch.deliveries) for batch in handler.batches} <= {1, 2}


async def test_no_more_partitions_in_flight_than_allowed(log: FakeLog, store: FakeStore) -> None:
    inside, most = 0, 0

    async def at(moment: str) -> None:
        nonlocal inside, most
        if moment == "before commit":
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
        elif moment == "after commit":
            inside -= 1

    await log.append(inputs())
    async with running(loop_on(log, store, at, limits=Limits(records=3, in_flight=1))):
        await until_passed(log, store)
    assert most == 1


async def test_a_handler_in_a_thread_leaves_the_event_loop_free(log: FakeLog, store: FakeStore) -> None:
    handler = Watched()
    handler.may_end.clear()
    await log.append([message(INPUTS[0], "a-0")])
    async with running(loop_on(log, store, handler=handler, in_thread=True)):
        while not handler.begun.is_set():
            await asyncio.sleep(0.001)
        assert not store.progress, "it works, and we are here"
        handler.may_end.set()
        while not store.progress:
            await asyncio.sleep(0.001)
    assert all(name.startswith("ledger-handler") for name in handler.threads)
    await check_books(log, store)


# ---- letting go


async def test_stop_finishes_the_batch_in_hand_and_starts_no_other(log: FakeLog, store: FakeStore) -> None:
    await log.append([message(INPUTS[0], f"a-{i}") for i in range(100)])
    hold = Hold("before commit")
    loop = loop_on(log, store, hold)
    task = asyncio.create_task(loop.run())
    await hold.there.wait()
    stopping = asyncio.create_task(loop.stop())
    await asyncio.sleep(0.01)
    assert not stopping.done()
    hold.go.set()
    await stopping
    await task
    assert store.progress[GROUP, 0].rev == 1
    assert len(log.records[RUN_TOUCHED, 0]) + len(log.records[RUN_TOUCHED, 1]) == len(store.progress[GROUP, 0].outbox)


async def test_a_drain_ends_even_if_the_batch_in_hand_does_not(log: FakeLog, store: FakeStore) -> None:
    await log.append(inputs())
    hold = Hold("after commit")
    loop = loop_on(log, store, hold, limits=Limits(records=3, drain_seconds=0.05))
    task = asyncio.create_task(loop.run())
    await hold.there.wait()
    await asyncio.wait_for(loop.stop(), 5)
    await task
    async with running(loop_on(log, store)):
        await until_passed(log, store)
    await check_books(log, store)


async def test_a_drain_does_not_wait_for_an_outage_to_end(log: FakeLog, store: FakeStore) -> None:
    async def at(moment: str) -> None:
        if moment == "before commit":
            raise Outage("away")

    await log.append(inputs())
    loop = RunLoop(
        SteppedLog(log, at), SteppedStore(store, at), GROUP, INPUTS, Ledger(), limits=Limits(back_off=(60.0,))
    )
    task = asyncio.create_task(loop.run())
    await asyncio.sleep(0.05)
    await asyncio.wait_for(loop.stop(), 5)
    await task


async def test_a_revoke_during_a_stop_waits_for_the_same_batch(log: FakeLog, store: FakeStore) -> None:
    """Otherwise the next owner would start while the last batch of this one is still on its way."""
    await log.append(inputs())
    hold = Hold("before commit")
    loop = loop_on(log, store, hold)
    task = asyncio.create_task(loop.run())
    await hold.there.wait()
    stopping = asyncio.create_task(loop.stop())
    await asyncio.sleep(0.01)
    revoked = asyncio.create_task(loop._drain(frozenset({0, 1})))  # pyright: ignore[reportPrivateUsage]
    await asyncio.sleep(0.01)
    assert not revoked.done()
    hold.go.set()
    await asyncio.gather(revoked, stopping, task)


async def test_a_loader_s_pure_part_may_blame_an_event(log: FakeLog, store: FakeStore) -> None:
    def pure(batch: Batch) -> None:
        if any(delivery.event.event_id.startswith("poison") for delivery in batch.deliveries):
            raise ValueError("not to be borne")

    async def loader(batch: Batch, memory: Any) -> State:
        blame_events(lambda: pure(batch))
        return {}

    await log.append([message(INPUTS[0], name) for name in ("a", "poison", "b")])
    async with running(loop_on(log, store, loader=loader)):
        await until_passed(log, store)
    await check_books(log, store)


async def test_stop_before_run(log: FakeLog, store: FakeStore) -> None:
    loop = loop_on(log, store)
    await loop.stop()
    await asyncio.wait_for(loop.run(), 5)


async def test_back_off_grows_and_starts_anew_after_a_success(log: FakeLog, store: FakeStore) -> None:
    left = [4, 2]

    async def at(moment: str) -> None:
        if moment == "before commit":
            if left[0] > 0:
                left[0] -= 1
                raise Outage("away")
            left[0], left[1] = left[1], 0

    clock = SoftClock()
    await log.append([message(INPUTS[0], f"a-{i}") for i in range(20)])
    async with running(loop_on(log, store, at, clock=clock, limits=Limits(records=3, back_off=(1.0, 2.0, 3.0)))):
        await until_passed(log, store)
    pauses = [seconds for seconds in clock.waits if seconds in (1.0, 2.0, 3.0)]
    assert pauses == [1.0, 2.0, 3.0, 3.0, 1.0, 2.0]


async def test_ready_once_every_partition_has_begun(log: FakeLog, store: FakeStore) -> None:
    hold = Hold("after read progress", 2)
    loop = loop_on(log, store, hold)
    assert not loop.ready
    async with running(loop):
        await hold.there.wait()
        await asyncio.sleep(0.01)
        assert not loop.ready
        hold.go.set()
        await asyncio.sleep(0.01)
        assert loop.ready


# ---- other logs


async def test_a_read_model_of_another_log_is_refused_with_what_to_do(log: FakeLog, store: FakeStore) -> None:
    store.progress[GROUP, 1] = Progress(1, "w", "log_other", {})
    with pytest.raises(WrongLog, match="made from the log log_other, and this is log_fake: name the log"):
        await asyncio.wait_for(loop_on(log, store).run(), 5)


async def test_a_read_model_that_knows_more_than_the_log_is_refused(log: FakeLog, store: FakeStore) -> None:
    store.progress[GROUP, 0] = Progress(1, "w", "log_fake", {INPUTS[0]: 5})
    with pytest.raises(WrongLog, match=f"stands at 5 of {INPUTS[0]}/0, and the log has 0 to 0"):
        await asyncio.wait_for(loop_on(log, store).run(), 5)


# ---- waiting for a position


async def test_passed_waits_until_the_outbox_is_out(log: FakeLog, store: FakeStore) -> None:
    hold = Hold("before publish")
    loop = loop_on(log, store, hold)
    async with running(loop):
        (position,) = await log.append([message(INPUTS[0], "a-0")])
        await hold.there.wait()
        waiting = asyncio.create_task(loop.passed(position, timeout=1e9))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        hold.go.set()
        assert await asyncio.wait_for(waiting, 5)
    assert log.records[RUN_TOUCHED, 0] or log.records[RUN_TOUCHED, 1]


async def test_passed_by_another_process_publishes_what_that_one_may_not_have(log: FakeLog, store: FakeStore) -> None:
    (position,) = await log.append([message(INPUTS[0], "a-0")])

    async def die(moment: str) -> None:
        if moment == "before publish":
            raise Crash

    with pytest.raises(Crash):
        await asyncio.wait_for(loop_on(log, store, die).run(), 5)
    bystander = loop_on(log, store)  # not in the group
    assert await asyncio.wait_for(bystander.passed(position, timeout=5), 5)
    assert log.records[RUN_TOUCHED, 0] or log.records[RUN_TOUCHED, 1]


async def test_passed_gives_up_in_time(log: FakeLog, store: FakeStore) -> None:
    assert not await asyncio.wait_for(loop_on(log, store).passed(Position(INPUTS[0], 0, 0), timeout=3), 5)


# ---- pacing


class Slow:
    """Holds back five seconds, unless something urgent is there."""

    def __init__(self) -> None:
        self.since: float | None = None
        self.log: list[tuple[str, float]] = []

    def delay(self, partition: int, waiting: Sequence[Delivery], now: float) -> float:
        if any(delivery.event.event_id.startswith("urgent") for delivery in waiting):
            return 0.0
        self.since = now if self.since is None else self.since
        return self.since + 5.0 - now

    def applied(self, partition: int, batch: Sequence[Delivery], seconds: float, now: float) -> None:
        self.log.append((" ".join(delivery.event.event_id for delivery in batch), now))
        self.since = None


async def test_pacing_holds_back_for_its_time(log: FakeLog, store: FakeStore) -> None:
    clock, pacing = SoftClock(), Slow()
    begun = clock.time
    async with running(loop_on(log, store, clock=clock, pacing=pacing)):
        await log.append([message(INPUTS[0], "a-0")])
        await until_passed(log, store)
    (applied,) = pacing.log
    assert applied[0] == "a-0"
    assert applied[1] >= begun + 5


async def test_pacing_is_asked_again_when_more_comes(log: FakeLog, store: FakeStore) -> None:
    pacing = Slow()
    loop = RunLoop(SteppedLog(log, nothing), store, GROUP, INPUTS, Ledger(), pacing=pacing)
    async with running(loop):
        await log.append([message(INPUTS[0], "a-0")])
        await asyncio.sleep(0.1)
        assert not pacing.log
        await log.append([message(INPUTS[0], "urgent")])
        await until_passed(log, store, seconds=2)
    assert [names for names, _ in pacing.log] == ["a-0 urgent"]


async def test_what_is_held_back_is_let_go_of_at_once_on_stop(log: FakeLog, store: FakeStore) -> None:
    loop = RunLoop(SteppedLog(log, nothing), store, GROUP, INPUTS, Ledger(), pacing=Slow())
    task = asyncio.create_task(loop.run())
    await log.append([message(INPUTS[0], "a-0")])
    await asyncio.sleep(0.05)
    await asyncio.wait_for(loop.stop(), 1)
    await task
    assert not store.progress


# ---- what is told


async def test_metrics_tell_what_happened(log: FakeLog, store: FakeStore) -> None:
    class Counting(LoopMetrics):
        def __init__(self) -> None:
            self.events = 0
            self.letters: list[bool] = []
            self.outages = 0

        def applied(self, group: str, topic: str, events: int) -> None:
            self.events += events

        def dead_letter(self, group: str, topic: str, *, bug: bool) -> None:
            self.letters.append(bug)

        def outage(self, group: str) -> None:
            self.outages += 1

    left = 1

    async def at(moment: str) -> None:
        nonlocal left
        if moment == "before find" and (left := left - 1) == 0:
            raise Outage("away")

    messages = inputs()
    counted = Counting()
    await log.append(messages)
    async with running(loop_on(log, store, at, metrics=counted)):
        await until_passed(log, store)
    assert counted.events == len(messages)
    assert sorted(counted.letters) == [False] * 4 + [True] * 3
    assert counted.outages == 1


async def test_what_is_passed_over_is_counted_when_that_is_stored(log: FakeLog, store: FakeStore) -> None:
    class Passing(Ledger):
        def handle(self, batch: Batch, state: State, memory: Any) -> Outcome:
            outcome = super().handle(batch, state, memory)
            return replace(outcome, passed_over={"repeat": len(outcome.events), "deleted": 1})

    class Counting(LoopMetrics):
        def __init__(self) -> None:
            self.told: Counter[str] = Counter()
            self.batches = 0

        def passed_over(self, group: str, reason: str, events: int) -> None:
            self.told[reason] += events

        def batch(self, group: str, seconds: float) -> None:
            self.batches += 1

    left = 3

    async def at(moment: str) -> None:
        nonlocal left
        if moment == "before commit" and (left := left - 1) >= 0:
            raise Outage("away")

    counted = Counting()
    await log.append([message(INPUTS[0], f"a-{i}") for i in range(8)])
    async with running(loop_on(log, store, at, handler=Passing(), metrics=counted)):
        await until_passed(log, store)
    assert left < 0
    assert counted.told == {"repeat": 8, "deleted": counted.batches}


async def test_derived_events_are_stamped_and_by_key(log: FakeLog, store: FakeStore) -> None:
    from services.common.eventlog.partitioner import partition_of
    from sightline.wire.events.v1.event_pb2 import Event

    await log.append([message(INPUTS[0], f"a-{i}") for i in range(8)])
    async with running(loop_on(log, store)):
        await until_passed(log, store)
    records = [record for n in range(2) for record in log.records[RUN_TOUCHED, n]]
    assert len(records) == 8
    for record in records:
        event = Event.FromString(record.value)
        assert record.partition == partition_of(record.key, 2)
        assert (event.schema_version, event.producer) == (1, GROUP)
        assert event.time_unix_ms > 0


async def test_an_offset_that_is_not_committed_stops_nothing(log: FakeLog, store: FakeStore) -> None:
    async def at(moment: str) -> None:
        if moment == "before commit offsets":
            raise Outage("lost the partition")

    await log.append([*inputs(), Message(INPUTS[0], b"garbage", b"\xff", 0)])
    async with running(loop_on(log, store, at)):
        await until_passed(log, store)
    await check_books(log, store)
