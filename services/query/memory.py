"""What is remembered as long as there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class LeastRecentlyUsed(Generic[Value]):
    """Values by key, with a limit on the sum of their sizes: what was used longest ago goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        """The value, now the most recently used."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Keep a value. One that is over the limit alone is not kept."""
        _, before = self._values.pop(key, (None, 0))
        self._values[key] = value, size
        self._held += size - before
        while self._held > self._limit:
            _, (_, dropped) = self._values.popitem(last=False)
            self._held -= dropped
