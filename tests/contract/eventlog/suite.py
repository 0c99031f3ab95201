"""What every log promises, written against the port.

Inherit, and give the fixture `spec`: a line from which `opening.make_log` opens the same log again and again, here and
in subprocesses. What a log can't do is a strict expected failure there, with its reason.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed

import pytest

from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.port import Consumer, EventLog, LogError, Message, MessageTooLarge, Record, TopicMismatch
from tests.contract.eventlog.opening import make_log, make_topics

OpenLog = Callable[[], Awaitable[EventLog]]
SECONDS = 60.0


@dataclass
class Names:
    """Topics of this test alone."""

    rows: str = field(default_factory=lambda: f"rows-{uuid.uuid4().hex[:8]}")
    more: str = field(default_factory=lambda: f"more-{uuid.uuid4().hex[:8]}")
    single: str = field(default_factory=lambda: f"single-{uuid.uuid4().hex[:8]}")

    @property
    def line(self) -> str:
        return f"{self.rows},{self.more},{self.single}"


class Member:
    """A member that starts where its group's progress says, and moves it on as a run loop would."""

    def __init__(self, log: EventLog, topics: Sequence[str], progress: dict[tuple[str, int], int]) -> None:
        self.consumer: Consumer = log.consumer("group", topics)
        self.topics = topics
        self.progress = progress
        self.owned: set[int] = set()
        self.seen: list[Record] = []
        self.history: list[tuple[str, frozenset[int]]] = []
        self.in_hand: Sequence[Record] = ()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> Member:
        await self.consumer.start(assigned=self._assigned, revoked=self._revoked)
        return self

    async def _assigned(self, partitions: frozenset[int]) -> None:
        self.history.append(("assigned", partitions))
        for partition in partitions:
            for topic in self.topics:
                self.consumer.seek(topic, partition, self.progress.get((topic, partition), 0))
        self.owned |= partitions

    async def _revoked(self, partitions: frozenset[int]) -> None:
        while self.in_hand:  # drain
            await asyncio.sleep(0.001)
        self.history.append(("revoked", partitions))
        self.owned -= partitions

    async def poll(self, max_records: int = 100, max_bytes: int = 1 << 20, timeout: float = 0.2) -> Sequence[Record]:
        return await self.consumer.poll(max_records=max_records, max_bytes=max_bytes, timeout=timeout)

    async def poll_until(self, count: int) -> list[Record]:
        records: list[Record] = []
        async with asyncio.timeout(SECONDS):
            while len(records) < count:
                records += await self.poll()
        return records

    def work(self, *, pause: float = 0.0, batch: int = 7) -> None:
        """Consume in the background: see, then move progress on."""

        async def work() -> None:
            while True:
                self.in_hand = await self.poll(max_records=batch)
                await asyncio.sleep(pause)
                for record in self.in_hand:
                    assert record.partition in self.owned
                    assert self.progress.get((record.topic, record.partition), 0) == record.offset, "a gap or a repeat"
                    self.progress[record.topic, record.partition] = record.offset + 1
                    self.seen.append(record)
                self.in_hand = ()

        self._task = asyncio.create_task(work())

    async def close(self) -> None:
        if self._task is not None:
            while self.in_hand:
                await asyncio.sleep(0.001)
            self._task.cancel()
            (result,) = await asyncio.gather(self._task, return_exceptions=True)
            if not isinstance(result, asyncio.CancelledError):
                raise result or AssertionError("it ended by itself")
        await self.consumer.close()


async def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait for something, but not for ever."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


class Process:
    """A subprocess on the same log, and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []
        self._ear = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.said.append(line.decode().strip())

    async def says(self, line: str, seconds: float = SECONDS) -> None:
        await until(lambda: line in self.said, seconds)

    async def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.process.pid, number)
        if number == signal.SIGKILL:
            await self.process.wait()
            await self._ear


class LogContract:
    """The suite."""

    @pytest.fixture
    def spec(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def names(self) -> Names:
        return Names()

    @pytest.fixture
    async def open_log(self, spec: str, names: Names) -> AsyncIterator[OpenLog]:
        """Opens the log once more, as another process would."""
        logs: list[EventLog] = []

        async def open_log() -> EventLog:
            log = make_log(spec)
            await log.open(make_topics(names.line))
            logs.append(log)
            return log

        yield open_log
        for log in logs:
            await log.close()

    @pytest.fixture
    async def log(self, open_log: OpenLog) -> EventLog:
        return await open_log()

    @pytest.fixture
    async def join(self, names: Names) -> AsyncIterator[Callable[..., Awaitable[Member]]]:
        members: list[Member] = []

        async def join(log: EventLog, progress: dict[tuple[str, int], int] | None = None) -> Member:
            member = Member(log, (names.rows, names.more), {} if progress is None else progress)
            members.append(member)
            return await member.start()

        yield join
        for member in members:
            await member.close()

    @pytest.fixture
    async def spawn(self, spec: str, names: Names) -> AsyncIterator[Callable[..., Awaitable[Process]]]:
        processes: list[Process] = []

        async def spawn(*arguments: str) -> Process:
            process = Process(
                await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "tests.contract.eventlog.process",
                    spec,
                    names.line,
                    *arguments,
                    stdout=asyncio.subprocess.PIPE,
                )
            )
            processes.append(process)
            return process

        yield spawn
        for process in processes:
            if process.process.returncode is None:
                await process.kill()

    # ---- appending

    async def test_records_come_back_as_they_were_appended(self, log: EventLog, names: Names) -> None:
        message = Message(names.rows, b"k\xff", b"\x00v", headers=(("a", b"\x01"), ("a", b""), ("é", b"2")))
        (position,) = await log.append([message])
        assert position.partition == partition_of(b"k\xff", 4)
        (record,) = await log.read(position.topic, position.partition, position.offset)
        assert (record.key, record.value, record.headers) == (message.key, message.value, message.headers)
        assert (record.topic, record.partition, record.offset) == (names.rows, position.partition, 0)
        assert record.time_unix_ms > 1_600_000_000_000

    async def test_a_message_keeps_the_time_it_is_given(self, log: EventLog, names: Names) -> None:
        await log.append([Message(names.single, b"k", b"v", time_unix_ms=1_234_567_890_123)])
        (record,) = await log.read(names.single, 0, 0)
        assert record.time_unix_ms == 1_234_567_890_123

    async def test_empty_keys_and_values_are_kept(self, log: EventLog, names: Names) -> None:
        (position,) = await log.append([Message(names.single, b"", b"")])
        (record,) = await log.read(names.single, 0, position.offset)
        assert (record.key, record.value, record.headers) == (b"", b"", ())

    async def test_order_per_key_under_concurrent_appends(self, log: EventLog, names: Names) -> None:
        async def writer(key: int) -> None:
            for i in range(40):
                await log.append([Message(names.rows, b"key %d" % key, b"%d" % i)])

        await asyncio.gather(*(writer(key) for key in range(10)))
        by_key: dict[bytes, list[int]] = {}
        for partition in range(4):
            for record in await log.read(names.rows, partition, 0):
                assert record.partition == partition_of(record.key, 4)
                by_key.setdefault(record.key, []).append(int(record.value))
        assert len(by_key) == 10
        assert all(values == list(range(40)) for values in by_key.values())

    async def test_positions_are_where_the_messages_are(self, log: EventLog, names: Names) -> None:
        messages = [
            Message((names.rows, names.more)[i % 2], b"k%d" % i, b"%d" % i, (None, 3)[i % 3 == 0]) for i in range(50)
        ]
        for message, position in zip(messages, await log.append(messages), strict=True):
            assert message.partition in (None, position.partition)
            (record,) = await log.read(position.topic, position.partition, position.offset, max_records=1)
            assert record.value == message.value

    async def test_offsets_begin_and_end(self, log: EventLog, names: Names) -> None:
        assert await log.end_offsets(names.rows) == dict.fromkeys(range(4), 0)
        await log.append([Message(names.rows, b"", b"", 2)] * 3)
        assert await log.begin_offsets(names.rows) == dict.fromkeys(range(4), 0)
        assert await log.end_offsets(names.rows) == {0: 0, 1: 0, 2: 3, 3: 0}
        assert await log.end_offsets(names.single) == {0: 0}

    async def test_a_message_over_the_limit_is_refused_and_nothing_appended(self, log: EventLog, names: Names) -> None:
        fine = Message(names.rows, b"k", b"v" * 99_999)
        with pytest.raises(
            MessageTooLarge, match=f"100001 bytes is over the limit of 100000 bytes of topic {names.rows}"
        ):
            await log.append([fine, Message(names.rows, b"k", b"v" * 100_000), fine])
        assert sum((await log.end_offsets(names.rows)).values()) == 0
        await log.append([fine])
        assert sum((await log.end_offsets(names.rows)).values()) == 1

    async def test_what_is_not_there_is_refused(self, log: EventLog, names: Names) -> None:
        with pytest.raises(LogError, match="no topic 'nowhere'"):
            await log.append([Message(names.rows, b"", b""), Message("nowhere", b"", b"")])
        with pytest.raises(LogError, match="has 4 partitions, and no 4"):
            await log.append([Message(names.rows, b"", b""), Message(names.rows, b"", b"", 4)])
        assert sum((await log.end_offsets(names.rows)).values()) == 0
        with pytest.raises(LogError):
            await log.end_offsets("nowhere")
        with pytest.raises(LogError):
            await log.read(names.rows, 4, 0)
        with pytest.raises(LogError, match="one partition count"):
            log.consumer("g", [names.rows, names.single])

    # ---- topics

    async def test_one_log_has_one_id(self, open_log: OpenLog) -> None:
        first, second = await asyncio.gather(open_log(), open_log())
        assert first.log_id
        assert first.log_id == second.log_id
        await first.close()
        assert (await open_log()).log_id == second.log_id

    async def test_other_topics_are_refused(self, log: EventLog, spec: str, names: Names) -> None:
        rows, *others = make_topics(names.line)
        for other in (changed(rows, partitions=8), changed(rows, retention_ms=1000)):
            stranger = make_log(spec)
            with pytest.raises(TopicMismatch, match=names.rows):
                await stranger.open([other, *others])

    async def test_a_missing_topic_is_refused_where_it_must_not_be_made(self, spec: str, names: Names) -> None:
        stranger = make_log(spec)
        with pytest.raises(TopicMismatch, match=names.rows):
            await stranger.open(make_topics(names.line), create=False)

    # ---- reading without a group

    async def test_reading_from_anywhere(self, log: EventLog, names: Names) -> None:
        await log.append([Message(names.single, b"k", b"%d" % i + b"." * 98) for i in range(100)])
        everything = [r.offset for r in await log.read(names.single, 0, 0)]
        assert everything == list(range(100))
        assert [r.offset for r in await log.read(names.single, 0, 95)] == [95, 96, 97, 98, 99]
        assert [r.offset for r in await log.read(names.single, 0, 10, max_records=3)] == [10, 11, 12]
        assert await log.read(names.single, 0, 100) == []
        assert len(await log.read(names.single, 0, 0, max_bytes=1)) == 1
        assert 2 <= len(await log.read(names.single, 0, 0, max_bytes=1000)) <= 11

    # ---- a group of one

    async def test_seek_to_progress(self, log: EventLog, names: Names, join: Callable[..., Awaitable[Member]]) -> None:
        await log.append([Message(names.rows, b"", b"%d" % i, i % 4) for i in range(40)])
        member = await join(log, {(names.rows, n): 7 for n in range(4)})
        records = await member.poll_until(12)
        assert sorted((r.partition, r.offset) for r in records) == [(n, o) for n in range(4) for o in (7, 8, 9)]
        assert await member.poll() == ()
        member.consumer.seek(names.rows, 2, 0)
        assert [r.offset for r in await member.poll_until(10)] == list(range(10))

    async def test_replay_from_zero(self, log: EventLog, names: Names, join: Callable[..., Awaitable[Member]]) -> None:
        await log.append([Message(names.rows, b"", b"%d" % i, i % 4) for i in range(40)])
        first = await (await join(log)).poll_until(40)
        again = await join(log)
        await until(lambda: len(again.owned) > 0)
        for topic in (names.rows, names.more):
            for partition in again.owned:
                again.consumer.seek(topic, partition, 0)
        assert {r.offset for r in first} == set(range(10))

    async def test_nothing_is_handed_out_before_seek(self, log: EventLog, names: Names) -> None:
        await log.append([Message(names.rows, b"", b"", 0)])
        consumer = log.consumer("lazy", [names.rows])
        ready = asyncio.Event()

        async def assigned(_partitions: frozenset[int]) -> None:
            ready.set()

        async def revoked(_partitions: frozenset[int]) -> None: ...

        await consumer.start(assigned=assigned, revoked=revoked)
        await ready.wait()
        assert not await consumer.poll(max_records=10, max_bytes=1000, timeout=0.1)
        consumer.seek(names.rows, 0, 0)
        assert len(await consumer.poll(max_records=10, max_bytes=1000, timeout=5)) == 1
        await consumer.close()

    async def test_limits_of_a_poll(self, log: EventLog, names: Names, join: Callable[..., Awaitable[Member]]) -> None:
        await log.append([Message(names.rows, b"", b"." * 1000, i % 4) for i in range(40)])
        member = await join(log)
        await until(lambda: len(member.owned) == 4)
        assert 1 <= len(await member.poll(max_records=3)) <= 3
        assert len(await member.poll(max_bytes=1)) == 1
        assert len(await member.poll_until(30)) >= 30

    async def test_no_partition_starves(
        self, log: EventLog, names: Names, join: Callable[..., Awaitable[Member]]
    ) -> None:
        await log.append([Message(names.rows, b"", b"", 0) for _ in range(500)])
        await log.append([Message(names.more, b"", b"", n) for n in range(4)])
        member = await join(log)
        seen: list[Record] = []
        while {r.partition for r in seen if r.topic == names.more} != set(range(4)):
            seen += await member.poll(max_records=10)
            assert len(seen) < 300

    async def test_a_paused_partition_waits(
        self, log: EventLog, names: Names, join: Callable[..., Awaitable[Member]]
    ) -> None:
        member = await join(log)
        await until(lambda: len(member.owned) == 4)
        member.consumer.pause(1)
        await log.append([Message(topic, b"", b"", n) for topic in (names.rows, names.more) for n in range(4)])
        assert {r.partition for r in await member.poll_until(6)} == {0, 2, 3}
        assert await member.poll() == ()
        member.consumer.resume(1)
        assert [r.partition for r in await member.poll_until(2)] == [1, 1]

    async def test_pause_and_seek_hold_while_a_poll_is_on_its_way(
        self, log: EventLog, names: Names, join: Callable[..., Awaitable[Member]]
    ) -> None:
        member = await join(log)
        await until(lambda: len(member.owned) == 4)
        await log.append([Message(names.rows, b"", b"", 0) for _ in range(10)])
        for _ in range(30):
            member.consumer.seek(names.rows, 0, 0)
            poll = asyncio.create_task(member.poll(timeout=0.02))
            await asyncio.sleep(0)
            member.consumer.pause(0)
            assert not await poll
            member.consumer.seek(names.rows, 0, 5)
            member.consumer.resume(0)
            poll = asyncio.create_task(member.poll(timeout=SECONDS))
            await asyncio.sleep(0)
            member.consumer.seek(names.rows, 0, 3)
            assert (await poll)[0].offset == 3

    async def test_bytes_that_are_no_event_pass_like_others(
        self, log: EventLog, names: Names, join: Callable[..., Awaitable[Member]]
    ) -> None:
        values = [b"good", b"\xff\x00\xfe", b"", b"good"]
        await log.append([Message(names.rows, b"k", value, 0) for value in values])
        assert [r.value for r in await (await join(log)).poll_until(4)] == values

    async def test_a_waiting_member_is_woken(
        self, open_log: OpenLog, names: Names, join: Callable[..., Awaitable[Member]]
    ) -> None:
        """By an append of another process, not by the end of its patience."""
        member = await join(await open_log())
        await until(lambda: len(member.owned) == 4)
        other = await open_log()
        for i in range(21):
            waiting = asyncio.create_task(member.poll(timeout=10 * SECONDS))
            await asyncio.sleep(0.02)
            assert not waiting.done()
            await other.append([Message(names.rows, b"", b"", i % 4)])
            assert len(await asyncio.wait_for(waiting, SECONDS)) == 1

    async def test_offsets_committed(
        self, open_log: OpenLog, names: Names, join: Callable[..., Awaitable[Member]]
    ) -> None:
        log = await open_log()
        assert await log.committed("group") == {}
        member = await join(log)
        await until(lambda: len(member.owned) == 4)
        await member.consumer.commit({(names.rows, 0): 5, (names.more, 1): 6})
        await member.consumer.commit({(names.rows, 0): 7})
        await member.close()
        assert await (await open_log()).committed("group") == {(names.rows, 0): 7, (names.more, 1): 6}

    # ---- groups of several

    async def test_groups_don_t_disturb_each_other(self, log: EventLog, names: Names) -> None:
        await log.append([Message(names.rows, b"", b"", n) for n in range(4)])
        members = [Member(log, (names.rows,), {}) for _ in range(2)]
        members[1].consumer = log.consumer("another", (names.rows,))
        for member in members:
            await member.start()
            assert len(await member.poll_until(4)) == 4
        assert [len(member.owned) for member in members] == [4, 4]
        for member in members:
            await member.close()

    async def test_partitions_are_shared_out(self, open_log: OpenLog, join: Callable[..., Awaitable[Member]]) -> None:
        members = [await join(await open_log()) for _ in range(3)]
        await until(lambda: sorted(len(member.owned) for member in members) == [1, 1, 2])
        assert set().union(*(member.owned for member in members)) == set(range(4))

    async def test_a_member_too_many_hears_that_it_has_nothing(
        self, open_log: OpenLog, join: Callable[..., Awaitable[Member]]
    ) -> None:
        members = [await join(await open_log()) for _ in range(5)]
        await until(lambda: sorted(len(member.owned) for member in members) == [0, 1, 1, 1, 1])
        await until(lambda: all(member.history and member.history[-1][0] == "assigned" for member in members))

    async def test_a_join_in_mid_batch_leaves_no_gap(
        self, open_log: OpenLog, names: Names, join: Callable[..., Awaitable[Member]]
    ) -> None:
        """Members check themselves that each record is the next of the shared progress."""
        log = await open_log()
        progress: dict[tuple[str, int], int] = {}
        first = await join(log, progress)
        first.work(pause=0.005)
        messages = [Message((names.rows, names.more)[i % 2], b"", b"", i // 2 % 4) for i in range(400)]
        await log.append(messages[:200])
        await until(lambda: bool(first.in_hand))
        second = await join(await open_log(), progress)
        second.work(pause=0.005)
        await log.append(messages[200:300])
        await until(lambda: bool(second.owned))
        await log.append(messages[300:])
        await until(lambda: len(first.seen) + len(second.seen) == 400)
        assert second.seen
        assert ("revoked", frozenset(range(4))) in first.history

    async def test_who_leaves_is_followed(
        self, open_log: OpenLog, names: Names, join: Callable[..., Awaitable[Member]]
    ) -> None:
        log = await open_log()
        progress: dict[tuple[str, int], int] = {}
        first, second = await join(log, progress), await join(await open_log(), progress)
        first.work()
        second.work()
        await until(lambda: len(first.owned) == len(second.owned) == 2)
        await log.append([Message(names.rows, b"", b"", i % 4) for i in range(100)])
        await until(lambda: len(first.seen) + len(second.seen) == 100)
        await second.close()
        await until(lambda: len(first.owned) == 4)
        await log.append([Message(names.rows, b"", b"", i % 4) for i in range(100)])
        await until(lambda: len(first.seen) + len(second.seen) == 200)

    async def test_who_is_killed_is_followed(
        self,
        open_log: OpenLog,
        names: Names,
        join: Callable[..., Awaitable[Member]],
        spawn: Callable[..., Awaitable[Process]],
    ) -> None:
        victim = await spawn("consume", "group")
        await victim.says("assigned 0 1 2 3")
        log = await open_log()
        member = await join(log)
        await until(lambda: len(member.owned) == 2)
        await log.append([Message(names.rows, b"", b"", n) for n in range(4)])
        await until(lambda: sum(line.startswith("record") for line in victim.said) == 2)
        await victim.kill()
        await until(lambda: len(member.owned) == 4)
        assert {r.partition for r in await member.poll_until(4)} == set(range(4))

    # ---- several processes, and their ends

    async def test_processes_append_at_once(
        self, log: EventLog, names: Names, spawn: Callable[..., Awaitable[Process]]
    ) -> None:
        writers = [await spawn("append", names.rows, who, "150") for who in ("a", "b", "c")]
        for writer in writers:
            await writer.says("done")
        found: dict[bytes, list[int]] = {}
        for partition in range(4):
            records = await log.read(names.rows, partition, 0)
            assert [r.offset for r in records] == list(range(len(records)))
            for record in records:
                found.setdefault(record.key, []).append(int(record.value.split()[1].rstrip(b".")))
        for who in ("a", "b", "c"):
            numbers = [n for key, of_key in found.items() if key.startswith(who.encode()) for n in of_key]
            assert sorted(numbers) == list(range(150))

    async def test_what_was_answered_survives_kill_9(
        self, open_log: OpenLog, names: Names, spawn: Callable[..., Awaitable[Process]]
    ) -> None:
        for round in range(3):
            writer = await spawn("append", names.single, f"w{round}", "1000000")
            await until(lambda writer=writer: len(writer.said) > 100)
            await writer.kill()
            safe = {line.removeprefix("safe ") for line in writer.said if line.startswith("safe ")}
            log = await open_log()
            records = [r for r in await _all(log, names.single) if r.value.startswith(f"w{round} ".encode())]
            there = {r.value.split()[1].rstrip(b".").decode() for r in records}
            assert safe <= there
            assert len(there) == len(records)
            await log.append([Message(names.single, b"k", b"after")])


async def _all(log: EventLog, topic: str) -> list[Record]:
    records: list[Record] = []
    while found := await log.read(topic, 0, len(records)):
        records += found
    return records
