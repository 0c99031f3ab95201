"""The services as this one sees them: whether they are ready, and how far they lag behind the log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from services.query.addresses import Address, Resolve, parse, processes, resolve

TIMEOUT = httpx.Timeout(1.5)
LAG = "sightline_partition_lag_events"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a service is: what keeps each of its processes from being ready (None: nothing), by address."""

    problems: Mapping[str, str | None]

    @property
    def processes(self) -> int:
        """How many there are."""
        return len(self.problems)

    @property
    def ready(self) -> int:
        """How many of them are ready."""
        return sum(problem is None for problem in self.problems.values())

    @property
    def problem(self) -> str | None:
        """What keeps the service from being ready. One process is enough."""
        if self.ready:
            return None
        return "; ".join(dict.fromkeys(problem for problem in self.problems.values() if problem))


class Peers:
    """Services by name and addresses. One without an address doesn't run here, and nobody waits for it."""

    def __init__(
        self,
        urls: Mapping[str, str],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        self.urls = {name: parse(url) for name, url in urls.items() if url}
        self._resolve = resolve
        self._client = httpx.AsyncClient(timeout=TIMEOUT, transport=transport, trust_env=False)

    async def problem(self, name: str) -> str | None:
        """What keeps a service from being ready; None: nothing."""
        return (await self.standing(name)).problem

    async def standing(self, name: str) -> Standing:
        """How all processes of a service are."""
        addresses = await self._processes(name)
        problems = await asyncio.gather(*(self._problem(address) for address in addresses))
        return Standing({address.url: problem for address, problem in zip(addresses, problems, strict=True)})

    async def standings(self) -> dict[str, Standing]:
        """The same of all services."""
        return dict(zip(self.urls, await asyncio.gather(*map(self.standing, self.urls)), strict=True))

    async def description(self, name: str) -> dict[str, Any] | None:
        """What a service offers, in OpenAPI's words; None while no process of it says."""
        for address in await self._processes(name) if name in self.urls else ():
            try:
                answer = await self._get(address, "/openapi.json")
                if answer.status_code == 200:
                    return answer.json()
            except (httpx.TransportError, ValueError):
                continue
        return None

    async def lags(self) -> dict[tuple[str, str, int], int]:
        """Events on the log that a group has not applied yet, by (group, topic, partition), as its owners tell.

        Only they see the log. A process that doesn't answer is left out. A process that lost a partition and hasn't
        noticed yet is further behind than its owner.
        """
        addresses = [address for name in self.urls for address in await self._processes(name)]
        lags: dict[tuple[str, str, int], int] = {}
        for page in await asyncio.gather(*map(self._telemetry, addresses)):
            for place, lag in _lags(page):
                lags[place] = min(lag, lags.get(place, lag))
        return lags

    async def _processes(self, name: str) -> list[Address]:
        return await processes(self.urls[name], self._resolve)

    async def _problem(self, address: Address) -> str | None:
        try:
            answer = await self._get(address, "/readyz")
        except httpx.TimeoutException:
            return "no answer in time"
        except httpx.TransportError:
            return "takes no connections"
        return None if answer.status_code == 200 else self._reason(answer)

    def _reason(self, answer: httpx.Response) -> str | None:
        """Why a process says that it isn't ready. What another service lacks is that one's problem."""
        try:
            body: Any = answer.json()
            own = {name: problem for name, problem in body["problems"].items() if name not in self.urls}
        except (ValueError, KeyError, TypeError, AttributeError):
            return f"HTTP status {answer.status_code}"
        return "; ".join(f"{name}: {problem}" for name, problem in own.items()) or None

    async def _telemetry(self, address: Address) -> str:
        try:
            answer = await self._get(address, "/metrics")
        except httpx.TransportError:
            return ""
        return answer.text if answer.status_code == 200 else ""

    async def _get(self, address: Address, path: str) -> httpx.Response:
        return await self._client.get(address.url + path, headers={"Host": address.host})

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


def _lags(page: str) -> list[tuple[tuple[str, str, int], int]]:
    return [
        ((sample.labels["group"], sample.labels["topic"], int(sample.labels["partition"])), int(sample.value))
        for family in text_string_to_metric_families(page)
        if family.name == LAG
        for sample in family.samples
    ]
