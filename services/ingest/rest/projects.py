"""Projects over HTTP. There is one."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.common.runtime.errors import Problem
from services.ingest.rest.answers import problems
from sightline.domain.names import DEFAULT_PROJECT


def routes_of_projects() -> APIRouter:
    """The route by which projects will be made."""
    routes = APIRouter(prefix="/v1", tags=["catalog"])

    @routes.post("/projects", summary="Make a project", responses=problems(_409="There is one project."))
    async def create_project() -> Response:
        """There is one, `default`, to which everything belongs: others need keys that tell who may read what."""
        detail = "everything belongs to the project `default`: others come with API keys, which this version has not"
        raise Problem(409, "one-project", "there is one project", detail, existing_id=DEFAULT_PROJECT)

    return routes
