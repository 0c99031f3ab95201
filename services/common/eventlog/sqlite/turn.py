"""Taking turns among the processes that write one file.

SQLite's own waiting is to sleep and try again, so a busy writer can keep a quiet one out for long. Locks of the system
wake who waits; and of two locks the first is the queue's head, so that who has just written can't be first again. A
process that dies lets go of both.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

else:  # there SQLite's own waiting has to do

    def _lock(file: BinaryIO) -> None: ...

    def _unlock(file: BinaryIO) -> None: ...


class Turn:
    """`with turn:` at most one process is inside. For one thread."""

    def __init__(self, path: Path) -> None:
        """Makes two small files beside `path`."""
        self._next, self._now = (path.with_name(f"{path.name}-{name}").open("wb") for name in ("next", "turn"))

    def __enter__(self) -> None:
        _lock(self._next)
        try:
            _lock(self._now)
        finally:
            _unlock(self._next)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _unlock(self._now)

    def close(self) -> None:
        """Let go of the files."""
        self._next.close()
        self._now.close()
