"""The rows of a dataset version, as an import of predictions names them: by COCO image id."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.common.documents import Read
from services.common.eventlog.port import EventLog, Position
from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH
from services.common.readmodel.collections import under
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import RunLoop
from services.common.runtime.errors import Problem
from services.common.versions import holds_at
from services.ingest.handlers.rows import DATA_ROWS as DATA_ROWS_COLLECTION
from services.ingest.importing.id_lookup import Lookup
from services.ingest.importing.windows import RowNames
from sightline.arrays import Floats

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
    ordinals: Sequence[int | None]
    """Each row's own, where it has one."""


class _Rows:
    """Rows as they are read, without the documents that they come from."""

    def __init__(self) -> None:
        self.global_keys: list[str] = []
        self.partitions: list[int] = []
        self.sizes: list[tuple[float, float]] = []
        self.ordinals: list[int | None] = []

    def add(self, document: Mapping[str, Any], ordinal: int | None) -> None:
        self.global_keys.append(document["global_key"])
        self.partitions.append(document["partition"])
        self.sizes.append((document["width"] or math.inf, document["height"] or math.inf))
        self.ordinals.append(document["ordinal"] if ordinal is None else ordinal)


class VersionRowsReader:
    """Makes the rows of a version from documents, which come in any order and in parts."""

    def __init__(self, version: int) -> None:
        self._version = version
        self._labelled = _Rows()
        self._others = _Rows()

    def add(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Labelled rows go by the image id that they have in the version, others by their own."""
        for document in documents:
            for interval in document["labelled"]:
                if holds_at(interval["from"], interval["to"], self._version):
                    self._labelled.add(document, interval["ordinal"])
                    break
            else:
                self._others.add(document, None)

    def rows(self) -> VersionRows:
        """All that was added."""
        first, then = self._labelled, self._others
        places: dict[int, int] = {}
        for place, ordinal in enumerate(first.ordinals + then.ordinals):
            if ordinal is not None:
                places.setdefault(ordinal, place)
        return VersionRows(
            RowNames(first.global_keys + then.global_keys, first.partitions + then.partitions),
            len(first.global_keys),
            np.array(first.sizes + then.sizes, np.float64).reshape(-1, 2),
            Lookup(places),
            first.ordinals + then.ordinals,
        )


async def load_version_rows(store: ReadModel, project_id: str, dataset_id: str, version: int) -> VersionRows:
    """The rows of a dataset as they stand."""
    reader = VersionRowsReader(version)
    async with store.snapshot() as snapshot:
        read = Read(DATA_ROWS_COLLECTION, {"_id": under(project_id, dataset_id)}, _FIELDS)
        async for batch in snapshot.batches(read, 10_000):
            reader.add(batch)
    return reader.rows()


async def rows_are_known(
    log: EventLog, loop: RunLoop, *, only: int | None = None, patience: float = PATIENCE_SECONDS
) -> None:
    """Wait until `data_rows` shows all that the log holds of rows and of truth at this moment.

    `only`: in this partition. `loop` is this process' loop over the rows: it knows how far the group is, whoever owns
    which partition.
    """
    positions = [
        Position(topic, partition, end - 1)
        for topic in (DATA_ROWS, GROUND_TRUTH)
        for partition, end in (await log.end_offsets(topic)).items()
        if end and only in (None, partition)
    ]
    if not all(await asyncio.gather(*(loop.passed(position, timeout=patience) for position in positions))):
        detail = "what the log says of rows is still being worked off: try again"
        raise Problem(503, "rows-behind", "the rows are not known yet", detail, headers={"Retry-After": "5"})
