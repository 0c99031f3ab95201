"""Keeps one program of the stack running: started again when it dies, ended in order when asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sightline.stack import tether
from sightline.stack.output import Output

_PAUSES = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
_STEADY_SECONDS = 20.0
_LOUD_AFTER = 4


@dataclass(frozen=True, slots=True)
class Program:
    """A process of the stack. `grace` is how long it may take from SIGTERM to its end."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    grace: float = 6.0
    explain: Callable[[], str] | None = None
    """Tells why it died, for programs that don't say so on stderr."""


async def spawn(program: Program) -> asyncio.subprocess.Process:
    """Start a program that dies with us. What it has to say comes by stderr: it has no results to print."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *program.command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=dict(program.environment),
        cwd=program.directory,
        # A session of its own: Ctrl-C reaches `up` alone, which then ends the others in order.
        start_new_session=True,
    )


class Backoff:
    """How long to wait before the next start: nothing at first, then longer and longer, until a start has lasted."""

    def __init__(self) -> None:
        self.deaths = 0

    def after(self, lifetime: float) -> float:
        """The pause after a process that lived this long."""
        self.deaths = 1 if lifetime >= _STEADY_SECONDS else self.deaths + 1
        return _PAUSES[min(self.deaths, len(_PAUSES)) - 1]


class Keeper:
    """One program, kept running. `changed` is told of every new process."""

    def __init__(self, program: Program, output: Output, changed: Callable[[], None]) -> None:
        self.program = program
        self.pid: int | None = None
        self.gave_up = False
        """Whether its last process ended with exit code 1: it said why it can't go on."""
        self._backoff = Backoff()
        self._output = output
        self._changed = changed
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()

    @property
    def deaths(self) -> int:
        """How often it has died in a row."""
        return self._backoff.deaths

    async def run(self) -> None:
        """Start, and start again, until `stop`."""
        try:
            while not self._stopping.is_set():
                begun = time.monotonic()
                ending = await self._one_life()
                if self._stopping.is_set():
                    return
                pause = self._backoff.after(time.monotonic() - begun)
                self._tell(ending, pause)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause or 0.001)
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL to what is still there after the program's grace."""
        self._stopping.set()
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._ended.wait(), self.program.grace)
        except TimeoutError:
            self._output.say(f"{self.program.name} didn't end within {self.program.grace:g} s of SIGTERM: killed")
            self.kill()
            await self._ended.wait()

    def kill(self) -> None:
        """SIGKILL, at once."""
        self._stopping.set()
        self._signal(signal.SIGKILL)

    async def _one_life(self) -> str:
        """Run the program once; tells how it ended."""
        try:
            process = await spawn(self.program)
        except OSError as error:
            return f"can't be started ({error})"
        self.pid = process.pid
        self._changed()
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        assert process.stderr is not None
        following = asyncio.create_task(self._output.follow(self.program.name, process.stderr))
        code = await process.wait()
        self.gave_up = code == 1
        self._sweep()
        self.pid = None
        # Who inherited the pipe and lives on doesn't keep us waiting.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(following, 1.0)
        return _ending(code)

    def _tell(self, ending: str, pause: float) -> None:
        name = self.program.name
        self._output.say(f"{name} {ending}; starting it again {f'in {pause:g} s' if pause else 'now'}")
        if self.program.explain is not None:
            self._output.say(f"{name}: {self.program.explain()}")
        if self.deaths >= _LOUD_AFTER:
            self._output.say(f"WARNING: {name} has died {self.deaths} times in a row; the lines above say why")

    def _signal(self, which: signal.Signals) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, which)

    def _sweep(self) -> None:
        """Kill what the process left behind in its group."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
