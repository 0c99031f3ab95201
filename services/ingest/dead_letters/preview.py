"""An event as people can read it: the first entries of every column, and never more than a page."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from sightline.identity import IDENTITY_BYTES

ENTRIES = 5
CHARACTERS = 300

_COLUMNS = {
    "class_ids": ("<i4", 1),
    "boxes": ("<f8", 4),
    "areas": ("<f8", 1),
    "confidences": ("<f8", 1),
    "crowds": ("u1", 1),
    "annotation_ids": ("<i8", 1),
}


def preview(message: Message) -> dict[str, Any]:
    """What is set in a message. Of columns and lists the first entries; texts are cut."""
    return {field.name: _value(field, value) for field, value in message.ListFields()}


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {str(key): each for key, each in _first(value.items())}
    if field.is_repeated:
        return [_single(field, each) for each in _first(value)]
    return _single(field, value)


def _single(field: FieldDescriptor, value: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return preview(value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _packed(field.name, value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else value
    return value[:CHARACTERS] if isinstance(value, str) else value


def _packed(name: str, value: bytes) -> Any:
    if name == "uuids":
        return [value[i : i + IDENTITY_BYTES].hex() for i in range(0, len(value), IDENTITY_BYTES)[:ENTRIES]]
    if name not in _COLUMNS:
        return value[:CHARACTERS].decode(errors="replace")
    kind, width = _COLUMNS[name]
    size = np.dtype(kind).itemsize * width
    whole = value[: min(len(value) // size, ENTRIES) * size]
    entries = np.frombuffer(whole, kind).reshape(-1, width).tolist()
    return [[_number(each) for each in entry] if width > 1 else _number(entry[0]) for entry in entries]


def _number(value: float) -> float | str:
    """JSON has no NaN, and a faulty number is what people look for."""
    return value if math.isfinite(value) else str(value)


def _first(values: Iterable[Any]) -> list[Any]:
    return [value for _, value in zip(range(ENTRIES), values, strict=False)]
