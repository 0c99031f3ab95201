"""Who is alive on this machine: a process by its id and the moment it started, so that a reused id is told apart."""

from __future__ import annotations

import functools
import socket
from pathlib import Path

import psutil


@functools.cache
def here() -> str:
    """Where process ids mean what they mean for this process: the machine since its boot, and its namespace of ids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def started(pid: int) -> str | None:
    """A mark of when a process started, or None when no such process runs."""
    if not Path("/proc/self/stat").exists():
        try:
            return str(round(psutil.Process(pid).create_time()))
        except psutil.NoSuchProcess:
            return None
    # Not psutil here: its times move with the machine's clock, and two processes may then differ over a third.
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, start_ticks = fields[0], fields[19]
    return None if state in ("Z", "X") else start_ticks
