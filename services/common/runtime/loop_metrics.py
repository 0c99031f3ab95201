"""What the run loop tells of itself, as Prometheus metrics."""

from __future__ import annotations

import contextlib

from typing_extensions import override

from services.common.runloop.metrics import LoopMetrics
from services.common.runtime import telemetry


class PrometheusLoopMetrics(LoopMetrics):
    """Counts in the process' registry."""

    @override
    def applied(self, group: str, topic: str, events: int) -> None:
        telemetry.EVENTS.labels(group, topic).inc(events)

    @override
    def batch(self, group: str, seconds: float) -> None:
        telemetry.BATCHES.labels(group).observe(seconds)

    @override
    def dead_letter(self, group: str, topic: str, *, bug: bool) -> None:
        telemetry.DEAD_LETTERS.labels(group, topic, str(int(bug))).inc()

    @override
    def moved(self, group: str, topic: str, events: int) -> None:
        telemetry.MOVED.labels(group, topic).inc(events)

    @override
    def passed_over(self, group: str, reason: str, events: int) -> None:
        telemetry.PASSED_OVER.labels(group, reason).inc(events)

    @override
    def outage(self, group: str) -> None:
        telemetry.OUTAGES.labels(group).inc()

    @override
    def lost_race(self, group: str) -> None:
        telemetry.LOST_RACES.labels(group).inc()

    @override
    def assigned(self, group: str, partitions: int) -> None:
        telemetry.ASSIGNED.labels(group).set(partitions)

    @override
    def lag(self, group: str, topic: str, partition: int, events: int) -> None:
        telemetry.LAG.labels(group, topic, str(partition)).set(events)

    @override
    def no_lag(self, group: str, topic: str, partition: int) -> None:
        with contextlib.suppress(KeyError):  # it may never have been told
            telemetry.LAG.remove(group, topic, str(partition))
