"""What the driver raises, for whoever may not know the driver."""

from __future__ import annotations

from pymongo.errors import ConnectionFailure, PyMongoError

OUTAGES: tuple[type[Exception], ...] = (ConnectionFailure,)

STORE_ERRORS: tuple[type[Exception], ...] = (PyMongoError,)
"""All that the driver raises, refusals of a MongoDB that answers among them."""
