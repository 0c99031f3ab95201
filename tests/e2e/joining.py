"""Processes of a service that a test starts beside a stack, as another machine of a cluster would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import psutil

from tests.e2e.stack import Stack, alive, free_port, kill, wait_until

READY_SECONDS = 60


class Joined:
    """`python -m services.NAME` with the environment that the stack gives to its own. Use it with `with`."""

    def __init__(self, stack: Stack, service: str, folder: Path) -> None:
        self._module = f"services.{service}"
        self._folder = folder
        self._log = folder.with_suffix(".log")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        told = environment(stack.descendants(self._module)[0])
        own = {"SIGHTLINE_PORT": str(port), "SIGHTLINE_GRPC_PORT": "0", "SIGHTLINE_DATA_DIR": str(folder)}
        self._environment = told | own

    def __enter__(self) -> Joined:
        self._folder.mkdir()
        command = (sys.executable, "-P", "-m", self._module)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log, env=self._environment)
        wait_until(self._ready_or_ended, READY_SECONDS)
        assert alive(self.process.pid), self._log.read_text()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def leave(self) -> None:
        """Stop in order."""
        self.process.terminate()
        assert self.process.wait(60) == 0, self._log.read_text()

    def assigned(self, group: str) -> int:
        """How many partitions of a group are its own now."""
        return int(telemetry(self.url).get(f'sightline_assigned_partitions{{group="{group}"}}', 0))

    def _ready_or_ended(self) -> bool:
        return self.process.poll() is not None or is_ready(self.url)


def environment(pid: int) -> dict[str, str]:
    """What a process was told."""
    return psutil.Process(pid).environ()


def address(pid: int) -> str:
    """Where a service that the stack has started serves HTTP."""
    return f"http://127.0.0.1:{environment(pid)['SIGHTLINE_PORT']}"


def is_ready(url: str) -> bool:
    """Whether the process behind an address says that it is ready."""
    try:
        return httpx.get(url + "/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def telemetry(url: str) -> dict[str, float]:
    """What a process counts, by name and labels as Prometheus writes them."""
    lines = httpx.get(url + "/metrics", timeout=60).raise_for_status().text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


def kill_one(stack: Stack, service: str, pid: int) -> None:
    """kill -9 of one process of a service; back when it is gone."""
    assert pid in stack.descendants(f"services.{service}")
    kill(pid)
    wait_until(lambda: not alive(pid), 60)


def wait_for_all(stack: Stack, service: str, count: int) -> None:
    """Until `up` has so many of a service running again, and each is ready."""

    def there() -> bool:
        running = stack.descendants(f"services.{service}")
        return len(running) == count and all(is_ready(address(pid)) for pid in running)

    wait_until(there, READY_SECONDS)
