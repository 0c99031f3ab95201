"""`sightline up` on what isn't there, or isn't fit."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.environment import plain_environment
from tests.e2e.stack import free_port


def up(data: Path, *options: str) -> subprocess.Popen[str]:
    command = (sys.executable, "-m", "sightline", "up", "--data-dir", str(data), "--port", str(free_port()), *options)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=plain_environment())


@pytest.mark.timeout(120)
def test_what_no_waiting_can_mend_ends_it_with_the_reason(tmp_path: Path) -> None:
    out, said = (process := up(tmp_path / "data", "--mongo", "http://no-mongodb")).communicate()
    assert process.returncode == 1
    assert out == ""
    assert "the address of MongoDB can't be read" in said
    assert said.splitlines()[-1].endswith("can't go on, and another start doesn't help: it says why above")


@pytest.mark.timeout(120)
def test_it_says_what_it_waits_for_and_can_be_stopped_meanwhile(tmp_path: Path) -> None:
    process = up(tmp_path / "data", "--kafka", f"127.0.0.1:{free_port()}")
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if "not ready yet" in line and "waiting for the log" in line:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 0
    assert not any("exit code" in line for line in said), "nobody has died of it"
