"""Which runs a batch touched: one `RunTouched` for each, named after the last event that did."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.documents import Replace, Write
from services.common.eventlog.handling import Delivery, Outgoing
from services.common.eventlog.topics import RUN_TOUCHED, SCHEMA_VERSION
from services.common.readmodel.collections import RUN_TOUCHES
from services.metrics.memory import GROUP
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.runs_pb2 import RunTouched

PRODUCER = "metrics"


@dataclass(slots=True)
class _Touch:
    cause: Delivery
    settled: bool


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

    def events(self) -> list[Outgoing]:
        """One event for each run."""
        return [Outgoing(RUN_TOUCHED, run_id, self._event(run_id, touch)) for run_id, touch in self._touches.items()]

    def writes(self) -> list[Write]:
        """For each run, as of when it was touched here: who reads its summary knows then whether that is the last."""
        return [
            Replace(
                RUN_TOUCHES.name,
                {"_id": f"{touch.cause.event.project_id}/{run_id}/{self._partition}", "rev": self._rev},
            )
            for run_id, touch in self._touches.items()
        ]

    def _event(self, run_id: str, touch: _Touch) -> Event:
        cause = touch.cause
        return Event(
            event_id=f"{GROUP}/{self._partition}/{cause.topic}/{cause.offset}/{run_id}",
            project_id=cause.event.project_id,
            time_unix_ms=cause.event.time_unix_ms,
            producer=PRODUCER,
            schema_version=SCHEMA_VERSION,
            traceparent=cause.event.traceparent,
            run_touched=RunTouched(run_id=run_id, row_partition=self._partition, settled=touch.settled),
        )
