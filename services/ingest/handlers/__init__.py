"""The pure heart of ingest: what catalog requests come to, and what is known of data rows."""

from services.ingest.handlers.catalog import CATALOG_GROUP, CatalogHandler
from services.ingest.handlers.rows import ROWS_GROUP, RowsHandler

__all__ = ["CATALOG_GROUP", "ROWS_GROUP", "CatalogHandler", "RowsHandler"]
