"""A real stack over a folder of its own: started, asked, killed, and looked at for what it leaves behind."""

import contextlib
import copy
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.e2e.environment import plain_environment

SIGHTLINE = (sys.executable, "-m", "sightline")
READY_SECONDS = 60


class Stack:
    """`sightline up` on a free port. Use it with `with`; `start` it again after `stop` or `kill`."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._log = data.with_suffix(".log")

    def __enter__(self) -> "Stack":
        try:
            self.start()
        except BaseException:
            if self.process.poll() is None:
                self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            assert self.stop() == [], "`up` left processes behind"

    def start(self) -> float:
        """Start, and wait until all is ready; the seconds that it took."""
        begun = time.monotonic()
        command = (*SIGHTLINE, "up", "--data-dir", str(self.data), "--port", str(self.port), *self._options)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=plain_environment())
        while not self.is_ready():
            assert self.process.poll() is None, f"`up` has ended:\n{self.said()}"
            assert time.monotonic() - begun < READY_SECONDS, f"not ready:\n{self.said()}"
            time.sleep(0.05)
        listener = [c.pid for c in psutil.net_connections("tcp4") if c.laddr[1] == self.port and c.status == "LISTEN"]
        assert set(listener) <= set(self.descendants()), "another process listens on our port"
        return time.monotonic() - begun

    def stop(self) -> list[int]:
        """SIGTERM, and wait; the processes that are still there afterwards."""
        mine = self.descendants()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return [pid for pid in mine if alive(pid)]

    def kill(self) -> None:
        """kill -9 of everything."""
        mine = self.descendants()
        for pid in (self.process.pid, *mine):
            kill(pid)
        self.process.wait()
        wait_until(lambda: not any(alive(pid) for pid in mine), 60)

    def descendants(self, containing: str = "") -> list[int]:
        """Process ids below `up`, of those whose command line contains the words."""
        found: list[int] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if containing in " ".join(process.cmdline()):
                        found.append(process.pid)
        return found

    def at(self, url: str) -> "Stack":
        """The same stack, asked at the address of one of its processes."""
        there = copy.copy(self)
        there.url = url
        return there

    def is_ready(self) -> bool:
        try:
            return httpx.get(self.url + "/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, **parameters: Any) -> Any:
        answer = httpx.get(self.url + path, params=parameters, timeout=60)
        answer.raise_for_status()
        return strict(answer.text)

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """The command line against this stack."""
        command = (*SIGHTLINE, *map(str, arguments))
        return subprocess.run(command, capture_output=True, text=True, timeout=180, env=plain_environment(self.url))

    def begin(self, *arguments: object, via: str | None = None) -> "subprocess.Popen[str]":
        """The same, not waited for; through another address of the stack, if one is given."""
        command = (*SIGHTLINE, *map(str, arguments))
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=plain_environment(via or self.url))

    def json(self, *arguments: object) -> Any:
        """The command line's JSON."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}\n{self.said()}"
        return strict(done.stdout)

    def said(self, most: int = 6_000) -> str:
        """The last that the stack has said."""
        return self._log.read_text()[-most:]


def strict(text: str) -> Any:
    """JSON without NaN and Infinity."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} in JSON")

    return json.loads(text, parse_constant=refuse)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).kill()


def wait_until(holds: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
