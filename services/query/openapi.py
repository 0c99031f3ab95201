"""One description of one origin: what is read here, and what is passed on to ingest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/"
TRY_AGAIN_SECONDS = 1.0


def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any], tag: str) -> Json:
    """Our description, and the paths of another service under a tag. Its schemas keep names that are free."""
    taken = ours.get("components", {}).get("schemas", {})
    schemas = theirs.get("components", {}).get("schemas", {})
    names = {name: f"{tag}_{name}" if name in taken else name for name in schemas}
    paths: Json = {path: dict(methods) for path, methods in ours["paths"].items()}
    for path, methods in theirs["paths"].items():
        for method, described in methods.items():
            paths.setdefault(path, {})[method] = {**_renamed(described, names), "tags": [tag]}
    both = {**taken, **{names[name]: _renamed(schema, names) for name, schema in schemas.items()}}
    components = {**ours.get("components", {}), "schemas": dict(sorted(both.items()))}
    return {**ours, "paths": dict(sorted(paths.items())), "components": components}


def _renamed(described: Any, names: Mapping[str, str]) -> Any:
    match described:
        case {"$ref": str(reference), **rest} if reference.startswith(SCHEMAS):
            name = reference.removeprefix(SCHEMAS)
            return {**rest, "$ref": SCHEMAS + names.get(name, name)}
        case dict():
            return {key: _renamed(value, names) for key, value in cast(Json, described).items()}
        case list():
            return [_renamed(value, names) for value in cast(list[Any], described)]
        case _:
            return described


class Writes:
    """Asks ingest what it takes, until it answers."""

    def __init__(self, ask: Callable[[], Awaitable[Json | None]]) -> None:
        self._ask = ask
        self._stopping = asyncio.Event()
        self._theirs: Json | None = None

    def add_to(self, ours: Json) -> Json:
        """Our description, and that of writes once it is known."""
        return ours if self._theirs is None else merged(ours, self._theirs, "writes")

    async def run(self) -> None:
        """Until `stop`."""
        while not self._stopping.is_set():
            if self._theirs is None:
                self._theirs = await self._ask()
            await _either(self._stopping, TRY_AGAIN_SECONDS if self._theirs is None else None)

    async def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()


async def _either(event: asyncio.Event, seconds: float | None) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
