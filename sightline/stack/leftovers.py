"""Processes of an earlier stack on the same data that outlived it.

On Linux the kernel ends them with `up` (see `tether`). Elsewhere, and for the moment between a kill and its effect,
what was started is written down, and the next stack ends what is still there. A process id may have been given to
another process since: the time of creation decides.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

import psutil

_NAME = "processes.json"
_CREATED_WITHIN_SECONDS = 0.5


def write_down(data_dir: Path, pids: Iterable[int]) -> None:
    """Remember what runs now."""
    running: list[dict[str, float]] = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            running.append({"pid": pid, "created": psutil.Process(pid).create_time()})
    new = data_dir / f"{_NAME}.new"
    new.write_text(json.dumps(running))
    new.replace(data_dir / _NAME)


def end(data_dir: Path) -> list[int]:
    """SIGKILL what still runs; tells what did."""
    try:
        written = json.loads((data_dir / _NAME).read_text())
    except (OSError, ValueError):
        return []
    found: list[psutil.Process] = []
    for entry in written:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(entry["pid"])
            if abs(process.create_time() - entry["created"]) < _CREATED_WITHIN_SECONDS:
                process.kill()
                found.append(process)
    psutil.wait_procs(found, timeout=5)
    return [process.pid for process in found]
