"""Datasets and their versions over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response

from services.ingest.rest.answers import CHANGE, CREATE, DELETE, IdInPath, Key, granted, problems
from services.ingest.service import Ingest
from sightline.domain.catalog import (
    CommitAsked,
    Dataset,
    DatasetAsked,
    DatasetDeleted,
    DatasetVersion,
    DatasetVersionDeleted,
    NameChanges,
)
from sightline.domain.names import DEFAULT_PROJECT


def routes_of_datasets(ingest: Ingest) -> APIRouter:
    """The routes by which datasets are made and changed."""
    routes = APIRouter(prefix="/v1", tags=["catalog"])
    project = DEFAULT_PROJECT

    @routes.post("/datasets", summary="Make a dataset", status_code=201, response_model=Dataset, responses=CREATE)
    async def create_dataset(asked: DatasetAsked, key: Key = None) -> Response:
        """It begins with an empty draft, version 1."""
        return granted(await ingest.create_dataset(project, asked, key))

    @routes.patch("/datasets/{dataset_id}", summary="Rename a dataset", response_model=Dataset, responses=CHANGE)
    async def rename_dataset(dataset_id: IdInPath, asked: NameChanges, key: Key = None) -> Response:
        """Its id stays."""
        return granted(await ingest.rename_dataset(project, dataset_id, asked.name, key))

    @routes.delete(
        "/datasets/{dataset_id}",
        summary="Delete a dataset with all that belongs to it",
        response_model=DatasetDeleted,
        responses=DELETE,
    )
    async def delete_dataset(dataset_id: IdInPath, key: Key = None) -> Response:
        """With its data rows, truth, versions and runs. Answered when every row partition has been told.

        What still comes for it is passed over. Its name is free again, its id never is.
        """
        return granted(await ingest.delete_dataset(project, dataset_id, key))

    @routes.post(
        "/datasets/{dataset_id}/versions:commit",
        summary="Commit the draft of a dataset",
        status_code=201,
        response_model=DatasetVersion,
        responses={
            200: {"model": DatasetVersion, "description": "That version is committed already."},
            **problems(_404="There is no such dataset.", _409="An import of truth is open, or it isn't the draft."),
        },
    )
    async def commit_version(
        dataset_id: IdInPath, asked: Annotated[CommitAsked | None, Body()] = None, key: Key = None
    ) -> Response:
        """Answered when every row partition has been told: truth that is sent afterwards belongs to the next draft."""
        return granted(await ingest.commit_version(project, dataset_id, asked.version if asked else None, key))

    @routes.delete(
        "/datasets/{dataset_id}/versions/{version}",
        summary="Delete a committed version with the runs that are measured on it",
        response_model=DatasetVersionDeleted,
        responses=problems(_404="There is no such dataset or version.", _409="It is the draft."),
    )
    async def delete_version(
        dataset_id: IdInPath, version: Annotated[int, Path(ge=1, le=2**31 - 1)], key: Key = None
    ) -> Response:
        """The draft can't be deleted. The number of a deleted version never returns."""
        return granted(await ingest.delete_version(project, dataset_id, version, key))

    return routes
