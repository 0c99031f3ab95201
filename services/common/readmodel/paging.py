"""Keyset pages: a page begins after the last document of the one before, however deep it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal[1, -1]
Order = Sequence[tuple[str, Direction]]


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents in order, and the place where the next page begins; None after the last."""

    documents: Sequence[dict[str, Any]]
    place: Sequence[Any] | None


def total_order(order: Order) -> Order:
    """The order with `_id` behind it, so that no two documents are equal in it."""
    if any(field == "_id" for field, _ in order):
        return order
    return (*order, ("_id", order[-1][1] if order else 1))


def place_of(document: Mapping[str, Any], order: Order) -> list[Any]:
    """Where a document lies in a total order."""
    return [document.get(field) for field, _ in order]


def beyond(order: Order, place: Sequence[Any]) -> dict[str, Any]:
    """What lies after a place: greater in one field, equal in all before it. Null is least; a missing field is null."""
    if len(place) != len(order) or any(isinstance(value, dict | list) for value in place):
        raise ValueError("a place doesn't fit its order")
    alternatives: list[dict[str, Any]] = []
    equal: dict[str, Any] = {}
    for (field, direction), value in zip(order, place, strict=True):
        alternatives.extend({**equal, **after} for after in _after(field, direction, value))
        equal = {**equal, field: {"$eq": value}}
    return {"$or": alternatives}


def _after(field: str, direction: Direction, value: Any) -> Sequence[dict[str, Any]]:
    if value is None:
        return ({field: {"$ne": None}},) if direction == 1 else ()
    if direction == 1:
        return ({field: {"$gt": value}},)
    # MongoDB compares within one type only: null, which comes last here, has to be named.
    return ({field: {"$lt": value}},) if field == "_id" else ({field: {"$lt": value}}, {field: {"$eq": None}})
