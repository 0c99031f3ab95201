"""Which runs a batch touched: one `RunTouched` for each, named after the last event that did."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.documents import Delete, Replace, Write
from services.common.eventlog.topics import RUN_TOUCHED
from services.common.groups import METRICS_ROWS
from services.common.readmodel.collections import RUN_TOUCHES
from services.common.runloop.handling import Delivery, Outgoing, derived_event
from sightline.wire.events.v1.data_rows_pb2 import DataRowUpserted
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.runs_pb2 import RunTouched

PRODUCER = "metrics"


def new_row_event(cause: Delivery, dataset_id: str, global_key: str) -> Event:
    """A row that isn't there is made, since a run predicted something of it."""
    event = derived_event(cause, f"{METRICS_ROWS}/{cause.partition}/{cause.topic}/{cause.offset}/row", PRODUCER)
    made = DataRowUpserted(dataset_id=dataset_id, global_key=global_key, only_new=True, source_offset=cause.offset)
    event.data_row_upserted.CopyFrom(made)
    return event


@dataclass(slots=True)
class _Touch:
    cause: Delivery
    settled: bool
    deleted: bool = False


class Touches:
    """Runs touched so far."""

    def __init__(self, partition: int, rev: int) -> None:
        """`rev`: the revision of the partition's progress once the batch is applied."""
        self._partition = partition
        self._rev = rev
        self._touches: dict[str, _Touch] = {}

    def touch(self, run_id: str, cause: Delivery, *, settled: bool = False) -> None:
        """Something that the run's numbers rest on changed."""
        known = self._touches.get(run_id)
        if known is None:
            self._touches[run_id] = _Touch(cause, settled)
        else:
            known.cause, known.settled = cause, known.settled or settled

    def deleted(self, run_id: str, cause: Delivery) -> None:
        """The run is gone: the owner of its numbers takes them away."""
        self._touches[run_id] = _Touch(cause, settled=True, deleted=True)

    def events(self) -> list[Outgoing]:
        """One event for each run."""
        return [Outgoing(RUN_TOUCHED, run_id, self._event(run_id, touch)) for run_id, touch in self._touches.items()]

    def writes(self) -> list[Write]:
        """For each run, as of when it was touched here: who reads its summary knows then whether that is the last."""
        writes: list[Write] = []
        for run_id, touch in self._touches.items():
            id = f"{touch.cause.event.project_id}/{run_id}/{self._partition}"
            gone = Delete(RUN_TOUCHES.name, id)
            writes.append(gone if touch.deleted else Replace(RUN_TOUCHES.name, {"_id": id, "rev": self._rev}))
        return writes

    def _event(self, run_id: str, touch: _Touch) -> Event:
        cause = touch.cause
        id = f"{METRICS_ROWS}/{self._partition}/{cause.topic}/{cause.offset}/{run_id}"
        event = derived_event(cause, id, PRODUCER)
        event.run_touched.CopyFrom(RunTouched(run_id=run_id, row_partition=self._partition, settled=touch.settled))
        return event
