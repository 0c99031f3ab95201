"""Dead letters, as clients speak of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sightline.domain.names import DEAD_LETTER_ID_PATTERN

MOST_AT_ONCE = 1000

State = Literal["open", "replaying", "replayed", "dropped"]
Named = Annotated[str | None, Field(max_length=500)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DeadLetterFilter(_Asked):
    """Which dead letters; what isn't said may be anything."""

    topic: Named = None
    group: Named = None
    bug: bool | None = None
    dataset_id: Named = None
    run_id: Named = None


class DecisionAsked(_Asked):
    """A decision about a dead letter."""

    note: str = Field(default="", max_length=1000, description="Why, for those who look later.")


class DecisionsAsked(DecisionAsked):
    """A decision about all open dead letters that a filter names, oldest first."""

    filter: DeadLetterFilter = DeadLetterFilter()
    after: str | None = Field(
        default=None, pattern=DEAD_LETTER_ID_PATTERN, description="`next` of the answer before: go on from there."
    )
    limit: int = Field(default=200, strict=True, ge=1, le=MOST_AT_ONCE)


class Decided(BaseModel):
    """What became of a dead letter."""

    dead_letter_id: str
    what: Literal["replayed", "refused", "dropped", "not_replayable", "gone", "closed"] = Field(
        description="`refused`: once more, and open again. `not_replayable`, `gone` (its bytes are no longer on the "
        "log): it can only be dropped. `closed`: somebody else has decided, or is about to."
    )
    state: State
    detail: str = Field(description="Why it was refused or passed over, or can't be replayed.")
    applied: bool | None = Field(
        description="False: refused, or passed over, as what it is about was deleted. Null: not known yet; a refusal "
        "that comes later opens it again."
    )
    added: int | None = Field(description="Predictions, or rows, or truths of rows, that were not there.")
    there: int | None = Field(description="Those that were there, and stay as they are.")
    identities: list[str] = Field(description="Of predictions that were there, the first 100.")


class AllDecided(BaseModel):
    """What became of dead letters; `next` is null at the end."""

    items: list[Decided]
    next: str | None
