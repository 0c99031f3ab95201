"""The broker goes away in mid-stream and comes back: nothing lost, nothing doubled, and everyone recovers alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from services.common.eventlog.kafka.log import KafkaLog
from services.common.eventlog.port import LogError
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import RunLoop
from tests.integration.kafka.flow import SECONDS, check, cluster, kafka_log, producing, running, start, until_applied
from tests.kafka.fixtures import do_without
from tests.kafka.jars import KafkaUnavailable
from tests.kafka.server import KafkaServer, running_kafka
from tests.unit.eventlog.ledger import GROUP, INPUTS, TOPICS, Ledger

AWAY_SECONDS = 30.0

Disturb = Callable[[KafkaServer], Awaitable[None]]


async def hangs(kafka: KafkaServer) -> None:
    kafka.pause()
    await asyncio.sleep(AWAY_SECONDS)
    kafka.resume()


async def is_stopped(kafka: KafkaServer) -> None:
    await asyncio.to_thread(kafka.stop)
    await asyncio.sleep(AWAY_SECONDS)
    await start(kafka)


async def is_killed_twice(kafka: KafkaServer) -> None:
    for _ in range(2):
        kafka.kill()
        await start(kafka)
        await asyncio.sleep(1)


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaServer]:
    """Each test leaves it running."""
    try:
        with running_kafka() as kafka:
            yield kafka
    except KafkaUnavailable as error:
        do_without(error)


@pytest.fixture
async def stores(mongo_url: str, database_name: str, store: ReadModel) -> AsyncIterator[list[ReadModel]]:
    """Three read models."""
    names = [f"{database_name}_{i}" for i in range(2)]
    async with AsyncExitStack() as stack:
        more = [await ReadModel.open(mongo_url, name) for name in names]
        for each, name in zip(more, names, strict=True):
            stack.push_async_callback(each.close)
            stack.push_async_callback(each.client.drop_database, name)
        yield [store, *more]


async def test_a_broker_that_hangs_another_that_is_stopped_and_one_that_is_killed(
    start_kafka: Callable[[], KafkaServer], stores: list[ReadModel]
) -> None:
    """All at the same time, since much of it is waiting; they have nothing in common."""
    disturbances: tuple[Disturb, ...] = (hangs, is_stopped, is_killed_twice)
    brokers = [start_kafka() for _ in disturbances]
    async with asyncio.TaskGroup() as tasks:
        for kafka, store, disturb in zip(brokers, stores, disturbances, strict=True):
            tasks.create_task(outlive(kafka, store, disturb), name=disturb.__name__)


async def outlive(kafka: KafkaServer, store: ReadModel, disturb: Disturb) -> None:
    """Produce and consume while something happens to the broker."""
    try:
        async with kafka_log(kafka.bootstrap) as log, running(log, store):
            async with producing(log) as producer:
                await producer.acknowledge(400)
                await disturb(kafka)
                await producer.acknowledge(400)
            await until_applied(log, store)
            await check(log, store, producer)
    except Exception as error:
        error.add_note(f"with a broker that {disturb.__name__}")
        raise


async def test_everything_ends_in_time_while_the_broker_hangs(broker: KafkaServer, store: ReadModel) -> None:
    async with asyncio.timeout(60):
        async with kafka_log(broker.bootstrap) as log:
            async with running(log, store), producing(log) as producer:
                await producer.acknowledge(400)
                broker.pause()
            another = KafkaLog(cluster(broker.bootstrap, ""))
            asked = await asyncio.gather(log.end_offsets(INPUTS[0]), another.open(TOPICS), return_exceptions=True)
    assert [(type(said), broker.bootstrap in str(said)) for said in asked] == [(LogError, True)] * 2
    broker.resume()


async def test_a_loop_that_starts_while_the_broker_is_away_says_so(broker: KafkaServer, store: ReadModel) -> None:
    async with kafka_log(broker.bootstrap) as log:
        broker.kill()
        with pytest.raises(LogError, match=broker.bootstrap):
            await RunLoop(log, store, GROUP, INPUTS, Ledger()).run()
        await start(broker)


async def test_a_loop_is_not_ready_while_the_broker_is_away(broker: KafkaServer, store: ReadModel) -> None:
    async with kafka_log(broker.bootstrap) as log, running(log, store) as loop:
        async with asyncio.timeout(SECONDS):
            while await loop.problem() is not None:
                await asyncio.sleep(0.1)
            broker.kill()
            while not (await loop.problem() or "").startswith("the log is away"):
                await asyncio.sleep(0.1)
            await start(broker)
            while await loop.problem() is not None:
                await asyncio.sleep(0.1)
