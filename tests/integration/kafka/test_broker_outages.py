"""The broker goes away in mid-stream and comes back: nothing lost, nothing doubled, and everyone recovers alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.common.readmodel.mongo import ReadModel
from tests.integration.kafka.flow import check, kafka_log, producing, running, until_applied
from tests.kafka.server import KafkaServer

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


async def start(kafka: KafkaServer) -> None:
    kafka.launch()
    await asyncio.to_thread(kafka.wait)


@pytest.mark.parametrize("disturb", [hangs, is_stopped, is_killed_twice])
async def test_a_broker(disturb: Disturb, start_kafka: Callable[[], KafkaServer], store: ReadModel) -> None:
    kafka = start_kafka()
    async with kafka_log(kafka.bootstrap) as log, running(log, store):
        async with producing(log) as producer:
            await producer.acknowledge(400)
            await disturb(kafka)
            await producer.acknowledge(400)
        await until_applied(log, store)
        await check(log, store, producer)
