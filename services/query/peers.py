"""The other services: whether they are ready, and how far they lag behind the log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT = httpx.Timeout(1.5)
LAG = "sightline_partition_lag_events"


class Peers:
    """Services by name and address. One without an address doesn't run here, and nobody waits for it."""

    def __init__(self, urls: Mapping[str, str], *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.urls = {name: url.rstrip("/") for name, url in urls.items() if url}
        self._client = httpx.AsyncClient(timeout=TIMEOUT, transport=transport, trust_env=False)

    async def problem(self, name: str) -> str | None:
        """What keeps a service from being ready; None: nothing."""
        try:
            answer = await self._client.get(f"{self.urls[name]}/readyz")
        except httpx.TimeoutException:
            return "no answer in time"
        except httpx.TransportError:
            return "takes no connections"
        if answer.status_code == 200:
            return None
        return _reason(answer)

    async def problems(self) -> dict[str, str | None]:
        """The same of all services."""
        return dict(zip(self.urls, await asyncio.gather(*map(self.problem, self.urls)), strict=True))

    async def description(self, name: str) -> dict[str, Any] | None:
        """What a service offers, in OpenAPI's words; None while it doesn't say."""
        if name not in self.urls:
            return None
        try:
            answer = await self._client.get(f"{self.urls[name]}/openapi.json")
            return answer.json() if answer.status_code == 200 else None
        except (httpx.TransportError, ValueError):
            return None

    async def lags(self) -> dict[tuple[str, str, int], int]:
        """Events on the log that a group has not applied yet, by (group, topic, partition), as the services tell.

        Only they see the log. A service that doesn't answer is left out.
        """
        pages = await asyncio.gather(*map(self._telemetry, self.urls))
        return {
            (sample.labels["group"], sample.labels["topic"], int(sample.labels["partition"])): int(sample.value)
            for page in pages
            for family in text_string_to_metric_families(page)
            if family.name == LAG
            for sample in family.samples
        }

    async def _telemetry(self, name: str) -> str:
        try:
            answer = await self._client.get(f"{self.urls[name]}/metrics")
        except httpx.TransportError:
            return ""
        return answer.text if answer.status_code == 200 else ""

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


def _reason(answer: httpx.Response) -> str:
    try:
        body: Any = answer.json()
        return "; ".join(f"{name}: {problem}" for name, problem in body["problems"].items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"HTTP status {answer.status_code}"
