"""One Kafka for a whole run of tests, whichever of its workers needs it first: `python -m tests.kafka.shared PID DIR`.

Workers end at different times, so none of them can own it. It belongs to a keeper, this program, which ends it when the
run says so or is gone, however it went.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import psutil
from filelock import FileLock

from tests.kafka.docker import engine_answers, kafka_in_docker
from tests.kafka.jars import jars, java
from tests.kafka.server import START_SECONDS, KafkaError, running_kafka

_POLL_SECONDS = 0.1
_PROGRAM = "tests.kafka.shared"
_REPOSITORY = Path(__file__).parents[2]


def bootstrap_of(directory: Path, run: int) -> str:
    """The address of the run's Kafka; it is started where nobody has. `run`: the process that it must not outlive."""
    if not engine_answers():  # before it is waited for: the first time this takes a minute
        java()
        jars()
    with FileLock(directory / "kafka.lock"):
        if not (found := _read(directory)):
            found = _start(directory, run)
    if error := found.get("error"):
        raise KafkaError(str(error))
    return str(found["bootstrap"])


def end(directory: Path) -> None:
    """End the run's Kafka, if there is one."""
    if pid := _read(directory).get("keeper"):
        with contextlib.suppress(psutil.Error):
            keeper = psutil.Process(int(pid))
            if _PROGRAM in keeper.cmdline():
                keeper.terminate()
                keeper.wait(START_SECONDS)


def _read(directory: Path) -> dict[str, str | int]:
    path = directory / "kafka.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _start(directory: Path, run: int) -> dict[str, str | int]:
    keeper = subprocess.Popen(
        (sys.executable, "-m", _PROGRAM, str(run), str(directory)),
        cwd=_REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 2 * START_SECONDS
    while not (found := _read(directory)):
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise KafkaError(f"the keeper of Kafka ended with {keeper.poll()}")
        time.sleep(_POLL_SECONDS)
    return found


def _keep(run: psutil.Process, directory: Path) -> None:
    """Run Kafka until SIGTERM, or until the run is gone."""
    with kafka_in_docker() if engine_answers() else _kafka_here() as bootstrap:
        _write(directory, {"bootstrap": bootstrap, "keeper": os.getpid()})
        while run.is_running() and run.status() != psutil.STATUS_ZOMBIE:
            time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _kafka_here() -> Generator[str]:
    with running_kafka() as server:
        yield server.bootstrap


def _write(directory: Path, found: dict[str, str | int]) -> None:
    new = directory / "kafka.json.new"
    new.write_text(json.dumps(found))
    new.rename(directory / "kafka.json")


def _exit(number: int, frame: object) -> None:
    sys.exit()


def main() -> None:
    """Keep, and leave nothing behind."""
    run, directory = int(sys.argv[1]), Path(sys.argv[2])
    signal.signal(signal.SIGTERM, _exit)
    try:
        _keep(psutil.Process(run), directory)
    except psutil.NoSuchProcess:
        pass
    except Exception as error:
        _write(directory, {"error": str(error)})
        return
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
