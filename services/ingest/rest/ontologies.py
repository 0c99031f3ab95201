"""Ontologies over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.ingest.rest.answers import CHANGE, CREATE, DELETE, IdInPath, Key, granted
from services.ingest.service import Ingest
from sightline.domain.catalog import ClassesAsked, NameChanges, Ontology, OntologyAsked, OntologyDeleted
from sightline.domain.names import DEFAULT_PROJECT


def routes_of_ontologies(ingest: Ingest) -> APIRouter:
    """The routes by which ontologies are made and changed."""
    routes = APIRouter(prefix="/v1", tags=["catalog"])
    project = DEFAULT_PROJECT

    @routes.post("/ontologies", summary="Make an ontology", status_code=201, response_model=Ontology, responses=CREATE)
    async def create_ontology(asked: OntologyAsked, key: Key = None) -> Response:
        """Class ids count from 1 in the order given."""
        return granted(await ingest.create_ontology(project, asked, key))

    @routes.post(
        "/ontologies/{ontology_id}/versions",
        summary="Add classes to an ontology",
        status_code=201,
        response_model=Ontology,
        responses={200: {"model": Ontology, "description": "All of them were there."}, **CREATE},
    )
    async def add_classes(ontology_id: IdInPath, asked: ClassesAsked, key: Key = None) -> Response:
        """Adds the classes that are missing, as a new version, and answers with the latest."""
        return granted(await ingest.add_classes(project, ontology_id, asked.classes, key))

    @routes.patch("/ontologies/{ontology_id}", summary="Rename an ontology", response_model=Ontology, responses=CHANGE)
    async def rename_ontology(ontology_id: IdInPath, asked: NameChanges, key: Key = None) -> Response:
        """Classes are added by new versions; those that are there never change."""
        return granted(await ingest.rename_ontology(project, ontology_id, asked.name, key))

    @routes.delete(
        "/ontologies/{ontology_id}", summary="Delete an ontology", response_model=OntologyDeleted, responses=DELETE
    )
    async def delete_ontology(ontology_id: IdInPath, key: Key = None) -> Response:
        """Refused as long as a dataset or a model has it. Its name is free again, its id never is."""
        return granted(await ingest.delete_ontology(project, ontology_id, key))

    return routes
