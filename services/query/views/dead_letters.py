"""Dead letters: what consumers have put aside, where it came from and why, and what became of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from services.common.readmodel.collections import DEAD_LETTERS
from services.common.runtime.errors import not_found
from services.query.answers import Answer, Page
from services.query.reads import Document, Reads

State = Literal["open", "replaying", "replayed", "dropped"]


class Header(Answer):
    """A header of the producer's own."""

    name: str
    value: str


class DeadLetterOutcome(Answer):
    """What was done about a letter last."""

    what: Literal["replayed", "refused", "dropped"] = Field(description="refused: replayed, and refused once more")
    at_unix_ms: int
    note: str = Field(description="what the one who decided said")
    event_id: str | None = Field(description="id of the event that was put back")
    added: int | None = Field(description="predictions, or rows, or truths of rows, that were not there")
    there: int | None = Field(description="those that were there, and stayed as they were")
    identities: list[str] = Field(description="of predictions that were there, the first 100")
    refused_as: str | None = Field(description="where the replay lies among the dead letters, if it was refused")


class DeadLetter(Answer):
    """An event that could never be applied."""

    dead_letter_id: str
    state: State
    topic: str
    partition: int
    record_offset: int = Field(description="where it lies in its topic")
    group: str = Field(description="the consumer group that put it aside")
    reason: str
    bug: bool = Field(description="whether the fault is the consumer's, not the event's")
    key: str
    size: int = Field(description="bytes of key and value")
    time_unix_ms: int = Field(description="when it was put aside")
    payload: str | None = Field(description="what kind of event it is; null where none can be read")
    event_id: str | None
    dataset_id: str | None
    run_id: str | None
    bytes_gone: bool = Field(description="whether the log was found to have forgotten it: it can only be dropped")
    outcome: DeadLetterOutcome | None = Field(description="what was done about it last")


class DeadLetterInFull(DeadLetter):
    """With what can be shown of the event."""

    event: dict[str, Any] | None = Field(description="the first five entries of every column and list")
    begins: str | None = Field(description="the first bytes, in hex, where no event can be read")
    headers: list[Header] = Field(description="the producer's own")


async def dead_letters(
    reads: Reads,
    *,
    state: State | None = None,
    topic: str | None = None,
    group: str | None = None,
    bug: bool | None = None,
    dataset_id: str | None = None,
    run_id: str | None = None,
    page_size: int = 100,
    page_token: str | None = None,
) -> Page[DeadLetter]:
    """Dead letters, the newest first."""
    equal = {"state": state, "topic": topic, "group": group, "bug": bug, "dataset_id": dataset_id, "run_id": run_id}
    found, token = await reads.listing(
        DEAD_LETTERS, equal, order=(("offset", -1),), page_size=page_size, page_token=page_token
    )
    return Page(items=[DeadLetter(**_fields(document)) for document in found], next_page_token=token)


async def dead_letter(reads: Reads, dead_letter_id: str) -> DeadLetterInFull:
    """One dead letter."""
    document = await reads.one(DEAD_LETTERS, dead_letter_id)
    if document is None:
        raise not_found("dead letter", "GET /v1/dead-letters lists those of this project")
    shown = {field: document[field] for field in ("event", "begins", "headers")}
    return DeadLetterInFull(**_fields(document), **shown)


def _fields(document: Document) -> dict[str, Any]:
    outcome = document["outcome"]
    fields = {field: document[field] for field in DeadLetter.model_fields if field != "outcome"}
    return {**fields, "outcome": None if outcome is None else DeadLetterOutcome(**{**_NOTHING, **outcome})}


_NOTHING: dict[str, Any] = {"added": None, "there": None, "identities": []}
