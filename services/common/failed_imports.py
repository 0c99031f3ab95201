"""Imports that ended as failed, as a row partition remembers them: what they still say is passed over.

An import that was given up may have a process yet. It may have slept (halted, or its machine paused) between its look
at the lease and the append that follows, and write when it wakes, into a draft or a run that others write by then. No
log takes a lease; but the marker of the end has a place among the import's events, the same for everyone who reads.

An import that its own process ends, with every append answered, needs no marker, so a wrong file takes nobody's place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.markers_pb2 import Marker
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_ADD

MOST_FAILED = 1_000
"""How many are remembered of a topic, the latest: who slept while as many others failed is taken at its word."""

Ids = dict[str, None]
"""A set in order."""


@dataclass(frozen=True, slots=True)
class FailedImports:
    """Their ids by topic, in the order of their markers there. Never changed: a marker makes new ones.

    By topic, since between topics there is no order: each has a marker of its own.
    """

    ids: Mapping[str, Ids] = field(default_factory=dict[str, Ids])

    def after(self, topic: str, marker: Marker) -> FailedImports:
        """The same once a marker is handled, whatever it says."""
        failed = _failed_by(marker)
        return self._with(topic, failed) if failed else self

    def speak(self, topic: str, event: Event) -> bool:
        """Whether one of them says an event."""
        there = self.ids.get(topic)
        return there is not None and _import_of(event) in there

    def stored(self) -> dict[str, list[str]]:
        """As they are stored."""
        return {topic: list(self.ids[topic]) for topic in sorted(self.ids)}

    @staticmethod
    def of_stored(stored: Mapping[str, Iterable[str]]) -> FailedImports:
        """As they were stored."""
        return FailedImports({topic: dict.fromkeys(ids) for topic, ids in stored.items()})

    def _with(self, topic: str, failed: Sequence[str]) -> FailedImports:
        ids = {**self.ids.get(topic, {}), **dict.fromkeys(failed)}
        latest = dict.fromkeys(islice(ids, max(0, len(ids) - MOST_FAILED), None))
        return FailedImports({**self.ids, topic: latest})


def _failed_by(marker: Marker) -> Sequence[str]:
    match marker.WhichOneof("what"):
        case "import_failed":
            return (marker.import_failed.import_id,)
        case "runs_deleted":
            return marker.runs_deleted.failed_imports
        case "version_deleted":
            return marker.version_deleted.failed_imports
        case _:
            return ()


def _import_of(event: Event) -> str:
    """The import that says an event; none where somebody has put it back from the dead letters, whoever said it."""
    payload = event.WhichOneof("payload")
    match payload:
        case "predictions_upserted" if event.predictions_upserted.mode == IMPORT_MODE_ADD:
            return ""
        case "ground_truth_replaced" if event.ground_truth_replaced.only_unlabelled:
            return ""
        case None:
            return ""
        case _:
            return getattr(getattr(event, payload), "import_id", "")
