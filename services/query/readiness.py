"""Which processes can be given work: each is asked at its `/readyz`, and what it said is believed for a moment.

A process that stands still looks like any other from outside: the kernel takes its connections, and nobody answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from enum import IntEnum

import httpx

from services.query.addresses import Address

LOOK_SECONDS = 1.5
"""Who hasn't answered by then is silent."""
READY_SECONDS = 1.0
OTHERWISE_SECONDS = 5.0
"""How long an answer is believed: asking one that is silent takes time."""


class State(IntEnum):
    """How a process is, the best first."""

    READY = 0
    NOT_READY = 1
    SILENT = 2


class Readiness:
    """What is known of processes."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._known: dict[str, tuple[State, float]] = {}
        """By address, and until when it is believed."""

    async def best_first(self, addresses: Sequence[Address]) -> list[Address]:
        """All of them, those that are ready before the others; in their order otherwise. One alone is not asked."""
        if len(addresses) < 2:
            return list(addresses)
        states = await asyncio.gather(*map(self._state, addresses))
        places = sorted(range(len(addresses)), key=lambda place: states[place])
        return [addresses[place] for place in places]

    async def _state(self, address: Address) -> State:
        state, until = self._known.get(address.url, (State.SILENT, 0.0))
        if time.monotonic() < until:
            return state
        state = await self._ask(address)
        believed = READY_SECONDS if state is State.READY else OTHERWISE_SECONDS
        self._known[address.url] = state, time.monotonic() + believed
        return state

    async def _ask(self, address: Address) -> State:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                answer = await self._client.get(f"{address.url}/readyz", headers={"Host": address.host})
        except (httpx.TransportError, TimeoutError):
            return State.SILENT
        return State.READY if answer.status_code == 200 else State.NOT_READY
