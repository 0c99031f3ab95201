"""Calls of the API as values, and flows of them. Nothing here sends anything.

A flow is a generator that yields calls and pauses, gets their answers, and returns a result. Whoever drives it decides
how to wait: `Client` blocks, `AsyncClient` awaits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

import msgspec

from sightline.client import values
from sightline.client.errors import ApiError, SightlineError

T = TypeVar("T")

Parameter = str | float | bool | list[str] | None
Sent = Callable[[int], None]
"""Is told how many bytes (of a file) or items of an upload have been sent."""

KEY = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Body:
    """What is uploaded. `chunks` makes it, again for each attempt unless it can be had only `once`."""

    chunks: Callable[[], Iterator[bytes]]
    headers: Mapping[str, str]
    once: bool = False


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and what its answer is."""

    method: str
    path: str
    kind: type[T] | None = None
    """None: nothing that matters."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict[str, Parameter])
    json: object = None
    body: Body | None = None
    key: str | None = None
    """Under which the server does it once, however often it is sent."""

    @property
    def asked(self) -> dict[str, Any]:
        """The parameters that are given, as URLs write them."""
        return {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in self.parameters.items()
            if value is not None
        }

    @property
    def headers(self) -> dict[str, str]:
        """What is said beside the body."""
        return {**(self.body.headers if self.body else {}), **({KEY: self.key} if self.key else {})}

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent again when nobody knows what became of it."""
        return self.method == "GET" or (self.key is not None and not (self.body and self.body.once))

    def anew(self) -> Call[T]:
        """The same, to be done once more."""
        return replace(self, key=uuid4().hex) if self.key else self


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


Flow = Generator["Call[Any] | Pause", Any, T]


class Page(msgspec.Struct, frozen=True):
    """Some items of a list, and what to ask for the next."""

    items: list[msgspec.Raw]
    next_page_token: str | None = None


def get(path: str, kind: type[T] | None = None, **parameters: Parameter) -> Call[T]:
    """A question."""
    return Call("GET", path, kind, parameters)


def write(method: str, path: str, kind: type[T] | None = None, json: Mapping[str, Any] | None = None) -> Call[T]:
    """A change of the catalog, with a key under which it is made once."""
    said = None if json is None else {name: values.json(value, name) for name, value in json.items()}
    return Call(method, path, kind, json=said, key=uuid4().hex)


def upload(path: str, body: Body, kind: type[T], **parameters: Parameter) -> Call[T]:
    """An upload, with a key under which it is taken once."""
    return Call("POST", path, kind, parameters, body=body, key=uuid4().hex)


def one(call: Call[T]) -> Flow[T]:
    """A flow of one call."""
    return (yield call)


def whole(listing: Call[T], most: int | None = None) -> Flow[list[T]]:
    """All items of a list, or the first."""
    items: list[T] = []
    call: Call[Page] | None = page(listing)
    while call is not None:
        found: Page = yield call
        items += items_of(found, listing)
        call = following(found, listing)
        if most is not None and len(items) >= most:
            return items[:most]
    return items


def page(listing: Call[Any], token: str | None = None) -> Call[Page]:
    """A page of a list; `listing` says what each item is."""
    return Call("GET", listing.path, Page, {**listing.parameters, "page_token": token})


def items_of(found: Page, listing: Call[T]) -> list[T]:
    """The items of a page."""
    return [decoded(bytes(item), listing.kind) for item in found.items]


def following(found: Page, listing: Call[Any]) -> Call[Page] | None:
    """The page after one."""
    return page(listing, found.next_page_token) if found.next_page_token else None


def decoded(content: bytes, kind: type[T] | None) -> T:
    """An answer as its type."""
    if kind is bytes:
        return content  # pyright: ignore[reportReturnType]
    try:
        return msgspec.json.decode(content, type=Any if kind is None else kind)  # pyright: ignore[reportReturnType]
    except msgspec.DecodeError as error:
        raise SightlineError(f"the server's answer isn't what this version of the client expects: {error}") from error


def refused(status: int, headers: Mapping[str, str], content: bytes) -> ApiError:
    """The problem that a server answered with."""
    try:
        problem = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.DecodeError:
        problem = {"detail": "is it a Sightline server that listens there?"}
    after = headers.get("retry-after", "")
    return ApiError(status, problem, retry_after=float(after) if after.isdigit() else None)


def part(name: str) -> str:
    """A name as one part of a path. A bare `.` or `..` would be taken for a step in it, and name something else."""
    return name.replace(".", "%2E") if name in (".", "..") else quote(name, safe="")
