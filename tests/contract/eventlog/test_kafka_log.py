"""The suite on Apache Kafka, and what it alone promises."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.eventlog.kafka.log import KafkaLog
from services.common.eventlog.port import EventLog, LogError, Message, MessageTooLarge, TopicMismatch
from tests.contract.eventlog.opening import make_topics
from tests.contract.eventlog.suite import LogContract, Member, Names, OpenLog, Process, until
from tests.kafka.server import KafkaServer

SESSION_SECONDS = 6
"""The shortest that brokers allow unless told otherwise."""


class TestKafkaLog(LogContract):
    @pytest.fixture
    def spec(self, kafka_bootstrap: str, kafka_prefix: str) -> str:
        return f"kafka:{kafka_bootstrap}/{kafka_prefix}/{SESSION_SECONDS}"

    async def test_many_open_a_new_log_at_once(self, open_log: OpenLog) -> None:
        logs = await asyncio.gather(*(open_log() for _ in range(12)))
        assert len({log.log_id for log in logs}) == 1

    async def test_prefixes_are_logs_of_their_own(
        self, open_log: OpenLog, names: Names, kafka_bootstrap: str, kafka_prefix: str
    ) -> None:
        log = await open_log()
        other = KafkaLog(KafkaCluster(kafka_bootstrap, f"{kafka_prefix}more-", 1, 1))
        await other.open(make_topics(names.line))
        await log.append([Message(names.single, b"", b"")])
        assert other.log_id != log.log_id
        assert await other.end_offsets(names.single) == {0: 0}
        await other.close()

    async def test_all_that_differs_is_named_at_once(
        self, log: EventLog, names: Names, kafka_bootstrap: str, kafka_prefix: str
    ) -> None:
        rows, more, single = make_topics(names.line)
        others = [
            replace(rows, partitions=2),
            replace(more, max_message_bytes=1 << 20),
            replace(single, retention_ms=9),
        ]
        stranger = KafkaLog(KafkaCluster(kafka_bootstrap, kafka_prefix, 1, 1))
        with pytest.raises(TopicMismatch) as caught:
            await stranger.open(others)
        said = str(caught.value)
        assert f"{names.rows} has 4 partitions, not 2" in said
        assert f"{names.more} has max.message.bytes=" in said
        assert f"{names.single} has retention.ms=-1, not 9: kafka-configs.sh" in said

    async def test_a_message_as_large_as_allowed_with_large_headers(self, log: EventLog, names: Names) -> None:
        headers = (("reason", b"." * 50_000),)
        await log.append([Message(names.single, b"", b"." * 100_000, headers=headers)])
        (record,) = await log.read(names.single, 0, 0)
        assert record.headers == headers
        with pytest.raises(MessageTooLarge, match="fewer headers"):
            await log.append([Message(names.single, b"", b"." * 100_000, headers=headers * 2)])

    async def test_a_batch_larger_than_kafka_takes_at_once(self, log: EventLog, names: Names) -> None:
        await asyncio.gather(
            *(log.append([Message(names.single, b"", b"%d" % n + b"." * 60_000)] * 5) for n in range(20))
        )
        assert await log.end_offsets(names.single) == {0: 100}

    async def test_where_nothing_is_a_poll_says_so_and_the_others_go_on(
        self, log: EventLog, names: Names, join: Callable[..., Awaitable[Member]]
    ) -> None:
        """Never silently from the beginning, or from the end."""
        member = await join(log)
        await until(lambda: len(member.owned) == 4)
        member.consumer.seek(names.rows, 2, 1000)
        await log.append([Message(names.rows, b"", b"", n % 4) for n in range(8)])
        seen: list[int] = []
        errors: list[str] = []
        async with asyncio.timeout(30):
            while len(seen) < 6 or not errors:
                try:
                    seen += [record.partition for record in await member.poll()]
                except LogError as error:
                    errors.append(str(error))
        assert sorted(seen) == [0, 0, 1, 1, 3, 3]
        assert f"{names.rows}/2 at 1000" in errors[0]
        member.consumer.seek(names.rows, 2, 1)
        async with asyncio.timeout(30):
            while True:
                try:
                    if records := await member.poll():
                        break
                except LogError:
                    pass
        assert [(record.partition, record.offset) for record in records] == [(2, 1)]

    @pytest.mark.parametrize("which", ["assigned", "revoked"])
    async def test_what_a_callback_raises_ends_the_member(
        self, open_log: OpenLog, names: Names, join: Callable[..., Awaitable[Member]], which: str
    ) -> None:
        consumer = (await open_log()).consumer("group", [names.rows, names.more])
        assigned = asyncio.Event()

        async def callback(name: str) -> None:
            if name == which:
                raise ZeroDivisionError
            assigned.set()

        await consumer.start(assigned=lambda _: callback("assigned"), revoked=lambda _: callback("revoked"))
        if which == "revoked":
            await assigned.wait()
            follower = await join(await open_log())
        with pytest.raises(ZeroDivisionError):
            await consumer.poll(max_records=1, max_bytes=1, timeout=30)
        with pytest.raises(ZeroDivisionError):
            await consumer.poll(max_records=1, max_bytes=1, timeout=0)
        await consumer.close()
        if which == "revoked":
            await until(lambda: len(follower.owned) == 4)

    async def test_who_leaves_while_others_drain_is_not_waited_for(
        self, open_log: OpenLog, join: Callable[..., Awaitable[Member]]
    ) -> None:
        first = await join(await open_log())
        await until(lambda: len(first.owned) == 4)
        first.in_hand = [object()]  # pyright: ignore[reportAttributeAccessIssue]
        second = Member(await open_log(), first.topics, {})
        await second.start()
        await asyncio.sleep(1.5)  # a heartbeat, so that the first has heard of it
        await second.close()
        first.in_hand = ()
        await until(lambda: [what for what, _ in first.history] == ["assigned", "revoked", "assigned"])
        assert len(first.owned) == 4
        assert not second.history

    async def test_a_member_with_a_long_drain_lives(
        self, open_log: OpenLog, join: Callable[..., Awaitable[Member]]
    ) -> None:
        """A drain longer than a session is no reason to be expelled: nobody gets the partitions before."""
        first = await join(await open_log())
        await until(lambda: len(first.owned) == 4)
        first.in_hand = [object()]  # pyright: ignore[reportAttributeAccessIssue]
        second = await join(await open_log())
        await asyncio.sleep(SESSION_SECONDS + 2)
        assert not second.owned
        assert first.history == [("assigned", frozenset(range(4)))]
        first.in_hand = ()
        await until(lambda: len(first.owned) == len(second.owned) == 2)

    async def test_a_zombie_is_expelled_and_joins_again(
        self, open_log: OpenLog, join: Callable[..., Awaitable[Member]], spawn: Callable[..., Awaitable[Process]]
    ) -> None:
        zombie = await spawn("consume", "group")
        await zombie.says("assigned 0 1 2 3")
        member = await join(await open_log())
        await until(lambda: len(member.owned) == 2)
        await until(lambda: [line.split()[0] for line in zombie.said] == ["assigned", "revoked", "assigned"])
        await zombie.kill(signal.SIGSTOP)
        await until(lambda: len(member.owned) == 4)
        before = len(zombie.said)
        await zombie.kill(signal.SIGCONT)
        await until(lambda: any(line.startswith("revoked") for line in zombie.said[before:]))
        await until(lambda: len(member.owned) == 2)
        await until(lambda: zombie.said[-1].startswith("assigned"))

    async def test_a_closed_log_says_so(self, log: EventLog, names: Names) -> None:
        await log.close()
        with pytest.raises(LogError, match="not open"):
            await log.append([Message(names.rows, b"", b"")])
        with pytest.raises(LogError, match="not open"):
            await log.committed("group")


async def test_order_holds_and_nothing_is_lost_where_appends_fail_and_are_tried_again(
    start_kafka: Callable[[], KafkaServer],
) -> None:
    """What is given up must not reach the log after what was appended later."""
    server = start_kafka()
    names = Names()
    log = KafkaLog(KafkaCluster(server.bootstrap, replication_factor=1, min_insync_replicas=1))
    await log.open(make_topics(names.line))
    failures = 0

    async def write(partition: int) -> None:
        nonlocal failures
        number = 0
        while not (stop.is_set() and number > 20):
            try:
                await log.append([Message(names.rows, b"", b"%d" % number, partition)])
            except LogError:
                failures += 1
                await asyncio.sleep(0.2)
            else:
                number += 1

    stop = asyncio.Event()
    writers = [asyncio.create_task(write(n)) for n in range(4)]
    await asyncio.sleep(1)
    server.pause()
    await asyncio.sleep(15)
    server.resume()
    await asyncio.sleep(2)
    stop.set()
    await asyncio.wait_for(asyncio.gather(*writers), 60)
    assert failures
    for partition in range(4):
        numbers = [int(r.value) for r in await log.read(names.rows, partition, 0, max_records=1_000_000)]
        while more := await log.read(names.rows, partition, len(numbers), max_records=1_000_000):
            numbers += [int(r.value) for r in more]
        assert numbers == sorted(numbers)
        assert set(numbers) == set(range(numbers[-1] + 1))
    await log.close()
