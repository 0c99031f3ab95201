"""One stack per data directory.

The claim is an `flock`, which the kernel lets go of when its holder dies, however it dies. What is written in the file
is only for people: who holds it, and where it listens.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Generator
from pathlib import Path

from sightline.stack.options import Refused

LOCK_NAME = "sightline.lock"


class Claimed(Exception):
    """Another stack runs on this data directory."""


@contextlib.contextmanager
def claim(data_dir: Path, url: str) -> Generator[None]:
    """Hold the data directory for one stack, or say who holds it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(
            f"--data-dir {data_dir}: no directory that can be written to ({error.strerror}); choose another"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Claimed(f"Sightline already runs on {data_dir}{_holder(descriptor)}") from None
        _write(descriptor, {"pid": os.getpid(), "url": url})
        yield
        _write(descriptor, {})
    finally:
        os.close(descriptor)


def claimed_by(data_dir: Path) -> str | None:
    """Who holds the data directory, in words that may be empty; None when nobody does."""
    try:
        descriptor = os.open(data_dir / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _write(descriptor: int, holder: dict[str, object]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f" (process {holder['pid']}, {holder['url']})"
    except (ValueError, KeyError, TypeError):
        return ""
