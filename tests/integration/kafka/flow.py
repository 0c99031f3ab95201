"""Events that flow over Kafka while something goes wrong, and the check afterwards that each was applied once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.eventlog.kafka.log import KafkaLog
from services.common.eventlog.port import LogError, Position
from services.common.progress import ProgressStore
from services.common.runloop.loop import Limits, RunLoop
from tests.kafka.server import KafkaServer
from tests.unit.eventlog.ledger import GROUP, INPUTS, TOPICS, Ledger, all_of, check_books, everything_passed, message

SESSION_SECONDS = 6.0
"""The shortest that brokers allow unless told otherwise."""
SECONDS = 120.0
LIMITS = Limits(records=20, drain_seconds=5.0)


def cluster(bootstrap: str, prefix: str) -> KafkaCluster:
    """One broker is one failure domain."""
    return KafkaCluster(bootstrap, prefix, replication_factor=1, min_insync_replicas=1)


@asynccontextmanager
async def kafka_log(servers: str | KafkaCluster, prefix: str = "") -> AsyncGenerator[KafkaLog]:
    """An open log with the ledger's topics; where only an address is given, with one copy of each."""
    at = servers if isinstance(servers, KafkaCluster) else cluster(servers, prefix)
    log = KafkaLog(at, session_timeout=SESSION_SECONDS)
    await log.open(TOPICS)
    try:
        yield log
    finally:
        await log.close()


@asynccontextmanager
async def member(bootstrap: str, prefix: str, store: ProgressStore) -> AsyncGenerator[RunLoop]:
    """A run loop with a log of its own, as another process would have."""
    async with kafka_log(bootstrap, prefix) as log, running(log, store) as loop:
        yield loop


@asynccontextmanager
async def running(log: KafkaLog, store: ProgressStore) -> AsyncGenerator[RunLoop]:
    """A run loop, stopped in the end; what ended it before is raised."""
    loop = RunLoop(log, store, GROUP, INPUTS, Ledger(), limits=LIMITS)
    task = asyncio.create_task(loop.run())
    try:
        yield loop
    finally:
        await loop.stop()
        await task


@dataclass
class Producer:
    """Appends events until told to stop, and knows which of them the log has answered for."""

    log: KafkaLog
    begin: int = 0
    batch: int = 20
    pause: float = 0.01
    acknowledged: dict[str, Position] = field(default_factory=dict[str, Position])
    failed: list[LogError] = field(default_factory=list[LogError])
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Append on both topics and both partitions in turn."""
        numbers = itertools.count(self.begin)
        while not self._stopping.is_set():
            names = [f"{'abc'[i % 3]}-{i}" for i in itertools.islice(numbers, self.batch)]
            messages = [message(INPUTS[i % 2], name, i // 2 % 2) for i, name in enumerate(names)]
            try:
                async with asyncio.timeout(SECONDS):  # an answer comes in bounded time, whatever happens
                    positions = await self.log.append(messages)
            except LogError as error:
                self.failed.append(error)
            else:
                self.acknowledged |= dict(zip(names, positions, strict=True))
            await asyncio.sleep(self.pause)

    def stop(self) -> None:
        """End after the append in hand."""
        self._stopping.set()

    async def acknowledge(self, more: int) -> None:
        """Wait until so many more events are acknowledged."""
        wanted = len(self.acknowledged) + more
        async with asyncio.timeout(SECONDS):
            while len(self.acknowledged) < wanted:
                await asyncio.sleep(0.01)

    async def fail_once(self) -> None:
        """Wait until an append is refused."""
        before = len(self.failed)
        async with asyncio.timeout(SECONDS):
            while len(self.failed) == before:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def producing(log: KafkaLog, *, begin: int = 0) -> AsyncGenerator[Producer]:
    """A producer at work, stopped in the end."""
    producer = Producer(log, begin)
    task = asyncio.create_task(producer.run())
    try:
        yield producer
    finally:
        producer.stop()
        await task


async def start(kafka: KafkaServer) -> None:
    """Start a broker again, while everything else goes on."""
    kafka.launch()
    await asyncio.to_thread(kafka.wait)


async def until_applied(log: KafkaLog, store: ProgressStore) -> None:
    """Wait until progress has reached the end of all inputs."""
    async with asyncio.timeout(SECONDS):
        while not await everything_passed(log, store):
            await asyncio.sleep(0.1)


async def check(log: KafkaLog, store: ProgressStore, producer: Producer) -> None:
    """What was acknowledged is on the log, where it was said to be, and nothing is there twice; all applied once."""
    places: dict[str, list[Position]] = {}
    for topic in INPUTS:
        for record in await all_of(log, topic):
            places.setdefault(record.key.decode(), []).append(Position(record.topic, record.partition, record.offset))
    assert {name: at for name, at in places.items() if len(at) > 1} == {}, "on the log twice"
    lost = {name: at for name, at in producer.acknowledged.items() if places.get(name) != [at]}
    assert lost == {}, "acknowledged, and not where it was said to be"
    await check_books(log, store)
