"""Reads of what was put aside, and the description of the log that it came from."""

from __future__ import annotations

from pathlib import Path as File
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import FileResponse

from services.query import documentation
from services.query.answers import Page
from services.query.rest.parameters import PageSize, PageToken, Text, json
from services.query.sources import Sources
from services.query.views import dead_letters as view

ASYNCAPI = File(__file__).parents[1] / "asyncapi.yaml"


def dead_letters(sources: Sources) -> APIRouter:
    """Dead letters, and the topics of the log."""
    router = APIRouter(responses=documentation.PROBLEMS)
    reads = sources.reads

    @router.get("/v1/dead-letters", response_model=Page[view.DeadLetter], tags=["dead letters"])
    async def list_dead_letters(
        state: Annotated[view.State | None, Query(description="only those in this state")] = None,
        topic: Text = None,
        group: Text = None,
        bug: Annotated[bool | None, Query(description="only faults of consumers, or only of events")] = None,
        dataset_id: Text = None,
        run_id: Text = None,
        page_size: PageSize = 100,
        page_token: PageToken = None,
    ) -> Response:
        """Events that can never be applied, the newest first. Each is there until somebody replays or drops it."""
        found = await view.dead_letters(
            reads,
            state=state,
            topic=topic,
            group=group,
            bug=bug,
            dataset_id=dataset_id,
            run_id=run_id,
            page_size=page_size,
            page_token=page_token,
        )
        return json(found)

    @router.get("/v1/dead-letters/{dead_letter_id}", response_model=view.DeadLetterInFull, tags=["dead letters"])
    async def get_dead_letter(
        dead_letter_id: Annotated[str, Path(max_length=30, examples=["dl_17"])],
    ) -> Response:
        """One of them, with the first entries of what its event says."""
        return json(await view.dead_letter(reads, dead_letter_id))

    @router.get("/asyncapi.yaml", response_class=FileResponse, include_in_schema=False)
    async def get_asyncapi() -> Response:
        """The topics of the log and what may be on them, as an AsyncAPI document."""
        return FileResponse(ASYNCAPI, media_type="application/yaml")

    return router
