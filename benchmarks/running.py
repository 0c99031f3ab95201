"""A stack to measure: started on two cores over a folder of its own, and watched."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
SIGHTLINE = str(Path(sys.executable).with_name("sightline"))
CORES = sorted(os.sched_getaffinity(0))[:2]


def pin() -> None:
    """Keep this process and all that it starts on two cores."""
    os.sched_setaffinity(0, CORES)


@dataclass
class Usage:
    """What one process used: CPU seconds and the most memory that it held, in MB."""

    cpu: float = 0.0
    peak: float = 0.0


@dataclass
class Stack:
    """A running stack."""

    url: str
    process: subprocess.Popen[bytes]
    usage: dict[str, Usage] = field(default_factory=dict[str, Usage])

    def sightline(self, *arguments: str) -> dict[str, Any]:
        """Run the command line against this stack, and read its JSON."""
        environment = {**os.environ, "SIGHTLINE_URL": self.url}
        run = subprocess.run([SIGHTLINE, *arguments, "--json"], capture_output=True, text=True, env=environment)
        if run.returncode:
            sys.exit(f"sightline {' '.join(arguments)}: exit {run.returncode}\n{run.stderr}")
        return json.loads(run.stdout)

    def get(self, path: str) -> Any:
        """One answer of the query service."""
        answer = httpx.get(self.url + path, timeout=120)
        answer.raise_for_status()
        return answer.json()

    @contextlib.contextmanager
    def watched(self) -> Generator[dict[str, Usage]]:
        """CPU and peak memory of every process of the stack within the block, by name."""
        before = {p.pid: sum(p.cpu_times()[:2]) for p in _family(self.process.pid)}
        peaks: dict[int, tuple[str, float, float]] = {}
        done = threading.Event()

        names: dict[int, str] = {}

        def watch() -> None:
            # Rarely, and without asking twice what stays: the watcher runs on the same two cores.
            while True:
                for p in _family(self.process.pid):
                    with contextlib.suppress(psutil.Error):
                        name = names.get(p.pid) or names.setdefault(p.pid, _name(p))
                        with p.oneshot():
                            rss, cpu = p.memory_info().rss / 1e6, sum(p.cpu_times()[:2])
                        peaks[p.pid] = (
                            name,
                            max(rss, peaks.get(p.pid, (name, 0.0, 0.0))[1]),
                            cpu - before.get(p.pid, 0.0),
                        )
                if done.wait(0.5):
                    return

        thread = threading.Thread(target=watch)
        thread.start()
        usage: dict[str, Usage] = {}
        try:
            yield usage
        finally:
            done.set()
            thread.join()
            usage.update({name: Usage(cpu, peak) for name, peak, cpu in peaks.values()})


def _family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []


def _name(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    for name in ("services.ingest", "services.metrics", "services.query", "mongod"):
        if name in line:
            return name.removeprefix("services.")
    return "up"


@contextlib.contextmanager
def stack(data: Path) -> Generator[Stack]:
    """`sightline up` over a folder, ready."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with (data / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [SIGHTLINE, "up", "--data-dir", str(data), "--port", str(port)], cwd=ROOT, stdout=log, stderr=log
        )
    running = Stack(f"http://127.0.0.1:{port}", process)
    try:
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(running.url + "/readyz", timeout=2).status_code == 200:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the stack did not come up:\n{(data / 'up.log').read_text()[-3000:]}")
            time.sleep(0.1)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@contextlib.contextmanager
def folder() -> Generator[Path]:
    """A place that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as place:
        yield Path(place)


def reference_kernel() -> float:
    """Seconds for a fixed piece of arithmetic on one core: shows when the machine itself drifts."""
    import numpy as np

    values = np.random.default_rng(0).random(2_000_000)
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        np.sort(values)
        best = min(best, time.perf_counter() - begun)
    return best
