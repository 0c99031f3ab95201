"""Which JSON is kept: what every store and every language that meets it can hold."""

from __future__ import annotations

import math
from typing import Any, cast

DEPTH_LIMIT = 32
_LONG = 2**63


def json_fault(value: Any) -> str | None:
    """What can't be kept of a JSON value; None when all of it can."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > DEPTH_LIMIT:
            return f"It is nested deeper than {DEPTH_LIMIT} levels."
        match item:
            case bool() | None:
                pass
            case int() if not -_LONG <= item < _LONG:
                return "It has an integer that needs more than 64 bits."
            case float() if not math.isfinite(item):
                return "It has a number that is not finite."
            case str() if not _whole(item):
                return "It has a text that is not Unicode."
            case dict():
                for key, inner in cast(dict[Any, Any], item).items():
                    if not isinstance(key, str) or "\0" in key or not _whole(key):
                        return "It has a key that can't be kept."
                    waiting.append((inner, depth + 1))
            case list():
                waiting.extend((inner, depth + 1) for inner in cast(list[Any], item))
            case _:
                pass
    return None


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
