"""Sightline: see where a machine-learning model is wrong while its predictions are still streaming in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.client import ApiError, AsyncClient, Client, SightlineError

__version__ = "0.1.0"
__all__ = ["ApiError", "AsyncClient", "Client", "SightlineError", "__version__"]


def __getattr__(name: str) -> object:
    """The client, when it is asked for: `import sightline` alone loads nothing."""
    if name in __all__:
        from sightline import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
