"""Annotations of several rows in columns, as their documents have them packed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.query.reads import Document
from sightline.arrays import Bools, Longs

AT_ONCE = 4_096
"""Annotations that are written at once: a megabyte of text."""


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """Columns by name, and the row of each annotation as a number in `keys`."""

    keys: Sequence[str]
    row: Longs
    columns: Mapping[str, npt.NDArray[Any]]

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        return self.columns[column]

    def __len__(self) -> int:
        return len(self.row)

    def only(self, kept: Bools | Longs | slice) -> Annotations:
        """Some of them, or all in another order."""
        return Annotations(self.keys, self.row[kept], {name: each[kept] for name, each in self.columns.items()})

    def of_classes(self, class_ids: Collection[int] | None) -> Annotations:
        """Those of some classes; None: all."""
        return self if class_ids is None else self.only(np.isin(self["class_ids"], list(class_ids)))

    def parts(self) -> Iterator[Annotations]:
        """In pieces of a bounded size."""
        for begin in range(0, len(self), AT_ONCE):
            yield self.only(slice(begin, begin + AT_ONCE))

    def of_rows(self, values: Sequence[Any]) -> Iterator[Any]:
        """For each annotation, what there is of its row."""
        return (values[row] for row in self.row.tolist())


def unpacked(documents: Sequence[Document], dtypes: Mapping[str, tuple[str, int]]) -> Annotations:
    """Of some documents, one after the other. `dtypes`: of each column what one value is, and how many make an item."""
    counts = [document["count"] for document in documents]
    columns = {
        name: np.frombuffer(b"".join([document[name] for document in documents]), dtype).reshape(_shape(width))
        for name, (dtype, width) in dtypes.items()
    }
    row = np.repeat(np.arange(len(documents)), counts)
    return Annotations([document["global_key"] for document in documents], row, columns)


def _shape(width: int) -> tuple[int, ...]:
    return (-1,) if width == 1 else (-1, width)
