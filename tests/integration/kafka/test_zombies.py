"""A process that sleeps with a batch in hand until others took over: its commit loses the race."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import psutil
import pytest

from services.common.readmodel.mongo import ReadModel
from tests.integration.kafka.flow import SECONDS, check, kafka_log, member, producing, until_applied

Spawn = Callable[..., Awaitable["Worker"]]


class Worker:
    """A process with a run loop, and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []
        self._ear = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(line.decode())

    async def says(self, words: str) -> None:
        async with asyncio.timeout(SECONDS):
            while not any(words in line for line in self.said):
                assert not self._ear.done(), "".join(self.said)
                await asyncio.sleep(0.02)

    async def sleeps(self) -> None:
        async with asyncio.timeout(SECONDS):
            while psutil.Process(self.process.pid).status() != psutil.STATUS_STOPPED:
                await asyncio.sleep(0.02)

    def wake(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._ear


@pytest.fixture
async def spawn(
    kafka_bootstrap: str, kafka_prefix: str, mongo_url: str, database_name: str, store: ReadModel
) -> AsyncIterator[Spawn]:
    workers: list[Worker] = []

    async def spawn(*more: str) -> Worker:
        arguments = (kafka_bootstrap, kafka_prefix, mongo_url, database_name, *more)
        command = (sys.executable, "-m", "tests.integration.kafka.worker", *arguments)
        workers.append(Worker(await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)))
        return workers[-1]

    yield spawn
    for worker in workers:
        await worker.kill()


async def test_a_process_that_slept_through_its_session_loses_the_race(
    spawn: Spawn, kafka_bootstrap: str, kafka_prefix: str, store: ReadModel
) -> None:
    async with kafka_log(kafka_bootstrap, kafka_prefix) as log:
        async with producing(log) as producer:
            sleeper = await spawn("10")
            await sleeper.sleeps()
            async with member(kafka_bootstrap, kafka_prefix, store):
                await producer.acknowledge(400)
                producer.stop()
                await until_applied(log, store)  # of what the sleeper had, too
                sleeper.wake()
                await sleeper.says("another owner was first")
        # The other has left: what comes now is for the sleeper alone.
        async with producing(log, begin=1_000_000) as after:
            await after.acknowledge(200)
        await until_applied(log, store)
        await check(log, store, after)


async def test_processes_killed_and_started_in_mid_stream(
    spawn: Spawn, kafka_bootstrap: str, kafka_prefix: str, store: ReadModel
) -> None:
    async with kafka_log(kafka_bootstrap, kafka_prefix) as log:
        async with producing(log) as producer:
            workers = [await spawn(), await spawn()]
            for _ in range(3):
                await producer.acknowledge(400)
                await workers.pop(0).kill()
                workers.append(await spawn())
        await asyncio.gather(*(worker.says("has partitions") for worker in workers))
        await until_applied(log, store)
        for worker in workers:
            await worker.kill()
        async with member(kafka_bootstrap, kafka_prefix, store) as last:  # publishes what the killed had no time for
            async with asyncio.timeout(SECONDS):
                while not last.ready:
                    await asyncio.sleep(0.05)
        await check(log, store, producer)
