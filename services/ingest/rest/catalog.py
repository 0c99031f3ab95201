"""The catalog over HTTP: ontologies, datasets and their versions, models, runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Response

from services.ingest.rest.answers import CREATE, IdInPath, Key, granted, problems
from services.ingest.service import Ingest
from sightline.domain.catalog import (
    ClassesAsked,
    CommitAsked,
    Dataset,
    DatasetAsked,
    DatasetVersion,
    Model,
    ModelAsked,
    ModelRun,
    ModelRunAsked,
    Ontology,
    OntologyAsked,
)
from sightline.domain.names import DEFAULT_PROJECT


def routes_of_catalog(ingest: Ingest) -> APIRouter:
    """The routes by which things of the catalog are made and changed."""
    routes = APIRouter(prefix="/v1")
    project = DEFAULT_PROJECT

    @routes.post(
        "/ontologies",
        summary="Make an ontology",
        tags=["catalog"],
        status_code=201,
        response_model=Ontology,
        responses=CREATE,
    )
    async def create_ontology(asked: OntologyAsked, key: Key = None) -> Response:
        """Class ids count from 1 in the order given."""
        return granted(await ingest.create_ontology(project, asked, key))

    @routes.post(
        "/ontologies/{ontology_id}/versions",
        summary="Add classes to an ontology",
        tags=["catalog"],
        status_code=201,
        response_model=Ontology,
        responses={200: {"model": Ontology, "description": "All of them were there."}, **CREATE},
    )
    async def add_classes(ontology_id: IdInPath, asked: ClassesAsked, key: Key = None) -> Response:
        """Adds the classes that are missing, as a new version, and answers with the latest."""
        return granted(await ingest.add_classes(project, ontology_id, asked.classes, key))

    @routes.post(
        "/datasets",
        summary="Make a dataset",
        tags=["catalog"],
        status_code=201,
        response_model=Dataset,
        responses=CREATE,
    )
    async def create_dataset(asked: DatasetAsked, key: Key = None) -> Response:
        """It begins with an empty draft, version 1."""
        return granted(await ingest.create_dataset(project, asked, key))

    @routes.post(
        "/datasets/{dataset_id}/versions:commit",
        summary="Commit the draft of a dataset",
        tags=["catalog"],
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

    @routes.post(
        "/models", summary="Make a model", tags=["catalog"], status_code=201, response_model=Model, responses=CREATE
    )
    async def create_model(asked: ModelAsked, key: Key = None) -> Response:
        """A model has an ontology, and any number of runs."""
        return granted(await ingest.create_model(project, asked, key))

    @routes.post(
        "/model-runs",
        summary="Make a run of a model",
        tags=["catalog"],
        status_code=201,
        response_model=ModelRun,
        responses=CREATE,
    )
    async def create_model_run(asked: ModelRunAsked, key: Key = None) -> Response:
        """Its name is unique for its model; it is measured on one version of one dataset."""
        return granted(await ingest.create_model_run(project, asked, key))

    return routes
