"""Ingest over HTTP: transport, and nothing but transport."""

from __future__ import annotations

from fastapi import APIRouter

from services.ingest.importing.uploads import UploadLimits
from services.ingest.rest.data_rows import routes_of_data_rows
from services.ingest.rest.datasets import routes_of_datasets
from services.ingest.rest.imports import routes_of_imports
from services.ingest.rest.models import routes_of_models
from services.ingest.rest.ontologies import routes_of_ontologies
from services.ingest.rest.projects import routes_of_projects
from services.ingest.service import Ingest


def router(ingest: Ingest, limits: UploadLimits) -> APIRouter:
    """The routes of ingest."""
    routes = APIRouter()
    routes.include_router(routes_of_projects(ingest))
    routes.include_router(routes_of_ontologies(ingest))
    routes.include_router(routes_of_datasets(ingest))
    routes.include_router(routes_of_data_rows(ingest))
    routes.include_router(routes_of_models(ingest))
    routes.include_router(routes_of_imports(ingest, limits=limits))
    return routes
