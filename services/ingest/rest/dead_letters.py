"""Decisions about dead letters over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse

from services.ingest.dead_letters import DeadLetters
from services.ingest.rest.answers import problems
from sightline.domain.dead_letters import AllDecided, Decided, DecisionAsked, DecisionsAsked
from sightline.domain.names import DEAD_LETTER_ID_PATTERN, DEFAULT_PROJECT

LetterId = Annotated[str, Path(pattern=DEAD_LETTER_ID_PATTERN, examples=["dl_17"])]

_ONE = problems(
    _404="There is no such dead letter.",
    _409="It is not open, or can only be dropped: `detail` says why.",
    _410="Its bytes are no longer on the log: it can only be dropped.",
)


def routes_of_dead_letters(letters: DeadLetters) -> APIRouter:
    """The routes by which dead letters are put back or dropped. Those that only look are the query service's."""
    routes = APIRouter(prefix="/v1", tags=["dead letters"])
    project = DEFAULT_PROJECT

    @routes.post("/dead-letters:replay", summary="Put events back", response_model=AllDecided)
    async def replay_dead_letters(asked: DecisionsAsked) -> Response:
        """All open ones that the filter names, oldest first, up to the limit; `next` says where to go on.

        Each adds only what is not there. Those that can't be replayed stay open, and the answer says why.
        """
        return JSONResponse(
            await letters.replay_all(project, asked.filter, asked.note, after=asked.after, limit=asked.limit)
        )

    @routes.post("/dead-letters:drop", summary="Drop events for good", response_model=AllDecided)
    async def drop_dead_letters(asked: DecisionsAsked) -> Response:
        """All open ones that the filter names, oldest first, up to the limit; `next` says where to go on."""
        return JSONResponse(
            await letters.drop_all(project, asked.filter, asked.note, after=asked.after, limit=asked.limit)
        )

    @routes.post(
        "/dead-letters/{letter_id}:replay", summary="Put an event back", response_model=Decided, responses=_ONE
    )
    async def replay_dead_letter(letter_id: LetterId, asked: DecisionAsked | None = None) -> Response:
        """It adds only what is not there; answered when its consumer has come past it.

        Refused once more, it is open again with the reason that holds now.
        """
        return JSONResponse(await letters.replay(project, letter_id, asked.note if asked else ""))

    @routes.post(
        "/dead-letters/{letter_id}:drop", summary="Drop an event for good", response_model=Decided, responses=_ONE
    )
    async def drop_dead_letter(letter_id: LetterId, asked: DecisionAsked | None = None) -> Response:
        """It is closed. Its bytes stay on the log."""
        return JSONResponse(await letters.drop(project, letter_id, asked.note if asked else ""))

    return routes
