"""Sightline's local stack for as long as a block lasts: `sightline up` in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from sightline.stack import tether

HOST: Final = "127.0.0.1"
PORT: Final = 8790
READY_SECONDS: Final = 120
STOP_SECONDS: Final = 60
LINES_SHOWN: Final = 12


class StackError(Exception):
    """The stack isn't there, or no longer; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A stack that has been started: not ready before `wait_until_ready` returns."""

    url: str
    log: Path
    begun: int
    """How long the log was before: it is kept, since another stack may be writing to it."""
    _process: subprocess.Popen[bytes]

    def wait_until_ready(self) -> None:
        """Until all services answer."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            self.refuse_dead()
            if time.monotonic() > deadline:
                raise StackError(f"the stack isn't ready after {READY_SECONDS} s; it says:\n{self._last_words()}")
            time.sleep(0.1)

    def wait(self) -> None:
        """Until it ends by itself, which it should not."""
        self._process.wait()
        self.refuse_dead()

    def refuse_dead(self) -> None:
        """Raise if it has ended."""
        code = self._process.poll()
        if code is not None:
            raise StackError(f"the stack has ended with exit code {code}; it said:\n{self._last_words()}")

    def stop(self) -> None:
        """End it in order, and all its processes with it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # Asked a second time it ends at once; its processes never outlive it.
            self._process.terminate()
            self._process.wait()

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def _last_words(self) -> str:
        lines = self.log.read_bytes()[self.begun :].decode(errors="replace").splitlines()[-LINES_SHOWN:]
        return "\n".join(f"  {line}" for line in lines) + f"\n  (all of it: {self.log})"


@contextmanager
def local_stack(data_dir: Path, port: int, asset_root: Path) -> Generator[LocalStack]:
    """Start `sightline up`, and stop it when the block ends, however it ends."""
    program = Path(sys.executable).with_name("sightline")
    if not program.exists():
        raise StackError(f"there is no {program}: `make install` makes it")
    up = [str(program), "up", "--data-dir", str(data_dir), "--port", str(port), "--asset-root", str(asset_root)]
    data_dir.mkdir(parents=True, exist_ok=True)
    asset_root.mkdir(parents=True, exist_ok=True)
    log = data_dir / "stack.log"
    with log.open("ab") as output:
        begun = output.tell()
        process = subprocess.Popen(
            # Tied to this process, so that not even a SIGKILL of the demo leaves a stack behind.
            [sys.executable, tether.__file__, str(os.getpid()), *up],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the demo, which then ends the stack in order: not for both at once.
            process_group=0,
        )
    stack = LocalStack(f"http://{HOST}:{port}", log, begun, process)
    try:
        yield stack
    finally:
        stack.stop()


def choose_port(wanted: str | None) -> int:
    """The port that was asked for, or else the usual one, or else the next free one."""
    if wanted is not None:
        if not wanted.isdecimal() or not 0 < int(wanted) < 65536:
            raise StackError(f"PORT={wanted} is no port: choose a number from 1 to 65535")
        if not _is_free(int(wanted)):
            raise StackError(f"PORT={wanted}: something else listens there; without PORT a free one is found")
        return int(wanted)
    for port in range(PORT, PORT + 100):
        if _is_free(port):
            return port
    raise StackError(f"no port from {PORT} to {PORT + 99} is free: name one, as in `PORT=9000 make demo`")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still dying down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
