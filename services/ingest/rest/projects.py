"""Projects over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.ingest.rest.answers import CHANGE, CREATE, IdInPath, Key, granted, problems
from services.ingest.service import Ingest
from sightline.domain.catalog import Project, ProjectAsked, ProjectChanges, ProjectDeleted
from sightline.domain.names import DEFAULT_PROJECT


def routes_of_projects(ingest: Ingest) -> APIRouter:
    """The routes by which projects are made and changed."""
    routes = APIRouter(prefix="/v1", tags=["catalog"])
    project = DEFAULT_PROJECT

    @routes.post("/projects", summary="Make a project", status_code=201, response_model=Project, responses=CREATE)
    async def create_project(asked: ProjectAsked, key: Key = None) -> Response:
        """It is empty, and stays so for now: which project a request reads and writes is up to its credential.

        Without API keys, which this version doesn't have, that is always `default`, the one with `current`.
        """
        return granted(await ingest.create_project(project, asked, key))

    @routes.patch(
        "/projects/{project_id}",
        summary="Change the name or the description of a project",
        response_model=Project,
        responses=CHANGE,
    )
    async def change_project(project_id: IdInPath, asked: ProjectChanges, key: Key = None) -> Response:
        """Its id stays."""
        return granted(await ingest.change_project(project, project_id, asked, key))

    @routes.delete(
        "/projects/{project_id}",
        summary="Delete a project that holds nothing",
        response_model=ProjectDeleted,
        responses=problems(
            _404="There is no such project.",
            _409="It holds something: `holds` counts it, `next` says how it is deleted. Or it is `default`.",
        ),
    )
    async def delete_project(project_id: IdInPath, key: Key = None) -> Response:
        """Its name is free again, its id never is. `default` can't be deleted."""
        return granted(await ingest.delete_project(project, project_id, key))

    return routes
