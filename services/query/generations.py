"""The query service follows the read model: a generation that was swapped in is served, without a restart.

What answers from a generation is made for it alone. A question stays with the one that it came to, so no answer is made
of two.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.outages import OUTAGES
from services.common.runtime.telemetry import get_logger
from services.query.sources import Sources

LOOK_SECONDS = 0.5
"""Between looks at which generation is the current one."""
LINGER_SECONDS = 30.0
"""How long an old generation's columns stay for those who are looking at them."""


class Generations:
    """The generation that is served, and the turn to the next."""

    def __init__(self, store: ReadModel, make: Callable[[ReadModel], Sources]) -> None:
        self._store = store
        self._make = make
        self._users: list[Callable[[Sources], None]] = []
        self._leaving: dict[asyncio.Task[None], Sources] = {}
        self._stopping = asyncio.Event()
        self.sources = make(store)

    def at_turns(self, use: Callable[[Sources], None]) -> None:
        """Call this with what the next generation is answered from, at each turn."""
        self._users.append(use)

    async def problem(self) -> str | None:
        """Whether the read model answers: it raises if not."""
        return await self.sources.reads.problem()

    async def run(self) -> None:
        """Until `stop`."""
        while not self._stopping.is_set():
            with contextlib.suppress(*OUTAGES):  # whoever asks a question is told
                await self.look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), LOOK_SECONDS)

    async def stop(self) -> None:
        """Look no more, and let go of everything."""
        self._stopping.set()
        self.sources.stopping.set()
        for task in self._leaving:
            task.cancel()
        for sources in (*self._leaving.values(), self.sources):
            await sources.columns.close()

    async def look(self) -> None:
        """Turn to the current generation, if another one is served."""
        moved = await self._store.moved_to()
        if moved is None:
            return
        get_logger().info("the read model was swapped", generation=moved)
        before = self.sources
        self._store = self._store.of_generation(moved)
        self.sources = self._make(self._store)
        for use in self._users:
            use(self.sources)
        before.stopping.set()  # nothing happens there any more: who waits asks again
        task = asyncio.create_task(self._let_go(before), name="let go of a generation")
        self._leaving[task] = before
        task.add_done_callback(self._leaving.pop)

    async def _let_go(self, sources: Sources) -> None:
        await asyncio.sleep(LINGER_SECONDS)
        await sources.columns.close()
