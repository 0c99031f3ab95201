"""Projects. `default` is there without anybody making it; nothing is stored of it until something is said of one."""

from __future__ import annotations

import asyncio

from pydantic import Field

from services.common.readmodel.collections import DATASETS, MODEL_RUNS, MODELS
from services.common.runtime.errors import not_found
from services.query.answers import Answer, Page
from services.query.reads import Document, Reads
from sightline.domain.names import DEFAULT_PROJECT


class Project(Answer):
    """A project, to which everything else belongs."""

    project_id: str
    name: str
    description: str
    current: bool = Field(description="requests like this one read and write it")
    created_unix_ms: int | None = Field(description="null: it was there from the beginning")


class ProjectInFull(Project):
    """A project, and how much it holds."""

    datasets: int
    models: int
    model_runs: int


_IMPLICIT: Document = {
    "project_id": DEFAULT_PROJECT,
    "name": DEFAULT_PROJECT,
    "description": "",
    "created_unix_ms": None,
}


async def project(reads: Reads, project_id: str) -> ProjectInFull:
    """One project."""
    found = await reads.project(project_id)
    if found is None and project_id == DEFAULT_PROJECT:
        found = _IMPLICIT
    if found is None:
        raise not_found("project", "GET /v1/projects lists them")
    counted = await asyncio.gather(*(reads.held(project_id, each) for each in (DATASETS, MODELS, MODEL_RUNS)))
    datasets, models, model_runs = counted
    return ProjectInFull(**dict(_project(reads, found)), datasets=datasets, models=models, model_runs=model_runs)


async def projects(
    reads: Reads, *, name: str | None = None, page_size: int, page_token: str | None = None
) -> Page[Project]:
    """All projects by name, or the one of that name."""
    documents, token = await reads.projects(name=name, page_size=page_size, page_token=page_token)
    # From the first one that was made on, `default` is stored as well.
    if not documents and name in (None, DEFAULT_PROJECT) and await reads.project(DEFAULT_PROJECT) is None:
        documents = [_IMPLICIT]
    return Page(items=[_project(reads, document) for document in documents], next_page_token=token)


def _project(reads: Reads, document: Document) -> Project:
    return Project(
        project_id=document["project_id"],
        name=document["name"],
        description=document["description"],
        current=document["project_id"] == reads.project_id,
        created_unix_ms=document["created_unix_ms"],
    )
