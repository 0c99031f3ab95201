"""Which runs a batch touched: one `RunTouched` for each, named after the last event that did."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.eventlog.handling import Delivery, Outgoing
from services.common.eventlog.topics import RUN_TOUCHED
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

    def __init__(self, partition: int) -> None:
        self._partition = partition
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

    def _event(self, run_id: str, touch: _Touch) -> Event:
        cause = touch.cause
        return Event(
            event_id=f"{GROUP}/{self._partition}/{cause.topic}/{cause.offset}/{run_id}",
            project_id=cause.event.project_id,
            time_unix_ms=cause.event.time_unix_ms,
            producer=PRODUCER,
            schema_version=1,
            traceparent=cause.event.traceparent,
            run_touched=RunTouched(run_id=run_id, row_partition=self._partition, settled=touch.settled),
        )
