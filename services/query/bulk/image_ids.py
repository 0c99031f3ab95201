"""COCO names pictures by numbers: which are those of rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np

from services.query.bulk.moment import Moment
from services.query.reads import Document
from sightline.arrays import Longs
from sightline.domain.ordinals import room_behind

_ROWS_AT_ONCE = 2_000

NO_IMAGE = -1


@dataclass(slots=True)
class ImageIds:
    """Gives rows their numbers, in the order of keys: ordinals, and behind them those of rows that have none.

    So the order of numbers is the one in which rows are measured, and equal scores fall alike. Where rows share an
    ordinal all are numbered by their keys; where there is no room behind the highest, by their places in that order.
    """

    use_ordinals: bool
    next: int
    places: Longs | None = None
    """All ordinals ascending, where their places stand for them."""

    def of(self, ordinal: int | None) -> int:
        """The number of the next row."""
        if self.use_ordinals and ordinal is not None:
            return ordinal if self.places is None else 1 + int(np.searchsorted(self.places, ordinal))
        self.next += 1
        return self.next - 1


async def image_ids(moment: Moment, dataset_id: str, version: int) -> ImageIds:
    """Numbers for the labelled rows of a version."""
    found = [np.zeros(0, np.int64)]
    missing = 0
    async for truths in moment.truths(dataset_id, version, (), ("ordinal",), _ROWS_AT_ONCE):
        said = [each["ordinal"] for each in truths if each["ordinal"] is not None]
        found.append(np.array(said, np.int64))
        missing += len(truths) - len(said)
    return numbering(np.sort(np.concatenate(found)), missing)


def numbering(ordinals: Longs, missing: int) -> ImageIds:
    """Numbers for rows with these ordinals, which ascend, and so many without."""
    if not len(ordinals) or bool((ordinals[1:] == ordinals[:-1]).any()):
        return ImageIds(use_ordinals=False, next=1)
    last = int(ordinals[-1])
    if missing and not room_behind(last, missing):
        return ImageIds(use_ordinals=True, next=1 + len(ordinals), places=ordinals)
    return ImageIds(use_ordinals=True, next=last + 1)


class Images:
    """The numbers of rows that come in the order of their keys, found in passing by the labelled rows."""

    def __init__(self, labelled: AsyncIterator[list[Document]], ids: ImageIds) -> None:
        self._labelled = labelled
        self._ids = ids
        self._passed: dict[str, int] = {}
        """Of the batch that was reached."""
        self._last = ""
        self._ended = False

    @classmethod
    async def of(cls, moment: Moment, dataset_id: str, version: int) -> Images:
        """For the rows of a run on a version."""
        ids = await image_ids(moment, dataset_id, version)
        return cls(moment.truths(dataset_id, version, (), ("ordinal",), _ROWS_AT_ONCE), ids)

    async def numbers(self, keys: Sequence[str]) -> list[int]:
        """Of these rows, which follow those that were asked for before; `NO_IMAGE` for those that aren't labelled."""
        return [await self._number(key) for key in keys]

    async def _number(self, key: str) -> int:
        while key > self._last and not self._ended:
            batch = await anext(self._labelled, None)
            if batch is None:
                self._ended, self._passed = True, {}
            else:
                self._passed = {each["global_key"]: self._ids.of(each["ordinal"]) for each in batch}
                self._last = batch[-1]["global_key"]
        return self._passed.get(key, NO_IMAGE)
