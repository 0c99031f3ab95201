"""Rows as NDJSON names them: by global key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.common.eventlog.placement import partitions_of
from services.common.eventlog.topics import row_key
from services.ingest.importing.version_rows import VersionRows
from services.ingest.importing.windows import RowNames
from sightline.arrays import Floats, Ints

UNKNOWN_ROW = (
    "The dataset has no row with this global key: make it first (POST /v1/datasets/{dataset_id}/data-rows:import)."
)


class NamedRows:
    """The rows of a dataset by global key; with those that an upload makes, where it may."""

    def __init__(self, project_id: str, dataset_id: str, rows: VersionRows, partitions: int, *, may_make: bool) -> None:
        self._of_dataset = project_id, dataset_id
        self._global_keys = list(rows.names.global_keys)
        self._partitions = list(rows.names.partitions)
        self._places = {key: place for place, key in enumerate(self._global_keys)}
        self._rows = rows
        self._count = partitions
        self._may_make = may_make
        self._told = len(self._global_keys)
        self.names = RowNames(self._global_keys, self._partitions)

    def find(self, global_keys: Sequence[str]) -> Ints:
        """The place of each row; -1 where there is none with this key, and none may be made."""
        if self._may_make:
            for key in global_keys:
                if key not in self._places:
                    self._make(key)
        place_of = self._places.get
        return np.fromiter((place_of(key, -1) for key in global_keys), np.int32, len(global_keys))

    def made(self) -> Sequence[str]:
        """Rows that were made since this was asked last."""
        begin, self._told = self._told, len(self._global_keys)
        return self._global_keys[begin : self._told]

    def ordinal(self, row: int) -> int | None:
        """A row's place in the order of its dataset, where it has one of its own."""
        return self._rows.ordinals[row] if row < len(self._rows.ordinals) else None

    def sizes(self, rows: Ints) -> Floats:
        """Width and height of each row's picture; infinite where they are not known."""
        sizes = np.full((len(rows), 2), np.inf)
        stored = rows < len(self._rows.sizes)
        sizes[stored] = self._rows.sizes[rows[stored]]
        return sizes

    def _make(self, global_key: str) -> None:
        key = row_key(*self._of_dataset, global_key).encode()
        self._partitions.append(partitions_of([key], self._count)[0])
        self._places[global_key] = len(self._global_keys)
        self._global_keys.append(global_key)  # last: whoever sees the key finds the rest
