"""Random kills and halts of everything, for as long as one likes, while imports run; then all is as if none had been.

    python -m tests.chaos.storm --seconds 300 --seed 1 [--kafka]

In gusts, every second a process of the stack is killed with -9, or stopped for a while and woken as a zombie. Clients
send files into runs again and again, as a person would who sees an import break off. In the end every run's numbers
are those of pycocotools, every row is what a stack that nothing happened to says of it, and there are no dead letters.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from services.common.eventlog.opening import open_log
from services.common.eventlog.topics import DEAD_LETTERS
from services.common.runtime.settings import Settings
from sightline.cli.coco import Wanted, import_files
from sightline.client import Client, SightlineError
from tests.e2e.data import Files, assert_equal_to_pycocotools, generate, write
from tests.e2e.joining import environment
from tests.e2e.middle import files_in_parts
from tests.e2e.stack import Stack, wait_until
from tests.kafka.server import KafkaServer, running_kafka

PROCESSES = ("--metrics-processes", "3", "--ingest-processes", "2", "--query-processes", "2")
RUNS_OF_EACH = 2
LONGEST_HALT = 40.0
"""Seconds: longer than a session on either log, and than an import's lease."""
HALTED = 0.25
"""The share that is halted, not killed."""
GUST_SECONDS = 10.0
LULL_SECONDS = {"embedded": 2.0, "kafka": 25.0}
"""Kafka gives the partitions of a member that died to others when its session is over: without lulls nobody has any."""
AFTERWARDS_SECONDS = 180.0
TELL_SECONDS = 30.0


@dataclass
class Sent:
    """A run, and which files were last sent into it."""

    name: str
    dataset: str
    choices: list[Files]
    files: Files
    run_id: str = ""
    tries: Counter[str] = field(default_factory=Counter[str])

    def send(self, url: str) -> None:
        """Send the files once."""
        wanted = Wanted(self.files.ground_truth, self.files.predictions, self.dataset, self.dataset, self.name)
        with Client(url) as client:
            done = import_files(client, wanted, Quiet(), wait=True)
        assert (done.job.accepted, done.rejections) == (len(self.files.results), 0), done
        assert self.run_id in ("", done.run.run_id), "a run of the same name is the same run"
        self.run_id = done.run.run_id

    def send_until_done(self, url: str, deadline: Callable[[], float]) -> None:
        """Send the files again until it is done, as the error says."""
        while True:
            try:
                self.send(url)
            except SightlineError as error:
                self.tries[str(error)[:90]] += 1
                if time.monotonic() > deadline():
                    raise
                time.sleep(0.5)
            else:
                self.tries["done"] += 1
                return


class Quiet:
    """Shows nothing of an import's progress."""

    @contextlib.contextmanager
    def step(self, title: str, total: int | None = None) -> Generator[Callable[[int], None]]:
        """A step."""
        yield lambda _done: None

    def note(self, message: str) -> None:
        """A note."""


class Storm:
    """Kills and halts processes of a stack. For one thread, the first: the kernel ends a broker with who started it."""

    def __init__(self, stack: Stack, kafka: KafkaServer | None, seed: int) -> None:
        self._stack = stack
        self._kafka = kafka
        self._random = random.Random(seed)
        self._begun = time.monotonic()
        self._broker_due = self._begun + 20
        self._lull_seconds = LULL_SECONDS["kafka" if kafka else "embedded"]
        self._halted: dict[psutil.Process, float] = {}
        self.done: Counter[str] = Counter()

    def blow(self) -> None:
        """A second of it."""
        time.sleep(1.0)
        self._wake(time.monotonic())
        if (time.monotonic() - self._begun) % (GUST_SECONDS + self._lull_seconds) < GUST_SECONDS:
            self._strike()

    def end(self) -> None:
        """Wake whoever still stands still."""
        self._wake(float("inf"))

    def _wake(self, now: float) -> None:
        for process in [each for each, until in self._halted.items() if until < now]:
            del self._halted[process]
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def _strike(self) -> None:
        if self._kafka is not None and time.monotonic() > self._broker_due:
            self._kafka.kill()
            time.sleep(self._random.uniform(0, 5))
            self._kafka.start()
            self.done["kill kafka"] += 1
            self._broker_due = time.monotonic() + self._random.uniform(20, 60)
            return
        service = self._random.choices(["metrics", "ingest", "query", "mongod"], [8, 4, 1, 1])[0]
        pids = self._stack.descendants("mongod" if service == "mongod" else f"services.{service}")
        if not pids:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._random.choice(pids))
            if service != "mongod" and self._random.random() < HALTED:
                process.suspend()
                self._halted[process] = time.monotonic() + self._random.uniform(1, LONGEST_HALT)
                self.done[f"halt {service}"] += 1
            else:
                process.kill()
                self.done[f"kill {service}"] += 1


def runs(folder: Path, seed: int) -> list[Sent]:
    """Runs of a small and a large dataset, and what may be sent into each: all of a file's predictions, or some."""
    datasets = [generate(folder / "0", seed=seed, images=30, detections=60), files_in_parts(folder / "1", seed=seed)]
    sent: list[Sent] = []
    for number, files in enumerate(datasets):
        parts = [write(folder / f"{number}-{share}", files.truth, files.results[::share]) for share in (2, 3, 5)]
        for each in range(RUNS_OF_EACH):
            sent.append(Sent(f"run {number} {each}", f"dataset {number}", [files, *parts], files))
    return sent


def keep_sending(each: Sent, url: str, seed: int, over: threading.Event, failures: list[BaseException]) -> None:
    """One client: other files each time, each sent until it is done, also when the storm ends meanwhile."""
    choice = random.Random(seed)
    ended: list[float] = []

    def deadline() -> float:
        if over.is_set() and not ended:
            ended.append(time.monotonic())
        return ended[0] + AFTERWARDS_SECONDS if ended else float("inf")

    try:
        while not over.is_set():
            each.files = choice.choice(each.choices)
            each.send_until_done(url, deadline)
    except BaseException as error:
        failures.append(error)


def rows_of(stack: Stack, run_id: str) -> list[Any]:
    """All that a stack says of a run's rows, without what depends on when it was said."""
    rows: list[Any] = []
    token = None
    while True:
        page = stack.get(f"/v1/model-runs/{run_id}/rows", page_size=500, **({"page_token": token} if token else {}))
        for row in page["items"]:
            key = row["global_key"]
            rows.append([row, stack.get(f"/v1/model-runs/{run_id}/rows/{key}")])
        token = page["next_page_token"]
        if not token:
            return [plain(row) for row in rows]


_OF_THE_MOMENT = ("freshness", "run_id", "dataset_id", "place")
"""Places grow with each time a row is said anew; what is compared lies in their order."""


def plain(value: Any) -> Any:
    """Without ids and moments."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items() if name not in _OF_THE_MOMENT}
    return [plain(item) for item in value] if isinstance(value, list) else value


def dead_letters(stack: Stack) -> int:
    """How many there are on the stack's log."""
    told = environment(stack.descendants("services.metrics")[0])
    fields = {n.removeprefix("SIGHTLINE_").lower(): v for n, v in told.items() if n.startswith("SIGHTLINE_")}
    settings = Settings.model_validate({name: told for name, told in fields.items() if name in Settings.model_fields})

    async def count() -> int:
        log = await open_log(settings, create=False)
        try:
            begin, end = await log.begin_offsets(DEAD_LETTERS), await log.end_offsets(DEAD_LETTERS)
            return end[0] - begin[0]
        finally:
            await log.close()

    return asyncio.run(count())


def say(*words: object) -> None:
    """What goes on, for who watches."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {' '.join(map(str, words))}\n")


def storm(folder: Path, *, seconds: float, seed: int, kafka: KafkaServer | None) -> None:
    """All of it. Raises when something isn't as it must be."""
    all_sent = runs(folder / "files", seed)
    options = ("--kafka", kafka.bootstrap) if kafka else ()
    with Stack(folder / "data", *options, *PROCESSES) as stack:
        over, failures = threading.Event(), list[BaseException]()
        clients = [
            threading.Thread(target=keep_sending, args=(each, stack.url, seed + n, over, failures))
            for n, each in enumerate(all_sent)
        ]
        for client in clients:
            client.start()
        blowing, begun, told = Storm(stack, kafka, seed), time.monotonic(), 0.0
        while time.monotonic() - begun < seconds and not failures:
            blowing.blow()
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                say(dict(blowing.done), {each.name: each.tries["done"] for each in all_sent})
        blowing.end()
        over.set()
        for client in clients:
            client.join()
        for each in all_sent:
            say(each.name, dict(each.tries))
        for failure in failures:
            raise failure
        wait_until(stack.is_ready, 120)
        for each in all_sent:
            assert_equal_to_pycocotools(stack, each.run_id, each.files)
        assert (found := dead_letters(stack)) == 0, f"{found} dead letters"
        stormy = {each.name: rows_of(stack, each.run_id) for each in all_sent}
    with Stack(folder / "clean") as stack:
        for each in all_sent:
            each.run_id = ""
            each.send(stack.url)
            assert rows_of(stack, each.run_id) == stormy[each.name], each.name
    say("as if nothing had happened")


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kafka", action="store_true", help="on a Kafka of its own, whose broker is killed too")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sightline-storm-"))
    say(f"seed {asked.seed}, in {folder}")
    with contextlib.ExitStack() as exits:
        kafka = exits.enter_context(running_kafka()) if asked.kafka else None
        storm(folder, seconds=asked.seconds, seed=asked.seed, kafka=kafka)


if __name__ == "__main__":
    main()
