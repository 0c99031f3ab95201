"""How far a group is, asked until it is far enough: whichever process does the group's work."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping

from services.common.readmodel.collections import PROGRESS
from services.common.readmodel.mongo import ReadModel


async def group_passed(
    store: ReadModel,
    group: str,
    ends: Mapping[tuple[str, int], int],
    *,
    deadline: float = math.inf,
    look_seconds: float = 0.1,
) -> bool:
    """Wait until a group stands at these next offsets, by topic and partition, or beyond. False: not by the deadline.

    The deadline is a time of `time.monotonic`.
    """
    for (topic, partition), end in ends.items():
        while await _next_offset(store, group, topic, partition) < end:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(look_seconds)
    return True


async def _next_offset(store: ReadModel, group: str, topic: str, partition: int) -> int:
    progress = await store.get(PROGRESS.name, f"{group}/{partition}", {"offsets": 1})
    return 0 if progress is None else progress["offsets"].get(topic, 0)
