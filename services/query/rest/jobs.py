"""Reads of imports, and of how the server is doing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from services.query import documentation
from services.query.answers import Answer, Page
from services.query.rest.parameters import PageSize, PageToken, Text, json
from services.query.sources import Sources
from services.query.views import imports, status


def jobs(sources: Sources) -> APIRouter:
    """Imports and status."""
    router = APIRouter(prefix="/v1", responses=documentation.PROBLEMS)
    reads = sources.reads

    @router.get("/imports", response_model=Page[imports.ImportJob], tags=["imports"])
    async def list_imports(
        run_id: Text = None,
        dataset_id: Text = None,
        state: Annotated[imports.State | None, Query(description="only those in this state")] = None,
        format: Annotated[
            imports.Format | None, Query(description="only those of this format; it says what is imported, too")
        ] = None,
        page_size: PageSize = 100,
        page_token: PageToken = None,
    ) -> Response:
        """Imports, the newest first; `rejections` are those of one import alone."""
        found = await imports.import_jobs(
            sources,
            run_id=run_id,
            dataset_id=dataset_id,
            state=state,
            format=format,
            page_size=page_size,
            page_token=page_token,
        )
        return json(found)

    @router.get("/imports/{job}", response_model=imports.ImportJobInFull, tags=["imports"])
    async def get_import(
        job: Annotated[str, Path(max_length=200)],
        wait: Annotated[
            float,
            Query(
                ge=0,
                le=imports.LONGEST_WAIT,
                description="answer when it is measured or failed, or after so many seconds",
            ),
        ] = 0,
    ) -> Response:
        """An import: accepted, rejected, and whether the run's numbers rest on all of it."""
        return json(await imports.import_job(sources, job, wait=wait))

    @router.get(
        "/imports/{job}/errors",
        response_class=StreamingResponse,
        responses=documentation.NDJSON_ERRORS,
        tags=["imports"],
    )
    async def list_import_errors(job: Annotated[str, Path(max_length=200)]) -> Response:
        """Rejected items, one JSON object a line, in the order of the file: the first 100,000 that were found."""
        return StreamingResponse(_lines(await imports.import_errors(reads, job)), media_type="application/x-ndjson")

    @router.get("/status", response_model=status.Status, tags=["status"])
    async def get_status() -> Response:
        """Services, how far the row groups are, and how fresh the newest runs."""
        return json(await status.status(sources))

    return router


async def _lines(answers: AsyncIterator[Answer]) -> AsyncIterator[bytes]:
    async for answer in answers:
        yield answer.__pydantic_serializer__.to_json(answer) + b"\n"
