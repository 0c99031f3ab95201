"""HTTP: reads from the views, writes to ingest, and nothing but transport."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from services.common.runtime.errors import not_found
from services.query import documentation, page
from services.query.openapi import Writes
from services.query.passthrough import Ingest
from services.query.rest.catalog import catalog
from services.query.rest.data_rows import rows_of_datasets
from services.query.rest.dead_letters import dead_letters
from services.query.rest.jobs import jobs
from services.query.rest.runs import model_runs
from services.query.rest.turning import Turn, Turning
from services.query.sources import Sources
from services.query.views import runs

Routers = list[APIRouter]


def describe(app: FastAPI, writes: Writes, turn: Turn | None = None) -> None:
    """Title and words of the whole API, writes included. `turn`: which app requests go to instead, later."""
    if turn is not None:
        app.add_middleware(Turning, turn=turn)
    app.title = "Sightline"
    app.description = documentation.DESCRIPTION
    app.openapi_tags = documentation.TAGS
    reads = app.openapi
    app.openapi = lambda: writes.add_to(reads())


class _Unheard(StreamingResponse):
    """A stream that leaves what still comes of the request alone: that may be all of an upload."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send."""
        await self.stream_response(send)


def reading(sources: Sources) -> APIRouter:
    """All questions."""
    router = APIRouter()
    for routes in (catalog, rows_of_datasets, model_runs, jobs, dead_letters):
        router.include_router(routes(sources))
    return router


def writing(ingest: Ingest) -> APIRouter:
    """All writes: passed on to ingest as they come, streamed both ways."""
    router = APIRouter()

    @router.api_route("/v1/{path:path}", methods=["POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def pass_on(request: Request) -> Response:
        target: bytes = request.scope["raw_path"]
        if request.scope["query_string"]:
            target += b"?" + request.scope["query_string"]
        try:
            passed = await ingest.pass_on(request.method, target, request.headers.raw, request.stream())
        except ClientDisconnect:
            return Response(status_code=499)
        response = _Unheard(passed.body, passed.status)
        response.raw_headers = passed.headers
        return response

    @router.get("/v1/{path:path}", include_in_schema=False)
    async def nowhere(path: str) -> Response:
        raise not_found("path", "/docs lists what there is")

    return router


def front(sources: Sources) -> APIRouter:
    """The page that people see first."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index() -> Response:
        found = await runs.runs(sources.reads, page_size=50)
        return HTMLResponse(page.render(found.items), headers=page.HEADERS)

    return router
