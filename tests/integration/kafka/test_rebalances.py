"""Members join and leave while events flow: every event once and in order."""

from __future__ import annotations

import asyncio
import contextlib

from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import RunLoop
from tests.integration.kafka.flow import SECONDS, check, kafka_log, member, producing, until_applied


async def test_rebalances_while_batches_are_in_flight(
    kafka_bootstrap: str, kafka_prefix: str, store: ReadModel
) -> None:
    def join() -> contextlib.AbstractAsyncContextManager[RunLoop]:
        return member(kafka_bootstrap, kafka_prefix, store)

    async with kafka_log(kafka_bootstrap, kafka_prefix) as log:
        async with producing(log) as producer, join() as first:
            await until_ready(first)
            for _ in range(3):
                async with join() as second:
                    await until_ready(second)
                    await producer.acknowledge(400)
                    async with join() as third:  # more members than partitions
                        await producer.acknowledge(200)
                        await until_ready(third)
                await producer.acknowledge(400)
            producer.stop()
            await until_applied(log, store)
        assert len(producer.acknowledged) >= 3000
        await check(log, store, producer)


async def test_all_members_join_at_once_and_all_but_one_leave_at_once(
    kafka_bootstrap: str, kafka_prefix: str, store: ReadModel
) -> None:
    async with kafka_log(kafka_bootstrap, kafka_prefix) as log:
        async with producing(log) as producer, member(kafka_bootstrap, kafka_prefix, store) as stays:
            members = [member(kafka_bootstrap, kafka_prefix, store) for _ in range(3)]
            loops = await asyncio.gather(*(each.__aenter__() for each in members))
            await asyncio.gather(*(until_ready(loop) for loop in loops))
            await producer.acknowledge(400)
            await asyncio.gather(*(each.__aexit__(None, None, None) for each in members))
            await producer.acknowledge(400)
            producer.stop()
            await until_applied(log, store)
            assert stays.ready
        await check(log, store, producer)


async def until_ready(loop: RunLoop) -> None:
    """Wait until a member has its partitions."""
    async with asyncio.timeout(SECONDS):
        while not loop.ready:
            await asyncio.sleep(0.02)
