"""What a run loop promises on any log and any store: every event applied once and in order, every derived one out.

Inherit, and give `log` (open, empty, with `ledger.TOPICS`) and `store`. Faults come at the moments at which a server is
written to; `EveryMoment` has them all, again and again, where that costs nothing. The numbers are those of the traces
that break weaker forms of the rules: 1 the lost answer, 2 the outbox emptied by another, 10 snapshot before poll, 15
dead letters after the transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from typing_extensions import override

from services.common.documents import State, Write
from services.common.eventlog.port import EventLog, Message
from services.common.eventlog.topics import DEAD_LETTERS, RUN_TOUCHED
from services.common.progress import BatchTooLarge, CommitUnknown, Progress, ProgressStore
from services.common.runloop.handling import Batch
from services.common.runloop.loop import Limits, RunLoop
from tests.unit.eventlog.fakes import (
    STEPS,
    At,
    Crash,
    Outage,
    SoftClock,
    SteppedLog,
    SteppedStore,
    nothing,
)
from tests.unit.eventlog.ledger import GROUP, INPUTS, Ledger, all_of, check_books, message, until_passed

SMALL = Limits(records=3, back_off=(0.01,))
EVERY_MOMENT = [f"{when} {step}" for step in STEPS for when in ("before", "after")]
ANSWERS = ["stored", "not stored", "stored late"]
WRITING = ["before commit", "after commit", "before publish", "after publish"]


def inputs(count: int = 24) -> list[Message]:
    """Events on both topics and both partitions; among them some that can't be applied, of each sort."""
    messages = [message(INPUTS[i % 2], f"{'abc'[i % 3]}-{i}", i // 2 % 2) for i in range(count)]
    for place, name in ((3, "poison-1"), (11, "refused-1"), (12, "poison-2"), (19, "poison-3"), (26, "refused-2")):
        messages.insert(place, message(INPUTS[place % 2], name, place // 3 % 2))
    messages.insert(9, Message(INPUTS[0], b"garbage", b"\xff\xff\xff", 0))
    messages.insert(14, Message(INPUTS[1], b"garbage", message(INPUTS[1], "x").value[:-3], 1))
    return messages


def loop_on(log: EventLog, store: ProgressStore, at: At = nothing, **options: Any) -> RunLoop:
    """A loop that believes that it owns everything, and tells its steps."""
    options.setdefault("limits", SMALL)
    options.setdefault("clock", SoftClock())
    return RunLoop(
        SteppedLog(log, at), SteppedStore(store, at), GROUP, INPUTS, options.pop("handler", Ledger()), **options
    )


@asynccontextmanager
async def running(*loops: RunLoop) -> AsyncIterator[None]:
    """Run loops, and stop them in the end."""
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    try:
        yield
    finally:
        await asyncio.gather(*(loop.stop() for loop in loops))
        await asyncio.gather(*tasks)


async def finish(log: EventLog, store: ProgressStore) -> None:
    """Let a loop without faults do what is left, and check the books."""
    async with running(loop_on(log, store)):
        await until_passed(log, store)
    await check_books(log, store)


class Fault:
    """Raises at the nth time that a moment comes."""

    def __init__(self, moment: str, error: BaseException, nth: int = 1) -> None:
        self.moment = moment
        self.error = error
        self.left = nth

    async def __call__(self, moment: str) -> None:
        await asyncio.sleep(0)
        if moment == self.moment:
            self.left -= 1
            if self.left == 0:
                raise self.error


class Hold:
    """Stops at the nth time that a moment comes, until let go."""

    def __init__(self, moment: str, nth: int = 1) -> None:
        self.moment = moment
        self.left = nth
        self.there = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, moment: str) -> None:
        if moment == self.moment:
            self.left -= 1
            if self.left == 0:
                self.there.set()
                await self.go.wait()


class RunLoopContract:
    """The suite."""

    # ---- faults at every step of rule 6

    async def test_books_are_right_without_faults(self, log: EventLog, store: ProgressStore) -> None:
        await log.append(inputs())
        await finish(log, store)

    @pytest.mark.parametrize("nth", [1])
    @pytest.mark.parametrize("moment", WRITING)
    async def test_crash_at(self, log: EventLog, store: ProgressStore, moment: str, nth: int) -> None:
        await crash_at(log, store, moment, nth)

    @pytest.mark.parametrize("moment", WRITING)
    async def test_outage_at(self, log: EventLog, store: ProgressStore, moment: str) -> None:
        await outage_at(log, store, moment)

    @pytest.mark.parametrize("moment", WRITING)
    async def test_two_owners_of_which_one_sleeps_at(self, log: EventLog, store: ProgressStore, moment: str) -> None:
        await two_owners_of_which_one_sleeps_at(log, store, moment)

    async def test_two_owners_at_once(self, log: EventLog, store: ProgressStore) -> None:
        async with running(loop_on(log, store), loop_on(log, store)):
            for _ in range(5):
                await log.append(inputs())
                await until_passed(log, store)
        await finish(log, store)

    # ---- the traces, by number

    @pytest.mark.parametrize("stored", ANSWERS)
    @pytest.mark.parametrize("nth", [2])
    async def test_trace_01_answer_of_a_commit_lost(
        self, log: EventLog, store: ProgressStore, stored: str, nth: int
    ) -> None:
        await answer_of_a_commit_lost(log, store, stored, nth)

    async def test_trace_01_outbox_is_out_before_the_next_replaces_it(
        self, log: EventLog, store: ProgressStore
    ) -> None:
        await log.append([message(INPUTS[0], f"a-{i}") for i in range(9)])
        lost = Fault("after commit", CommitUnknown())
        out_before: list[int] = []

        async def at(moment: str) -> None:
            if moment == "before commit":
                out_before.append(len(await all_of(log, RUN_TOUCHED)))
            await lost(moment)

        async with running(loop_on(log, store, at)):
            await until_passed(log, store)
            await until_published(log)
        assert out_before[0] == 0
        assert all(out_before[1:])
        await check_books(log, store)

    async def test_trace_02_late_publisher_leaves_the_next_outbox_alone(
        self, log: EventLog, store: ProgressStore
    ) -> None:
        """A commits 1 and sleeps; B publishes 1, commits 2 and dies before publishing; A wakes and publishes 1."""
        await log.append([message(INPUTS[0], f"a-{i}") for i in range(3)])
        sleeper = Hold("before publish")
        async with running(loop_on(log, store, sleeper)):
            await asyncio.wait_for(sleeper.there.wait(), 20)
            await log.append([message(INPUTS[0], f"b-{i}") for i in range(3)])
            with pytest.raises(Crash):
                await asyncio.wait_for(loop_on(log, store, Fault("before publish", Crash(), 2)).run(), 20)
            await until_passed(log, store)
            sleeper.go.set()
            await log.append([message(INPUTS[0], f"c-{i}") for i in range(3)])
            await until_passed(log, store)
        await finish(log, store)

    async def test_trace_10_what_comes_while_loading_is_not_counted_as_consumed(
        self, log: EventLog, store: ProgressStore
    ) -> None:
        """The loader (a snapshot) runs after the poll: what it can't have seen is a later batch."""
        await log.append([message(INPUTS[0], "a-0")])
        loaded: list[list[str]] = []

        async def loader(batch: Batch, memory: Any) -> State:
            if not loaded:
                await log.append([message(INPUTS[0], "b-0")])
                await asyncio.sleep(0.05)
            loaded.append([delivery.event.event_id for delivery in batch.deliveries])
            assert batch.offsets[INPUTS[0]] == batch.deliveries[-1].offset + 1
            return {}

        async with running(loop_on(log, store, loader=loader)):
            await until_passed(log, store)
        assert loaded == [["a-0"], ["b-0"]]
        await check_books(log, store)

    async def test_trace_15_a_dead_letter_is_out_before_its_event_is_passed(
        self, log: EventLog, store: ProgressStore
    ) -> None:
        await log.append([message(INPUTS[0], name) for name in ("a-0", "poison", "a-1")])
        letters_before_commits: list[tuple[int, int]] = []

        async def at(moment: str) -> None:
            if moment == "after commit":
                passed = (await store.read_progress(GROUP, 0)).offsets[INPUTS[0]]
                letters_before_commits.append((passed, len(await all_of(log, DEAD_LETTERS))))

        async with running(loop_on(log, store, at)):
            await until_passed(log, store)
        assert all(letters == 1 for passed, letters in letters_before_commits if passed > 1)
        await check_books(log, store)

    # ---- outages and sizes

    async def test_an_outage_puts_nothing_aside_and_repeats_no_dead_letter(
        self, log: EventLog, store: ProgressStore
    ) -> None:
        await log.append([message(INPUTS[0], name) for name in ("a-0", "poison", "a-1")])
        left = 10

        async def at(moment: str) -> None:
            nonlocal left
            if moment == "before commit" and await all_of(log, DEAD_LETTERS) and (left := left - 1) > 0:
                raise Outage("away")

        async with running(loop_on(log, store, at)):
            await until_passed(log, store)
        await check_books(log, store)
        assert len(await all_of(log, DEAD_LETTERS)) == 1

    async def test_a_batch_too_large_is_halved(self, log: EventLog, store: ProgressStore) -> None:
        await log.append([message(INPUTS[0], f"a-{i}") for i in range(20)])
        narrow = NarrowStore(store, writes=6)
        async with running(loop_on(log, narrow, limits=Limits(records=20))):
            await until_passed(log, store)
        await check_books(log, store)
        assert narrow.refused > 0

    async def test_an_outgoing_event_over_the_limit_is_a_bug_of_its_event_alone(
        self, log: EventLog, store: ProgressStore
    ) -> None:
        large = "poison" + "x" * (5 << 20)

        class Talkative(Ledger):
            def handle(self, batch: Batch, state: State, memory: Any) -> Any:
                outcome = super().handle(batch, state, memory)
                for outgoing in outcome.events:
                    if outgoing.key == "a-1":
                        outgoing.event.run_touched.run_id = large
                return outcome

        await log.append([message(INPUTS[0], f"a-{i}") for i in range(3)])
        async with running(loop_on(log, store, handler=Talkative())):
            await until_passed(log, store)
        (letter,) = await all_of(log, DEAD_LETTERS)
        headers = {name: value.decode() for name, value in letter.headers}
        assert letter.key == b"a-1"
        assert headers["sightline-bug"] == "1"
        assert "limit" in headers["sightline-reason"]
        assert len(await all_of(log, RUN_TOUCHED)) == 2

    async def test_dead_letters_say_where_from_and_why(self, log: EventLog, store: ProgressStore) -> None:
        wrong_version = message(INPUTS[0], "x")
        newer = Message(INPUTS[0], b"newer", wrong_version.value.replace(b"\x28\x01", b"\x28\x09"), 0)
        misplaced = Message(INPUTS[0], b"misplaced", b"\x28\x01\x82\x02\x00", 0)
        bad_key = Message(INPUTS[0], b"\xff", wrong_version.value, 0, headers=(("mine", b"1"),))
        await log.append([message(INPUTS[0], "a"), newer, misplaced, bad_key, message(INPUTS[0], "refused")])
        await log.append([message(INPUTS[0], "poison"), message(INPUTS[0], "b")])
        async with running(loop_on(log, store)):
            await until_passed(log, store)
        letters = [(r, {k: v.decode() for k, v in r.headers}) for r in await all_of(log, DEAD_LETTERS)]
        said = {
            (h["sightline-offset"], h["sightline-bug"]): (r.key, r.value, h["sightline-reason"]) for r, h in letters
        }
        assert said.keys() == {("1", "0"), ("2", "0"), ("3", "0"), ("4", "0"), ("5", "1")}
        assert said["1", "0"] == (newer.key, newer.value, "schema version 9 is unknown: this consumer knows 1")
        assert said["2", "0"][2] == f"run_touched does not belong on {INPUTS[0]}"
        assert said["3", "0"][2] == "the key is not UTF-8"
        assert said["4", "0"][2] == "refused by name"
        assert said["5", "1"][2] == "ValueError: poison is not to be borne"
        by_offset = {h["sightline-offset"]: h for _, h in letters}
        assert by_offset["3"]["mine"] == "1"
        assert all(h["sightline-topic"] == INPUTS[0] and h["sightline-group"] == GROUP for _, h in letters)


class EveryMoment(RunLoopContract):
    """The suite with faults at every moment, and not the first time alone."""

    @pytest.mark.parametrize("nth", [1, 3])
    @pytest.mark.parametrize("moment", EVERY_MOMENT)
    @override
    async def test_crash_at(self, log: EventLog, store: ProgressStore, moment: str, nth: int) -> None:
        await crash_at(log, store, moment, min(nth, 2) if "read progress" in moment else nth)

    @pytest.mark.parametrize("moment", EVERY_MOMENT)
    @override
    async def test_outage_at(self, log: EventLog, store: ProgressStore, moment: str) -> None:
        await outage_at(log, store, moment)

    @pytest.mark.parametrize("moment", EVERY_MOMENT)
    @override
    async def test_two_owners_of_which_one_sleeps_at(self, log: EventLog, store: ProgressStore, moment: str) -> None:
        await two_owners_of_which_one_sleeps_at(log, store, moment)

    @pytest.mark.parametrize("stored", ANSWERS)
    @pytest.mark.parametrize("nth", [1, 2, 4])
    @override
    async def test_trace_01_answer_of_a_commit_lost(
        self, log: EventLog, store: ProgressStore, stored: str, nth: int
    ) -> None:
        await answer_of_a_commit_lost(log, store, stored, nth)


async def crash_at(log: EventLog, store: ProgressStore, moment: str, nth: int) -> None:
    await log.append(inputs())
    with pytest.raises(Crash):
        await asyncio.wait_for(loop_on(log, store, Fault(moment, Crash(), nth)).run(), 20)
    await finish(log, store)


async def outage_at(log: EventLog, store: ProgressStore, moment: str) -> None:
    await log.append(inputs())
    fault = Fault(moment, Outage("away"), 2)
    async with running(loop_on(log, store, fault)):
        await until_passed(log, store)
        while fault.left > 0:
            await asyncio.sleep(0.001)
        await until_published(log)
    await check_books(log, store)


async def two_owners_of_which_one_sleeps_at(log: EventLog, store: ProgressStore, moment: str) -> None:
    """A zombie wakes at any step, after another has done everything, and more comes."""
    await log.append(inputs())
    hold = Hold(moment, 2)
    async with running(loop_on(log, store, hold)):
        await asyncio.wait_for(hold.there.wait(), 20)
        async with running(loop_on(log, store)):
            await until_passed(log, store)
            hold.go.set()
            await log.append(inputs())
            await until_passed(log, store)
    await finish(log, store)


async def answer_of_a_commit_lost(log: EventLog, store: ProgressStore, stored: str, nth: int) -> None:
    await log.append(inputs())
    forgetful = ForgetfulStore(store, stored, nth)
    async with running(loop_on(log, forgetful)):
        await until_passed(log, store)
        await until_published(log)
    assert forgetful.left <= 0
    await check_books(log, store)


async def until_published(log: EventLog) -> None:
    """Wait until nothing is published any more."""
    count = -1
    while count != (count := len(await all_of(log, RUN_TOUCHED))):
        await asyncio.sleep(0.05)


class _Around(ProgressStore):
    """A store around another."""

    def __init__(self, store: ProgressStore) -> None:
        self.store = store

    async def find(self, read: Any) -> list[dict[str, Any]]:
        return await self.store.find(read)

    async def read_progress(self, group: str, partition: int) -> Progress:
        return await self.store.read_progress(group, partition)

    async def commit(
        self, group: str, partition: int, *, expected_rev: int, progress: Progress, writes: Sequence[Write]
    ) -> None:
        await self.store.commit(group, partition, expected_rev=expected_rev, progress=progress, writes=writes)


class ForgetfulStore(_Around):
    """Doesn't answer the nth commit: it was stored, or not, or will be after the next look at progress."""

    def __init__(self, store: ProgressStore, stored: str, nth: int) -> None:
        super().__init__(store)
        self.stored = stored
        self.left = nth
        self.late: Any = None

    async def read_progress(self, group: str, partition: int) -> Progress:
        progress = await super().read_progress(group, partition)
        if self.late is not None:
            late, self.late = self.late, None
            await late()
        return progress

    async def commit(
        self, group: str, partition: int, *, expected_rev: int, progress: Progress, writes: Sequence[Write]
    ) -> None:
        async def act() -> None:
            await self.store.commit(group, partition, expected_rev=expected_rev, progress=progress, writes=writes)

        self.left -= 1
        if self.left != 0:
            return await act()
        if self.stored == "stored":
            await act()
        elif self.stored == "stored late":
            self.late = act
        raise CommitUnknown


class NarrowStore(_Around):
    """Takes few writes at once."""

    def __init__(self, store: ProgressStore, writes: int) -> None:
        super().__init__(store)
        self.most = writes
        self.refused = 0

    async def commit(
        self, group: str, partition: int, *, expected_rev: int, progress: Progress, writes: Sequence[Write]
    ) -> None:
        if len(writes) > self.most:
            self.refused += 1
            raise BatchTooLarge
        await super().commit(group, partition, expected_rev=expected_rev, progress=progress, writes=writes)
