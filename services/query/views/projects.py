"""Projects. There is one: others come with keys that tell who may read what."""

from __future__ import annotations

from services.common.runtime.errors import not_found
from services.query.answers import Answer, Page
from services.query.reads import Reads


class Project(Answer):
    """A project, to which everything else belongs."""

    project_id: str
    name: str


def project(reads: Reads, project_id: str) -> Project:
    """One project."""
    if project_id != reads.project_id:
        raise not_found("project", "GET /v1/projects lists those that you may read")
    return Project(project_id=project_id, name=project_id)


def projects(reads: Reads) -> Page[Project]:
    """All projects."""
    return Page(items=[project(reads, reads.project_id)])
