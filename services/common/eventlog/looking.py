"""A log, looked at from outside: nothing is made, and no topics need to be known before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """What is there."""

    partitions: Mapping[str, int]
    """How many, by topic; nothing where there is no log yet."""
    users: tuple[str, ...] = ()
    """Who reads it now, in words."""
