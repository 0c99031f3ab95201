"""What a catalog request comes to, and how that is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from services.ingest.handlers.catalog_state import IMPORTS, CatalogState, Fields
from sightline.domain.json_values import json_fault
from sightline.domain.steps import Step
from sightline.wire.events.v1.markers_pb2 import Marker


@dataclass(frozen=True, slots=True)
class Decision:
    """What a request came to. `status`, `problem`, `detail` and `body` make its answer; `marker` goes to all rows."""

    outcome: Literal["created", "exists", "conflict", "refused", "done"]
    status: int
    body: Fields
    problem: str = ""
    """The stable name of the problem, where there is one."""
    detail: str = ""
    marker: Marker | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Who asks, when, and where the request lies in `catalog`."""

    project_id: str
    time_unix_ms: int
    offset: int


def refused(status: int, detail: str, mended_by: Step | None = None) -> Decision:
    """The request can't be granted as it is."""
    problem = {404: "not-found", 409: "not-now", 422: "invalid-request"}[status]
    return Decision("refused", status, mended_by.hint() if mended_by else {}, problem, detail)


def absent(step: Step) -> Decision:
    """What the request rests on is not there; how it is made."""
    return refused(404, f"there is no such {step.makes}", step)


def step_missing(step: Step, detail: str) -> Decision:
    """Something has to be done before."""
    return Decision("refused", 409, step.hint(), "step-missing", detail)


def taken(detail: str, existing_id: str) -> Decision:
    """Something else has the name."""
    return Decision("conflict", 409, {"existing_id": existing_id}, "name-taken", detail)


def import_open(detail: str, import_id: str) -> Decision:
    """An import stands in the way until it ends."""
    return Decision("conflict", 409, {"existing_id": import_id}, "import-open", detail)


def shown(document: Mapping[str, Any], *fields: str) -> Fields:
    """Some fields of a document, as answers show them."""
    return {field: document[field] for field in fields}


def parsed_config(config_json: bytes) -> Fields | None:
    """A config from the wire; None where it is no JSON object that can be kept."""
    try:
        config: Any = json.loads(config_json) if config_json else {}
    except ValueError:
        return None
    return cast(Fields, config) if isinstance(config, dict) and not json_fault(config) else None


def fail_open_imports(catalog: CatalogState, at: Place, reason: str, **of: object) -> list[str]:
    """End the imports of what is deleted: their processes notice, and stop. Their ids, for those that write still."""
    open_imports = catalog.find(IMPORTS, project_id=at.project_id, state="RUNNING", **of)
    for document in open_imports:
        catalog.put(IMPORTS, {**document, "state": "FAILED", "failure": reason, "ended_unix_ms": at.time_unix_ms})
    return [document["import_id"] for document in open_imports]
