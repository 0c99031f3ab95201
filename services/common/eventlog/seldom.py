"""Log lines that come again and again, said now and then."""

from __future__ import annotations

import logging
import time

from typing_extensions import override


class Seldom(logging.Filter):
    """Lets a line of one place in the code through once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._said: dict[tuple[str, int], float] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        place, now = (record.pathname, record.lineno), time.monotonic()
        if now - self._said.get(place, -self._seconds) < self._seconds:
            return False
        self._said[place] = now
        return True
