"""Where the row partitions stand in the read model right now."""

from __future__ import annotations

from typing import Any

from services.common.documents import Read
from services.common.groups import METRICS_ROWS
from services.common.readmodel.collections import PROGRESS, ROW_PARTITIONS, under
from services.common.readmodel.columns.following import PartitionState, RowProgress
from services.common.readmodel.mongo import ReadModel


async def read_row_progress(store: ReadModel, group: str) -> RowProgress:
    """Progress and markers of a group in all row partitions, of one moment."""
    async with store.snapshot() as moment:
        progress = await moment.find(Read(PROGRESS.name, {"_id": under(group)}, {"rev": 1, "offsets": 1}))
        memories = await moment.find(Read(ROW_PARTITIONS.name, {"_id": under(group)}, {"markers": 1}))
    markers = {_partition(each): each["markers"] for each in memories}
    return {
        partition: PartitionState(rev=each["rev"], offsets=each["offsets"], markers=markers.get(partition, {}))
        for each in progress
        for partition in (_partition(each),)
    }


async def is_deleted(store: ReadModel, run_id: str) -> bool:
    """Whether a row partition has heard that a run is gone for ever."""
    return bool(
        await store.find(Read(ROW_PARTITIONS.name, {"_id": under(METRICS_ROWS), "deleted_runs": run_id}, {"_id": 1}))
    )


def _partition(document: dict[str, Any]) -> int:
    return int(document["_id"].rpartition("/")[2])
