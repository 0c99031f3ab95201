"""The rows of a dataset version, as an import of predictions names them: by COCO image id."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.common.eventlog.consumer import RunLoop
from services.common.eventlog.handling import Read
from services.common.eventlog.port import EventLog, Position
from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, row_key
from services.common.readmodel.mongo import ReadModel
from services.common.runtime.errors import Problem
from services.ingest.accept import Floats, RowNames
from services.ingest.handlers.rows import DATA_ROWS as DATA_ROWS_COLLECTION
from services.ingest.lookup import Ints, Lookup

PATIENCE_SECONDS = 60.0

_FIELDS = {"_id": 0, "global_key": 1, "partition": 1, "ordinal": 1, "labelled": 1, "width": 1, "height": 1}


@dataclass(frozen=True, slots=True)
class VersionRows:
    """Rows of a dataset; those labelled in the version come first."""

    names: RowNames
    labelled: int
    """How many rows are labelled in the version."""
    sizes: Floats
    """Width and height of each row's picture; infinite where they are not known."""
    by_image: Lookup
    """The place of the row of each image id."""

    def outside(self, rows: Ints, boxes: Floats) -> int:
        """How many boxes reach out of their picture, by more than rounding."""
        if not len(self.sizes):
            return 0
        corner = boxes[:, :2] + boxes[:, 2:]
        out = (boxes[:, :2] < -1).any(axis=1) | (corner > self.sizes[rows] + 1).any(axis=1)
        return int(np.count_nonzero(out))


def version_rows(documents: Sequence[Mapping[str, Any]], version: int) -> VersionRows:
    """Rows that are labelled in the version go by the image id that they have there, others by their own."""
    labelled: list[tuple[Mapping[str, Any], int | None]] = []
    others: list[tuple[Mapping[str, Any], int | None]] = []
    for document in documents:
        for interval in document["labelled"]:
            if interval["from"] <= version and (interval["to"] is None or version < interval["to"]):
                ordinal = document["ordinal"] if interval["ordinal"] is None else interval["ordinal"]
                labelled.append((document, ordinal))
                break
        else:
            others.append((document, document["ordinal"]))
    rows = labelled + others
    places: dict[int, int] = {}
    for place, (_, ordinal) in enumerate(rows):
        if ordinal is not None:
            places.setdefault(ordinal, place)
    return VersionRows(
        RowNames([row["global_key"] for row, _ in rows], [row["partition"] for row, _ in rows]),
        len(labelled),
        np.array([[row["width"] or np.inf, row["height"] or np.inf] for row, _ in rows], np.float64).reshape(-1, 2),
        Lookup(places),
    )


def rows_of_dataset(project_id: str, dataset_id: str) -> dict[str, Any]:
    """Filter for the rows of a dataset, in the order of their keys."""
    first = row_key(project_id, dataset_id, "")
    return {"_id": {"$gte": first, "$lt": first[:-1] + chr(ord("/") + 1)}}


async def load_version_rows(store: ReadModel, project_id: str, dataset_id: str, version: int) -> VersionRows:
    """The rows of a dataset as they stand."""
    documents: list[dict[str, Any]] = []
    async with store.snapshot() as snapshot:
        read = Read(DATA_ROWS_COLLECTION, rows_of_dataset(project_id, dataset_id), _FIELDS)
        async for batch in snapshot.batches(read, 10_000):
            documents.extend(batch)
    return version_rows(documents, version)


async def rows_are_known(log: EventLog, loop: RunLoop, *, patience: float = PATIENCE_SECONDS) -> None:
    """Wait until `data_rows` shows all that the log holds of rows and of truth at this moment.

    `loop` is this process' loop over the rows: it knows how far the group is, whoever owns which partition.
    """
    positions = [
        Position(topic, partition, end - 1)
        for topic in (DATA_ROWS, GROUND_TRUTH)
        for partition, end in (await log.end_offsets(topic)).items()
        if end
    ]
    if not all(await asyncio.gather(*(loop.passed(position, timeout=patience) for position in positions))):
        detail = "what the log says of rows is still being worked off: try again"
        raise Problem(503, "rows-behind", "the rows are not known yet", detail, headers={"Retry-After": "5"})
