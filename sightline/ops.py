"""Operators' commands need the code of the services: each runs as a process, which ends with us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from sightline.stack import tether
from sightline.stack.programs import clean_environment

Progress = Callable[[Mapping[str, Any]], None]

_MODULE = "services.common.ops"
_PASSED_ON = ("SIGHTLINE_KAFKA_", "SIGHTLINE_DEBUG")


class OpsError(Exception):
    """The command failed; the message says what to do."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        """Nothing was written."""


def run(
    command: str,
    *arguments: str,
    progress: Progress = lambda _said: None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run a command to its end, and give back its result. Ctrl-C ends it in order, then us.

    `environment` is what it is told besides.
    """
    # -P: a folder called `services` where somebody happens to stand is none of ours.
    line = (sys.executable, tether.__file__, str(os.getpid()), sys.executable, "-P", "-m", _MODULE)
    passed_on = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
    process = subprocess.Popen(
        (*line, command, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=clean_environment(os.environ) | passed_on | dict(environment or {}),
        start_new_session=True,  # so that Ctrl-C reaches it once, through us
    )
    assert process.stdout is not None
    last: dict[str, Any] = {}
    try:
        for text in process.stdout:
            last = json.loads(text)
            if "progress" in last:
                progress(last["progress"])
        process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    finally:
        process.stdout.close()
    match last:
        case {"result": result}:
            return result
        case {"refused": why}:
            raise OpsError(why, refused=True)
        case {"failed": why}:
            raise OpsError(why)
        case _:
            raise OpsError(f"{command} ended without an answer (exit code {process.returncode})")
