"""The processes that replay: each service makes its own part of a generation."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from services.common.eventlog.port import LogError
from services.common.ops.copying import Report
from sightline.stack import tether

End = tuple[str, str, int, int]
"""Group, topic, partition and the next offset."""

_SAID = 2_000


class ReplayFailed(LogError):
    """A service could not replay; the message has its last words."""


class _Sum:
    """How far all processes are, phase by phase."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._said: dict[str, dict[str, tuple[int, int]]] = {}

    def __call__(self, service: str, said: dict[str, Any]) -> None:
        phase = said["phase"]
        mine = self._said.setdefault(phase, {})
        mine[service] = said["done"], said["total"]
        self._report(phase, sum(done for done, _ in mine.values()), sum(total for _, total in mine.values()))


async def replay(services: Sequence[str], generation: str, ends: Sequence[End], report: Report) -> None:
    """Let each service replay up to the ends, all at once. When one fails, the others end."""
    plan = json.dumps({"generation": generation, "ends": ends}).encode()
    total = _Sum(report)
    try:
        with tempfile.TemporaryDirectory(prefix="sightline-rebuild-") as spill:
            environment = {**os.environ, "SIGHTLINE_DATA_DIR": spill}
            async with asyncio.TaskGroup() as tasks:
                for service in services:
                    tasks.create_task(_replay(service, plan, environment, total))
    except* ReplayFailed as failures:
        raise failures.exceptions[0] from None


async def _replay(service: str, plan: bytes, environment: Mapping[str, str], report: _Sum) -> None:
    # -P: a folder called `services` where somebody happens to stand is none of ours.
    command = (sys.executable, "-P", "-m", f"services.{service}", "--replay")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        tether.__file__,
        str(os.getpid()),
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    complaints = asyncio.create_task(_last_words(process.stderr))
    try:
        process.stdin.write(plan)
        process.stdin.close()
        async for line in process.stdout:
            report(service, json.loads(line))
        if code := await process.wait():
            said = await complaints
            raise ReplayFailed(f"{service} could not replay (exit code {code}): {said or 'it did not say why'}")
    finally:
        complaints.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _last_words(stream: asyncio.StreamReader) -> str:
    """The end of what a process says, read to its end so that it never waits for us."""
    said = b""
    while piece := await stream.read(1 << 16):
        said = (said + piece)[-_SAID:]
    return said.decode(errors="replace").strip()
