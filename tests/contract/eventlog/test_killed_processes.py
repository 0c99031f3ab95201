"""Whole processes killed with -9, stopped and woken, while others join: every event once and in order, all the same."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import RunLoop
from tests.contract.eventlog.opening import make_log
from tests.contract.eventlog.run_loop_suite import inputs, until_published
from tests.unit.eventlog.ledger import GROUP, INPUTS, TOPICS, Ledger, check_books, until_passed

WORKER = "tests.contract.eventlog.worker"


@pytest.fixture(params=["sqlite", "kafka"])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'log.sqlite'}:3"
    return f"kafka:{request.getfixturevalue('kafka_bootstrap')}/{request.getfixturevalue('kafka_prefix')}/6"


async def test_every_event_once_while_processes_die(
    spec: str, mongo_url: str, database_name: str, store: ReadModel
) -> None:
    log = make_log(spec)
    await log.open(TOPICS)
    chance = random.Random(1)
    workers: list[asyncio.subprocess.Process] = []

    async def start() -> None:
        arguments = ("-m", WORKER, spec, mongo_url, database_name)
        workers.append(await asyncio.create_subprocess_exec(sys.executable, *arguments))

    async def kill(worker: asyncio.subprocess.Process) -> None:
        worker.kill()
        await worker.wait()

    try:
        for _ in range(3):
            await start()
        for round in range(8):
            for _ in range(8):
                await log.append(inputs())
                await asyncio.sleep(chance.uniform(0, 0.08))
            victim = workers.pop(chance.randrange(len(workers)))
            if round % 4 == 2:
                os.kill(victim.pid, signal.SIGSTOP)
                await start()
                await asyncio.sleep(0.3)
                os.kill(victim.pid, signal.SIGCONT)
            await kill(victim)
            await start()
        await until_passed(log, store, seconds=60)
    finally:
        await asyncio.gather(*(kill(worker) for worker in workers))
    last = RunLoop(log, store, GROUP, INPUTS, Ledger())  # publishes what the last one killed had no time for
    running = asyncio.create_task(last.run())
    await until_passed(log, store)
    async with asyncio.timeout(30):  # members killed have to be missed first
        while not last.ready:
            await asyncio.sleep(0.01)
    await until_published(log)
    await last.stop()
    await running
    await check_books(log, store)
    await log.close()
