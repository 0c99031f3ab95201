"""The pure heart of ingest: what catalog requests come to, and what is known of data rows."""

from services.ingest.handlers.catalog import CatalogHandler
from services.ingest.handlers.rows import RowsHandler

__all__ = ["CatalogHandler", "RowsHandler"]
