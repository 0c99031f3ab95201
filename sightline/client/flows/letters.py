"""Events that can never be applied: seen, put back, dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sightline.client.answers import JsonObject
from sightline.client.asking import Call, Flow, Parameter, get, part, whole
from sightline.client.things import Thing

Server = Thing[Any, Any]
Verb = Literal["replay", "drop"]


def dead_letters(server: Server, *, limit: int = 1000, **filters: Parameter) -> Flow[list[JsonObject]]:
    """The newest of them. `filters` are those of the API: `state`, `topic`, `group`, `bug`, `dataset_id`, `run_id`."""
    return (yield from whole(get("/v1/dead-letters", JsonObject, **filters, page_size=min(limit, 500)), limit))


def dead_letter(server: Server, dead_letter_id: str) -> Flow[JsonObject]:
    """One of them, with what can be shown of its event."""
    return (yield get(f"/v1/dead-letters/{part(dead_letter_id)}", JsonObject))


def decide_dead_letter(server: Server, dead_letter_id: str, verb: Verb, *, note: str = "") -> Flow[JsonObject]:
    """Put its event back, which adds only what is not there, or close it for good. `note`: why."""
    return (yield Call("POST", f"/v1/dead-letters/{part(dead_letter_id)}:{verb}", JsonObject, json={"note": note}))


def decide_dead_letters(
    server: Server, verb: Verb, *, filter: Mapping[str, Any] | None = None, note: str = ""
) -> Flow[list[JsonObject]]:
    """The same for all open ones that a filter names, the oldest first. Each says what became of it."""
    decided: list[JsonObject] = []
    after: str | None = None
    while True:
        asked = {"filter": dict(filter or {}), "note": note, "after": after}
        answer: JsonObject = yield Call("POST", f"/v1/dead-letters:{verb}", JsonObject, json=asked)
        decided += answer["items"]
        after = answer["next"]
        if after is None:
            return decided
