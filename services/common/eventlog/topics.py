"""The topics of the log, as data. Start-up creates them and refuses a log whose topics differ."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20

CATALOG = "catalog"
DATA_ROWS = "data-rows"
GROUND_TRUTH = "ground-truth"
PREDICTIONS = "predictions"
RUN_TOUCHED = "run-touched"
DEAD_LETTERS = "dead-letters"

DEFAULT_ROW_PARTITIONS = 8

SCHEMA_VERSION = 1
"""The `schema_version` of every event today. A consumer refuses others."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic.

    `payloads` are the fields of `sightline.events.v1.Event` that may come on it; `max_message_bytes` counts key and
    value; `retention_ms` -1 keeps everything: the log is the source from which the read model can be rebuilt. `opaque`:
    its records are handed to consumers as they came, whatever they hold.
    """

    name: str
    key: str
    payloads: tuple[str, ...]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    partitions: int
    max_message_bytes: int = 4 * MIB
    retention_ms: int = -1
    dead_letter_topic: str | None = DEAD_LETTERS
    opaque: bool = False


def topics(row_partitions: int = DEFAULT_ROW_PARTITIONS) -> tuple[Topic, ...]:
    """All topics of a log whose row topics have this many partitions."""
    row_key = "project/dataset/global_key"
    return (
        Topic(CATALOG, "project", ("catalog_request",), ("ingest",), ("ingest",), partitions=1),
        Topic(
            DATA_ROWS,
            row_key,
            ("data_row_upserted", "data_row_deleted", "marker"),
            ("ingest", "metrics"),
            ("ingest",),
            row_partitions,
        ),
        Topic(
            GROUND_TRUTH,
            row_key,
            ("ground_truth_replaced", "ground_truth_removed", "import_ended", "marker"),
            ("ingest",),
            ("ingest", "metrics"),
            row_partitions,
        ),
        Topic(
            PREDICTIONS,
            row_key,
            ("predictions_upserted", "predictions_deleted", "import_ended", "marker"),
            ("ingest", "producers outside"),
            ("metrics",),
            row_partitions,
        ),
        Topic(RUN_TOUCHED, "run", ("run_touched",), ("ingest", "metrics"), ("metrics",), row_partitions),
        Topic(
            DEAD_LETTERS,
            "the record's own",
            (),
            ("every consumer",),
            ("ingest",),
            1,
            max_message_bytes=5 * MIB,
            dead_letter_topic=None,
            opaque=True,
        ),
    )


def row_key(project_id: str, dataset_id: str, global_key: str) -> str:
    """The key of a row's events, and the `_id` of its documents. Ids hold no slash: split it twice from the left."""
    return f"{project_id}/{dataset_id}/{global_key}"
