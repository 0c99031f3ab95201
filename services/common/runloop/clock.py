"""Time, as the run loop knows it: one object, so that tests can have another."""

from __future__ import annotations

import asyncio
import time


def unix_ms() -> int:
    """Milliseconds since 1970, on the clock that all processes of a machine share."""
    return time.time_ns() // 1_000_000


class Clock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def unix_ms(self) -> int:
        """Milliseconds since 1970, for people."""
        return unix_ms()

    async def wait(self, event: asyncio.Event, seconds: float | None = None) -> bool:
        """Wait until something happens, so long at most. Whether it has happened."""
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        return True
