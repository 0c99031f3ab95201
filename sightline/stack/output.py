"""What the stack's processes say, line by line, each with the name of who says it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import BinaryIO

STACK = "sightline"
_COLOURS = {STACK: 1, "mongod": 90, "ingest": 36, "metrics": 35, "query": 32}
_NAME_WIDTH = 10
_LONGEST_LINE = 1 << 20


class Output:
    """Lines on stderr, prefixed and, on a terminal, coloured. Results go to stdout and are none of its business."""

    def __init__(self, stream: BinaryIO | None = None, *, colour: bool | None = None) -> None:
        self._stream = stream or sys.stderr.buffer
        self._colour = (sys.stderr.isatty() and "NO_COLOR" not in os.environ) if colour is None else colour

    def say(self, message: str) -> None:
        """Something the stack itself has to say."""
        self.line(STACK, message.encode(errors="replace"))

    def line(self, name: str, line: bytes) -> None:
        """One line of a process."""
        prefix = f"{name:<{_NAME_WIDTH}}│ "
        if self._colour:
            prefix = f"\x1b[{_COLOURS.get(name.split('-')[0], 0)}m{prefix}\x1b[0m"
        try:
            self._stream.write(prefix.encode() + line + b"\n")
            self._stream.flush()
        except OSError:
            pass  # Who read this is gone. Nobody listens, but the stack still serves.

    async def follow(self, name: str, stream: asyncio.StreamReader) -> None:
        """Pass on a process' lines until its end; a line without end comes in pieces."""
        pending = b""
        while chunk := await stream.read(1 << 16):
            *lines, pending = (pending + chunk).split(b"\n")
            if len(pending) > _LONGEST_LINE:
                lines, pending = [*lines, pending], b""
            for line in lines:
                self.line(name, line)
        if pending:
            self.line(name, pending)
