"""Projects. Which one is read and written is up to the credential; others can only be made ready."""

from __future__ import annotations

from typing import Any

from sightline.client.answers import ProjectFacts
from sightline.client.asking import Call, Flow, get, part, write
from sightline.client.flows.catalog import only
from sightline.client.things import ProjectThing, Thing

Server = Thing[Any, Any]
Project = ProjectThing[Any]


def create_project(server: Server, name: str, description: str = "") -> Flow[ProjectFacts]:
    """A new project. Nothing can be written to it before there are API keys: this client's is `current`."""
    return (yield write("POST", "/v1/projects", ProjectFacts, {"name": name, "description": description}))


def project(server: Server, project_id: str) -> Flow[ProjectFacts]:
    """A project by id."""
    return (yield get(f"/v1/projects/{part(project_id)}", ProjectFacts))


def projects(server: Server, *, name: str | None = None) -> Call[ProjectFacts]:
    """Projects by name."""
    return get("/v1/projects", ProjectFacts, name=name)


def find_project(server: Server, name: str) -> Flow[ProjectFacts | None]:
    """The project of this name."""
    return (yield from only(projects(server, name=name)))


def rename(project: Project, name: str) -> Flow[None]:
    """Another name; the id stays."""
    project.facts = yield write("PATCH", _path(project), ProjectFacts, {"name": name})


def describe(project: Project, description: str) -> Flow[None]:
    """Another description; an empty one is none."""
    project.facts = yield write("PATCH", _path(project), ProjectFacts, {"description": description})


def delete(project: Project) -> Flow[None]:
    """Refused as long as it holds anything, and for `default`."""
    yield write("DELETE", _path(project))


def _path(project: Project) -> str:
    return f"/v1/projects/{project.project_id}"
