"""The groups that read the log, by name. Where each of them stands is kept by its name, so that never changes."""

from __future__ import annotations

INGEST_CATALOG = "ingest.catalog"
INGEST_ROWS = "ingest.rows"
"""Applies row events to data rows: those, and in which versions they are labelled."""
INGEST_DEAD_LETTERS = "ingest.dead-letters"
METRICS_ROWS = "metrics.rows"
"""Applies row events to truths, and to what runs say of rows."""
METRICS_RUNS = "metrics.runs"
