"""What the routes of ingest share: parameters, problems and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Header, Path, Response
from fastapi.responses import JSONResponse

from services.common.runtime.errors import Problem
from services.ingest.catalog import Granted
from services.ingest.importing.jobs import Ended
from sightline.domain.names import ID_PATTERN

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Of the client's choosing: the same request again under the same key is done once; another: 422.",
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
        "missing": {"type": "string", "description": "What has to be there first.", "examples": ["data rows"]},
        "holds": {"type": "object", "description": "What stands in the way of a deletion, and how much of it."},
        "next": {
            "type": "object",
            "description": "The call that mends it, over HTTP and by command.",
            "properties": {"http": {"type": "string"}, "command": {"type": "string"}},
        },
    },
}


def problems(**what: str) -> dict[int | str, dict[str, Any]]:
    """The problems of a route, for OpenAPI."""
    content = {"application/problem+json": {"schema": PROBLEM}}
    return {int(status[1:]): {"description": text, "content": content} for status, text in what.items()}


NO_JSON = {"_400": "The body is not JSON: `detail` has line and column.", "_415": "The body is not said to be JSON."}
CREATE = problems(
    **NO_JSON,
    _404="Something that is named is not there: `next` says how it is made.",
    _409="The name is taken, or a step before this one is missing: `next` says how it is done.",
    _422="Not valid.",
)
CHANGE = problems(**NO_JSON, _404="There is no such thing.", _409="The name is taken.", _422="Not valid.")
DELETE = problems(_404="There is no such thing.", _409="Something rests on it.")


def granted(granted: Granted) -> Response:
    """What the catalog decided, as an answer."""
    return JSONResponse(granted.body, granted.status)


def ended(ended: Ended) -> Response:
    """How an import ended, as an answer."""
    if ended.status >= 400:
        detail = ended.body["failure"] or ""
        headers = {"Retry-After": "5"} if ended.status == 503 else None
        raise Problem(ended.status, "import-failed", "the import failed", detail, headers=headers, **ended.body)
    return JSONResponse(ended.body)
