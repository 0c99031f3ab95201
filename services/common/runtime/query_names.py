"""Query parameters that a request doesn't have, or has once, are refused: what is answered is what was asked."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any, cast

from fastapi import Request
from fastapi.routing import APIRoute

from services.common.runtime.errors import Problem

OPEN = "x-open-parameters"
"""In an operation's `openapi_extra`: beginnings of names that are open, such as those of metadata."""


async def refuse_unknown_names(request: Request) -> None:
    """Raises `Problem` where the query names something that the OpenAPI document doesn't."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute) or not route.include_in_schema:
        return
    operation: dict[str, Any] = request.app.openapi()["paths"][route.path_format][request.method.lower()]
    parameters = cast(list[dict[str, Any]], operation.get("parameters", []))
    known = {each["name"]: _is_list(each["schema"]) for each in parameters if each["in"] == "query"}
    beginnings = tuple(operation.get(OPEN, ()))
    said: set[str] = set()
    for number, (name, _) in enumerate(request.query_params.multi_items(), 1):
        if name not in known and not name.startswith(beginnings):
            raise Problem(422, "unknown-parameter", "a query parameter is not known", _detail(number, name, known))
        if name in said and not known.get(name):
            detail = f"parameter {number} of the query came before: it is taken once"
            raise Problem(422, "repeated-parameter", "a query parameter comes twice", detail)
        said.add(name)


def _is_list(schema: dict[str, Any]) -> bool:
    return any(each.get("type") == "array" for each in (schema, *schema.get("anyOf", ())))


def _detail(number: int, name: str, known: Collection[str]) -> str:
    if not known:
        return "this request has no query parameters"
    meant = get_close_matches(name, known, 1)
    hint = f"; did you mean `{meant[0]}`?" if meant else ""
    return f"parameter {number} of the query is none of {', '.join(f'`{each}`' for each in known)}{hint}"
