"""What is sent again, and when."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sightline.client.asking import Call
from sightline.client.errors import ApiError, ConnectionLost, SightlineError, Unreachable

_SEND_AGAIN = "send the file again"
"""What the server says of an import that an interruption of any kind has ended, and not the file."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often something is tried again, and after which pauses: longer and longer, of random length."""

    most: int = 6
    first_seconds: float = 0.25
    longest_seconds: float = 8.0
    chance: Callable[[], float] = random.random

    def again(self, call: Call[Any], error: SightlineError, attempt: int) -> tuple[Call[Any], float] | None:
        """What to send after this error of the attempt (from 0), and after how many seconds; None: give up."""
        if attempt >= self.most:
            return None
        pause = min(self.longest_seconds, self.first_seconds * 2**attempt) * (0.5 + self.chance() / 2)
        match error:
            case Unreachable() if not (call.body and call.body.once):
                return call, pause
            case ConnectionLost() if call.repeatable:
                return call, pause
            case ApiError() if _passes(call, error):
                # The key of an import that failed belongs to that failure.
                after = call.anew() if error.slug == "import-failed" else call
                return after, max(pause, error.retry_after or 0)
            case _:
                return None


def _passes(call: Call[Any], error: ApiError) -> bool:
    if call.body and call.body.once:
        return False
    if error.status == 503:
        return call.repeatable
    # What an attempt that was cut off has left behind: it ends by itself, or has ended, and is to be sent again.
    cut_off = error.slug == "import-failed" and error.status != 500 and _SEND_AGAIN in error.detail
    return call.body is not None and (error.slug == "import-open" or cut_off)
