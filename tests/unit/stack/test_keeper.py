"""A program that is kept running: small ones in place of the services."""

import asyncio
import io
import os
import signal
import sys
import time
from pathlib import Path

from sightline.stack.keeper import Backoff, Keeper, Program
from sightline.stack.output import Output


def program(code: str, tmp_path: Path, grace: float = 5.0) -> Program:
    return Program("small", (sys.executable, "-c", code), os.environ, tmp_path, grace)


async def eventually(holds: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_backoff_starts_at_once_then_waits_longer_and_forgets_after_a_steady_life() -> None:
    backoff = Backoff()
    pauses = [backoff.after(1.0) for _ in range(9)]
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[-1] == pauses[-2] == 10
    assert backoff.after(60.0) == 0


async def test_a_program_that_dies_is_started_again(tmp_path: Path) -> None:
    said = io.BytesIO()
    pids: list[int | None] = []
    keeper = Keeper(program("import time; time.sleep(60)", tmp_path), Output(said), lambda: pids.append(keeper.pid))
    life = asyncio.create_task(keeper.run())
    await eventually(lambda: len(pids) == 1)
    assert pids[0] is not None
    os.kill(pids[0], signal.SIGKILL)
    await eventually(lambda: len(pids) == 2)
    await keeper.stop()
    await life
    assert keeper.pid is None
    assert b"was ended by SIGKILL; starting it again now" in said.getvalue()


async def test_what_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    deaf = "import os, signal, time; signal.signal(15, signal.SIG_IGN); os.write(2, b'x\\n'); time.sleep(60)"
    said = io.BytesIO()
    keeper = Keeper(program(deaf, tmp_path, grace=0.3), Output(said), lambda: None)
    life = asyncio.create_task(keeper.run())
    await eventually(lambda: b"x" in said.getvalue())
    await keeper.stop()
    await life
    assert b"killed" in said.getvalue()


async def test_a_program_that_can_not_be_started_is_tried_again_loudly(tmp_path: Path) -> None:
    said = io.BytesIO()
    keeper = Keeper(Program("absent", ("/no/such/program",), {}, tmp_path), Output(said), lambda: None)
    life = asyncio.create_task(keeper.run())
    await eventually(lambda: b"WARNING" in said.getvalue())
    await keeper.stop()
    await life
