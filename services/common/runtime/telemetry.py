"""Structured logs and Prometheus metrics. Every metric of every service is declared here."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

from services.common.runtime.settings import Settings

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)

EVENTS = Counter("sightline_events_total", "Events applied", ["group", "topic"])
BATCHES = Histogram(
    "sightline_batch_seconds", "From reading a batch's documents to its outbox published", ["group"], buckets=SECONDS
)
DEAD_LETTERS = Counter(
    "sightline_dead_letters_total", "Events put onto the dead-letter topic", ["group", "topic", "bug"]
)
MOVED = Counter("sightline_moved_total", "Events published again on the partition of their key", ["group", "topic"])
PASSED_OVER = Counter(
    "sightline_passed_over_total", "Events that changed nothing, though nothing is wrong with them", ["group", "reason"]
)
OUTAGES = Counter("sightline_outages_total", "Batches rolled back because the log or the read model failed", ["group"])
LOST_RACES = Counter("sightline_lost_races_total", "Progress writes lost to another owner of the partition", ["group"])
LAG = Gauge("sightline_partition_lag_events", "Events not yet applied", ["group", "topic", "partition"])
ASSIGNED = Gauge("sightline_assigned_partitions", "Partitions that this process owns", ["group"])
ACCEPTED = Counter("sightline_accepted_total", "Items accepted for the log", ["kind"])
REJECTED = Counter("sightline_rejected_total", "Items rejected", ["kind", "code"])
MEASURED = Histogram("sightline_run_measure_seconds", "Cost of measuring a run", buckets=SECONDS)
SET_ASIDE = Counter("sightline_runs_set_aside_total", "Measurements of runs that failed by a fault, not by an outage")
COLUMN_BYTES = Gauge("sightline_column_bytes", "Memory held by columns")
REQUESTS = Histogram(
    "sightline_request_seconds", "Time to answer a request", ["method", "route", "status"], buckets=SECONDS
)


def configure(service: str, settings: Settings) -> None:
    """Send all logs, also those of libraries, to stderr: JSON lines, or for a person's eyes."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    level = getattr(logging, settings.log_level.upper())
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    structlog.contextvars.bind_contextvars(service=service)


def get_logger() -> Any:
    """The process' structured logger."""
    return structlog.get_logger()
