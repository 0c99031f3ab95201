"""Paths with a row's key in them, which may hold slashes: what was percent-encoded is the key's."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi.routing import APIRoute
from starlette.routing import Match


class KeyedRoute(APIRoute):
    """A route that may end in a word behind a key. The word counts only where its slash was sent as one.

    Servers decode paths before they look for a route: `a%2Fasset`, a row, would be the asset of the row `a`.
    """

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        """Whether a request is for this route."""
        match, child = super().matches(scope)
        last = self.path.rpartition("/")[2]
        sent: bytes = scope.get("raw_path") or b"/" + last.encode()
        if (
            match != Match.NONE
            and not last.endswith("}")
            and unquote_to_bytes(sent.rpartition(b"/")[2]) != last.encode()
        ):
            return Match.NONE, {}
        return match, child
