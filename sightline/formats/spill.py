"""Records that are collected in memory as long as they are few, and in a file when they become many."""

from __future__ import annotations

import mmap
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

KEEP_IN_MEMORY = 64 << 20

Records = npt.NDArray[np.void]


class Spill:
    """Collects records of one type. Close it when they are no longer collected: what `all` gave stays readable."""

    def __init__(self, kind: np.dtype[Any], *, keep_in_memory: int = KEEP_IN_MEMORY) -> None:
        self._kind = kind
        self._keep_in_memory = keep_in_memory
        self._file = tempfile.SpooledTemporaryFile(max_size=keep_in_memory)  # noqa: SIM115  (it lives until `close`)

    def add(self, records: Records) -> None:
        """Some more."""
        self._file.write(records.tobytes())

    def all(self) -> Records:
        """All of them, in the order in which they came."""
        if self._file.tell() > self._keep_in_memory:
            self._file.flush()
            return np.frombuffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ), self._kind)
        self._file.seek(0)
        return np.frombuffer(self._file.read(), self._kind)

    def close(self) -> None:
        """Let go of what was kept."""
        self._file.close()
