"""Alive, and ready: what orchestrators and load balancers ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Check = Callable[[], Awaitable[str | None]]


class Health:
    """Named checks. A check answers None when all is well, otherwise what isn't."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def check(self, name: str, check: Check) -> None:
        """Ask this from now on."""
        self._checks[name] = check

    async def problems(self, timeout: float = 2.0) -> dict[str, str]:
        """What is not ready, by name; empty when ready."""

        async def ask(check: Check) -> str | None:
            try:
                return await asyncio.wait_for(check(), timeout)
            except TimeoutError:
                return f"no answer within {timeout:g} s"
            except Exception as error:
                return f"{type(error).__name__}: {error}"

        names = list(self._checks)
        answers = await asyncio.gather(*(ask(self._checks[name]) for name in names))
        return {name: answer for name, answer in zip(names, answers, strict=True) if answer is not None}
