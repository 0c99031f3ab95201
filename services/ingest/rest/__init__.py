"""Ingest over HTTP: transport, and nothing but transport."""

from __future__ import annotations

from fastapi import APIRouter

from services.ingest.rest.catalog import routes_of_catalog
from services.ingest.rest.imports import routes_of_imports
from services.ingest.service import Ingest


def router(ingest: Ingest, *, upload_max_bytes: int) -> APIRouter:
    """The routes of ingest."""
    routes = APIRouter()
    routes.include_router(routes_of_catalog(ingest))
    routes.include_router(routes_of_imports(ingest, upload_max_bytes=upload_max_bytes))
    return routes
