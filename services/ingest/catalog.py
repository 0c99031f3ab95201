"""The one path into the catalog: append a request, wait until it is decided and all rows are told, and answer."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import uuid4

from services.common.eventlog.port import EventLog, Message, MessageTooLarge
from services.common.eventlog.topics import CATALOG, SCHEMA_VERSION
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.clock import unix_ms
from services.common.runloop.loop import RunLoop
from services.common.runtime.errors import Problem
from services.common.runtime.tracing import traceparent
from services.ingest.handlers.catalog import fingerprint
from services.ingest.handlers.catalog_state import DECISIONS
from sightline.wire.events.v1.catalog_pb2 import CatalogRequest
from sightline.wire.events.v1.event_pb2 import Event

PATIENCE_SECONDS = 30.0

TITLES = {
    "not-found": "no such thing in this project",
    "step-missing": "something has to be done before this",
    "not-now": "not possible in the state that things are in",
    "invalid-request": "the request is not valid",
    "name-taken": "the name is taken",
    "project-not-empty": "the project is not empty",
    "default-project": "this project is always there",
    "import-open": "another import has to end first",
}


@dataclass(frozen=True, slots=True)
class Granted:
    """The answer to a request that was granted, or had been before."""

    status: int
    body: dict[str, Any]
    repeated: bool
    """An earlier request with this id was granted; this one changed nothing."""


def request_id(idempotency_key: str | None) -> str:
    """The id of a request: from the client's key, so that a retry is the same request, or a new one."""
    if idempotency_key is None:
        return uuid4().hex
    return "key-" + sha256(idempotency_key.encode()).hexdigest()[:32]


def proposed_id(prefix: str, project_id: str, request: str) -> str:
    """The id of what a request makes. The same request proposes the same id."""
    digest = sha256(f"{project_id}/{request}/{prefix}".encode()).digest()
    return f"{prefix}_{base64.b32encode(digest[:10]).decode().lower()}"


def key_reused() -> Problem:
    """A request that is another one than that which its Idempotency-Key belongs to."""
    detail = "this Idempotency-Key belongs to another request: use a new one"
    return Problem(422, "idempotency-key-reused", "not the same request", detail)


class Catalog:
    """Asks the catalog. Whichever process decides, the answer is the same."""

    def __init__(self, log: EventLog, store: ReadModel, loop: RunLoop, *, patience: float = PATIENCE_SECONDS) -> None:
        """`loop` is this process' loop over the catalog: it knows how far the group is, whoever decides."""
        self._log = log
        self._store = store
        self._loop = loop
        self._patience = patience

    async def ask(self, project_id: str, request: CatalogRequest) -> Granted:
        """What a request comes to. Raises the `Problem` that it came to otherwise."""
        event = Event(
            event_id=uuid4().hex,
            project_id=project_id,
            time_unix_ms=unix_ms(),
            producer="ingest",
            schema_version=SCHEMA_VERSION,
            traceparent=traceparent(),
            catalog_request=request,
        )
        try:
            positions = await self._log.append([Message(CATALOG, project_id.encode(), event.SerializeToString())])
        except MessageTooLarge:
            raise Problem(413, "too-large", "the request is too large", "nothing was made") from None
        if not await self._loop.passed(positions[0], timeout=self._patience):
            raise Problem(
                503,
                "catalog-slow",
                "the catalog has not answered in time",
                "the request is on the log and may still be granted: repeat it with the same Idempotency-Key",
                headers={"Retry-After": "5"},
            )
        decision = await self._store.get(DECISIONS, f"{project_id}/{request.request_id}")
        if decision is None:
            raise Problem(500, "internal", "the request could not be decided", "the dead letters say why")
        if decision["fingerprint"] != fingerprint(request):
            raise key_reused()
        if decision["problem"]:
            # A conflict passes; what is wrong with a request does not.
            headers = {"Retry-After": "2"} if decision["problem"] == "import-open" else None
            slug = decision["problem"]
            title = TITLES.get(slug, slug)
            raise Problem(decision["status"], slug, title, decision["detail"], headers=headers, **decision["body"])
        return Granted(decision["status"], decision["body"], decision["source_offset"] != positions[0].offset)
