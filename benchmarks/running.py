"""A stack to measure: started on two cores over a folder of its own, and watched."""

from __future__ import annotations

import argparse
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
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from services.common.runtime.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
SIGHTLINE = str(Path(sys.executable).with_name("sightline"))
CORES = sorted(os.sched_getaffinity(0))[:2]


def pin() -> None:
    """Keep this process and all that it starts on two cores."""
    os.sched_setaffinity(0, CORES)


def add_shape(parser: argparse.ArgumentParser) -> None:
    """Options for the shape of the stack."""
    parser.add_argument("--kafka", action="store_true", help="keep the log on a Kafka of one broker, started for this")
    parser.add_argument("--metrics-processes", type=int, default=1, metavar="N")


def shape_of(options: argparse.Namespace) -> str:
    """The shape of the stack, in words."""
    log = "Kafka" if options.kafka else "the embedded log"
    return f"{log}, metrics processes: {options.metrics_processes}, two cores"


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
    settings: Settings
    """By which the log is found."""
    beside: tuple[int, ...] = ()
    """Processes that belong to it without being started by it."""

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
        """CPU and peak memory of every process of the stack within the block, by name; and CPU of what is run in it."""
        members = [p for pid in (self.process.pid, *self.beside) for p in _family(pid)]
        before = {p.pid: sum(p.cpu_times()[:2]) for p in members}
        names = _names(members)
        uses = {p.pid: Usage() for p in members}
        commands = os.times()
        done = threading.Event()

        def watch() -> None:
            # Rarely: the watcher runs on the same two cores. Once more when all is over.
            while True:
                last = done.is_set()
                for p in members:
                    with contextlib.suppress(psutil.Error), p.oneshot():
                        use = uses[p.pid]
                        use.peak = max(use.peak, p.memory_info().rss / 1e6)
                        use.cpu = sum(p.cpu_times()[:2]) - before[p.pid]
                if last:
                    return
                done.wait(0.5)

        thread = threading.Thread(target=watch)
        thread.start()
        usage: dict[str, Usage] = {}
        try:
            yield usage
        finally:
            done.set()
            thread.join()
            usage.update({names[pid]: use for pid, use in uses.items()})
            ended = os.times()
            children = ended.children_user + ended.children_system - commands.children_user - commands.children_system
            usage["command"] = Usage(children)


def _family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []


def _names(processes: list[psutil.Process]) -> dict[int, str]:
    """What each does; numbered where several do the same."""
    known = {process.pid: _name(process) for process in processes}
    several = {name for name, count in Counter(known.values()).items() if count > 1}
    seen: Counter[str] = Counter()
    for pid, name in known.items():
        seen[name] += 1
        known[pid] = f"{name} {seen[name]}" if name in several else name
    return known


def _name(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    for name in ("services.ingest", "services.metrics", "services.query", "mongod", "kafka.Kafka"):
        if name in line:
            return name.removeprefix("services.").partition(".")[0]
    return "up"


@contextlib.contextmanager
def stack(data: Path, *, kafka: bool = False, metrics_processes: int = 1) -> Generator[Stack]:
    """`sightline up` over a folder, ready; with a Kafka of one broker beside it if asked for."""
    with contextlib.ExitStack() as beside:
        if not kafka:
            yield from _stack(
                data, ("--metrics-processes", str(metrics_processes)), Settings(log_path=data / "log.sqlite")
            )
            return
        from tests.kafka.server import running_kafka  # only this needs Java

        broker = beside.enter_context(running_kafka(data / "kafka", for_speed=True))
        settings = Settings(
            kafka_bootstrap_servers=broker.bootstrap, kafka_replication_factor=1, kafka_min_insync_replicas=1
        )
        options = ("--metrics-processes", str(metrics_processes), "--kafka", broker.bootstrap)
        yield from _stack(data, options, settings, broker.pid)


def _stack(data: Path, options: tuple[str, ...], settings: Settings, *beside: int) -> Generator[Stack]:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with (data / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [SIGHTLINE, "up", "--data-dir", str(data), "--port", str(port), *options],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    running = Stack(f"http://127.0.0.1:{port}", process, settings, beside)
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
