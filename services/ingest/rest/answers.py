"""What the routes of ingest share: parameters, problems and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Header, Path, Response
from fastapi.responses import JSONResponse

from services.ingest.catalog import Granted
from sightline.domain.names import ID_PATTERN

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Of the client's choosing: the same request again under the same key is done once.",
    ),
]
IdInPath = Annotated[str, Path(min_length=1, max_length=64, pattern=ID_PATTERN)]

PROBLEM: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "existing_id": {"type": "string", "description": "On a conflict: what is there already, or is still open."},
    },
}


def problems(**what: str) -> dict[int | str, dict[str, Any]]:
    """The problems of a route, for OpenAPI."""
    content = {"application/problem+json": {"schema": PROBLEM}}
    return {int(status[1:]): {"description": text, "content": content} for status, text in what.items()}


CREATE = problems(_404="Something that is named is not there.", _409="The name is taken.", _422="Not valid.")


def granted(granted: Granted) -> Response:
    """What the catalog decided, as an answer."""
    return JSONResponse(granted.body, granted.status)
