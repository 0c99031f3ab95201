"""Where the processes of a service are: several addresses, and names that stand for several."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

Resolve = Callable[[str], Awaitable[list[str]]]
"""The IP addresses behind a name; none where it isn't known."""


@dataclass(frozen=True, slots=True)
class Address:
    """One process: where to connect, and by which name it goes (the Host header)."""

    url: str
    host: str


def parse(urls: str) -> tuple[httpx.URL, ...]:
    """Addresses, comma separated."""
    return tuple(httpx.URL(url.strip().rstrip("/")) for url in urls.split(",") if url.strip())


async def resolve(name: str) -> list[str]:
    """Ask the system's resolver. Of a name with addresses of both families only one is taken: both are one process."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    by_family = {family: [str(to[0]) for f, *_, to in found if f == family] for family, *_ in found}
    return sorted(set(by_family.get(socket.AF_INET) or by_family.get(socket.AF_INET6) or []))


async def processes(urls: tuple[httpx.URL, ...], resolve: Resolve = resolve) -> list[Address]:
    """Every process behind some addresses, each once. A name that isn't known stays: connecting tells what is wrong."""
    behind = await asyncio.gather(*(_behind(url, resolve) for url in urls))
    return list(dict.fromkeys(address for addresses in behind for address in addresses))


async def _behind(url: httpx.URL, resolve: Resolve) -> list[Address]:
    host = url.netloc.decode()
    found = [] if _is_literal(url.host) or url.host == "localhost" else await resolve(url.host)
    return [Address(_text(url.copy_with(host=ip)), host) for ip in found] or [Address(_text(url), host)]


def _text(url: httpx.URL) -> str:
    return str(url).rstrip("/")


def _is_literal(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False
