"""`sightline up`: one per data directory, quickly back, and gone without a trace."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.environment import plain_environment
from tests.e2e.stack import SIGHTLINE, Stack, alive, free_port, kill, wait_until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("up") / "data") as stack:
        yield stack


def test_a_second_up_on_the_same_data_says_who_is_there(stack: Stack) -> None:
    second = stack.run("up", "--data-dir", stack.data, "--port", free_port())
    assert second.returncode == 2
    assert str(stack.process.pid) in second.stderr
    assert stack.url in second.stderr
    assert stack.is_ready()


def test_a_port_in_use_is_said_before_anything_is_started(stack: Stack, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = stack.run("up", "--data-dir", tmp_path / "other", "--port", port)
    assert refused.returncode == 2
    assert str(port) in refused.stderr
    assert not (tmp_path / "other" / "mongo").exists()


@pytest.mark.parametrize("program", ["services.ingest", "services.metrics", "services.query", "mongod"])
def test_what_dies_is_started_again(stack: Stack, program: str) -> None:
    (pid,) = stack.descendants(program)
    kill(pid)
    wait_until(lambda: stack.descendants(program) not in ([], [pid]), 60)
    wait_until(stack.is_ready, 60)
    told = f"{program.removeprefix('services.')} was ended by SIGKILL; starting it again now"
    assert told in stack.said(1 << 20), "without a pause"


def test_it_leaves_no_process_behind_however_it_ends(stack: Stack) -> None:
    mine = stack.descendants()
    assert len(mine) >= 4
    kill(stack.process.pid)
    stack.process.wait()
    wait_until(lambda: not any(alive(pid) for pid in mine), 60)
    for which in (signal.SIGTERM, signal.SIGINT):
        stack.start()
        mine = stack.descendants()
        stack.process.send_signal(which)
        assert stack.process.wait(60) == 0
        assert not any(alive(pid) for pid in mine)
    assert ": killed" not in stack.said(1 << 20), "each has ended by itself, within its grace"


def test_a_stop_while_it_starts_leaves_no_process_behind(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data")
    command = (*SIGHTLINE, "up", "--data-dir", str(stack.data), "--port", str(stack.port))
    stack.process = subprocess.Popen(command, stderr=subprocess.PIPE, env=plain_environment())
    wait_until(lambda: stack.descendants("mongod"), 60)
    assert stack.stop() == []
    assert stack.process.returncode == 0
