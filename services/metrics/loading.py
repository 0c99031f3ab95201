"""Reading what the row handler needs, in two steps: what the second asks for depends on what the first found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services.common.documents import Document, Read, State
from services.common.eventlog.handling import Batch, blame_events
from services.common.progress import ProgressStore
from services.metrics.memory import PartitionMemory
from services.metrics.needs import first_reads, further_reads


def two_step_loader(store: ProgressStore) -> Callable[[Batch, PartitionMemory], Awaitable[State]]:
    """The loader of the row handler: `first_reads`, then `further_reads`."""

    async def read(reads: Sequence[Read], found: dict[str, list[Document]]) -> None:
        answers = await asyncio.gather(*(store.find(wanted) for wanted in reads))
        for wanted, documents in zip(reads, answers, strict=True):
            found.setdefault(wanted.collection, []).extend(documents)

    async def load(batch: Batch, memory: PartitionMemory) -> State:
        found: dict[str, list[Document]] = {}
        await read(blame_events(lambda: first_reads(batch, memory)), found)
        await read(blame_events(lambda: further_reads(batch, found)), found)
        return found

    return load
