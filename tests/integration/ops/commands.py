"""The command line, as operators type it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.environment import plain_environment


def line(source: object, target: object, *options: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "sightline", "log", "copy", "--from", str(source), "--to", str(target), *options)


def copy(source: object, target: object, *options: str) -> subprocess.CompletedProcess[str]:
    command = line(source, target, "--json", *options)
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=plain_environment())


def copied(source: object, target: object, *options: str) -> dict[str, Any]:
    done = copy(source, target, *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def begin(source: object, target: object, said: Path) -> subprocess.Popen[bytes]:
    with said.open("ab") as file:
        return subprocess.Popen(line(source, target, "--json"), stdout=file, stderr=file, env=plain_environment())
