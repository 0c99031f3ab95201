"""What can go wrong. Every error of the client is a `SightlineError`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class SightlineError(Exception):
    """Something went wrong that the message explains."""


class InvalidAddress(SightlineError, ValueError):
    """What was said of where the server is, is no address. Nothing was sent."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url!r} is no address of a server: it looks like http://127.0.0.1:8790")


class Unreachable(SightlineError):
    """No server takes connections at the address. Nothing was sent."""

    def __init__(self, url: str) -> None:
        super().__init__(f"no Sightline server at {url}")
        self.url = url


class ConnectionLost(SightlineError):
    """The connection broke, or no answer came in time. Whether the request was carried out is not known."""


class ApiError(SightlineError):
    """The server answered with a problem (RFC 9457). `slug` is the last part of its `type`, and never changes."""

    def __init__(self, status: int, problem: Mapping[str, Any], *, retry_after: float | None = None) -> None:
        self.status = status
        self.problem = dict(problem)
        self.type = str(problem.get("type", ""))
        self.slug = self.type.rsplit("/", 1)[-1]
        self.title = str(problem.get("title", "")) or f"HTTP status {status}"
        self.detail = str(problem.get("detail", ""))
        self.retry_after = retry_after
        """Seconds after which the server asks to be asked again."""
        super().__init__(f"{self.title}: {self.detail}" if self.detail else self.title)

    @property
    def existing_id(self) -> str | None:
        """On a conflict: the id of what has that name already."""
        return self.problem.get("existing_id")


class MissingExtra(SightlineError):
    """A table was asked for, and the library that makes it isn't installed."""

    def __init__(self, library: str) -> None:
        super().__init__(f"{library} is not installed: pip install 'sightline[dataframes]'")
