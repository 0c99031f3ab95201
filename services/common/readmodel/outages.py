"""What the driver raises when MongoDB can't be reached, for whoever has to say so in other words."""

from __future__ import annotations

from pymongo.errors import ConnectionFailure

OUTAGES: tuple[type[Exception], ...] = (ConnectionFailure,)
