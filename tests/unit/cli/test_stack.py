"""The parts of the stack by themselves, with small programs in place of the services."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sightline.stack import leftovers, tether
from sightline.stack.claim import Claimed, claim, claimed_by
from sightline.stack.keeper import Backoff, Keeper, Program
from sightline.stack.options import Options, Refused
from sightline.stack.output import Output
from sightline.stack.programs import clean_environment


def program(code: str, tmp_path: Path, grace: float = 5.0) -> Program:
    return Program("small", (sys.executable, "-c", code), os.environ, tmp_path, grace)


async def eventually(holds: object, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_backoff_starts_at_once_then_waits_longer_and_forgets_after_a_steady_life() -> None:
    backoff = Backoff()
    pauses = [backoff.after(1.0) for _ in range(9)]
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[-1] == pauses[-2] == 10
    assert backoff.after(60.0) == 0


async def test_a_program_that_dies_is_started_again(tmp_path: Path) -> None:
    said = io.BytesIO()
    pids: list[int | None] = []
    keeper = Keeper(program("import time; time.sleep(60)", tmp_path), Output(said), lambda: pids.append(keeper.pid))
    life = asyncio.create_task(keeper.run())
    await eventually(lambda: len(pids) == 1)
    assert pids[0] is not None
    os.kill(pids[0], signal.SIGKILL)
    await eventually(lambda: len(pids) == 2, 1.0)
    await keeper.stop()
    await life
    assert keeper.pid is None
    assert b"was ended by SIGKILL; starting it again now" in said.getvalue()


async def test_what_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    deaf = "import os, signal, time; signal.signal(15, signal.SIG_IGN); os.write(2, b'x\\n'); time.sleep(60)"
    said = io.BytesIO()
    keeper = Keeper(program(deaf, tmp_path, grace=0.3), Output(said), lambda: None)
    life = asyncio.create_task(keeper.run())
    await eventually(lambda: b"x" in said.getvalue())
    await keeper.stop()
    await life
    assert b"killed" in said.getvalue()


async def test_a_program_that_can_not_be_started_is_tried_again_loudly(tmp_path: Path) -> None:
    said = io.BytesIO()
    keeper = Keeper(Program("absent", ("/no/such/program",), {}, tmp_path), Output(said), lambda: None)
    life = asyncio.create_task(keeper.run())
    await eventually(lambda: b"WARNING" in said.getvalue())
    await keeper.stop()
    await life


async def test_lines_are_prefixed_and_a_line_without_end_comes_in_pieces() -> None:
    said = io.BytesIO()
    stream = asyncio.StreamReader()
    stream.feed_data(b"one\ntwo\n" + b"x" * (3 << 20))
    stream.feed_eof()
    await Output(said, colour=False).follow("query", stream)
    lines = said.getvalue().split(b"\n")
    assert lines[0].startswith(b"query")
    assert lines[0].endswith("│ one".encode())
    assert sum(line.count(b"x") for line in lines) == 3 << 20


def test_output_without_a_reader_is_no_reason_to_die() -> None:
    class Gone(io.BytesIO):
        def write(self, *_: object) -> int:
            raise BrokenPipeError

    Output(Gone()).say("anybody?")


def test_a_data_directory_that_can_not_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for impossible in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Refused, match="choose another"), claim(impossible, "http://here"):
            pass


def test_a_claim_holds_until_its_holder_is_gone(tmp_path: Path) -> None:
    assert claimed_by(tmp_path / "nothing here") is None
    with claim(tmp_path, "http://here"):
        with pytest.raises(Claimed, match="http://here"), claim(tmp_path, "http://there"):
            pass
        assert str(os.getpid()) in (claimed_by(tmp_path) or "")
    assert claimed_by(tmp_path) is None
    with claim(tmp_path, "http://there"):
        pass


def test_leftovers_are_ended_but_nobody_else(tmp_path: Path) -> None:
    mine, other = (subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in range(2))
    try:
        leftovers.write_down(tmp_path, [mine.pid])
        # The process id of another, as if it had been given away since.
        text = (tmp_path / "processes.json").read_text()
        created = psutil.Process(mine.pid).create_time()
        stale = f', {{"pid": {other.pid}, "created": {created - 100}}}]'
        (tmp_path / "processes.json").write_text(text.replace("]", stale))
        assert leftovers.end(tmp_path) == [mine.pid]
        assert mine.wait(5) is not None
        assert other.poll() is None
    finally:
        for process in (mine, other):
            process.kill()
            process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part in it is Linux's")
def test_a_tethered_program_dies_with_who_started_it() -> None:
    start = (
        "import os, subprocess, sys, time\n"
        f"tether = [sys.executable, {tether.__file__!r}, str(os.getpid())]\n"
        "command = [*tether, sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "print(subprocess.Popen(command).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.3)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(5)


def test_services_get_a_clean_environment() -> None:
    environment = clean_environment(
        {
            "PATH": "/bin",
            "SIGHTLINE_MONGO_URL": "mongodb://elsewhere",
            "SIGHTLINE_LOG_LEVEL": "debug",
            "PYTHONPATH": "/somewhere",
            "HTTP_PROXY": "http://proxy",
            "https_proxy": "http://proxy",
        }
    )
    assert environment["PATH"] == "/bin"
    assert environment["SIGHTLINE_LOG_LEVEL"] == "debug"
    assert not {"SIGHTLINE_MONGO_URL", "PYTHONPATH", "HTTP_PROXY", "https_proxy"} & set(environment)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "example.org"])
def test_only_loopback(host: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="authentication"):
        Options(tmp_path, host=host).check()


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80")])
def test_loopback_addresses(host: str, url: str, tmp_path: Path) -> None:
    options = Options(tmp_path, host=host, port=80)
    options.check()
    assert options.url == url
