"""Markers come in the order of their places at the source: what a row handler remembers of them, and knows a repeat by.

Every service that handles markers asks here: so what is a repeat to one is a repeat to the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.common.eventlog.topics import CATALOG, DATA_ROWS, GROUND_TRUTH, PREDICTIONS
from sightline.wire.events.v1.markers_pb2 import (
    MARKER_SOURCE_DATA_ROWS,
    MARKER_SOURCE_GROUND_TRUTH,
    MARKER_SOURCE_UNSPECIFIED,
    Marker,
    MarkerSource,
)

SOURCES: Mapping[str, MarkerSource] = {
    CATALOG: MARKER_SOURCE_UNSPECIFIED,
    DATA_ROWS: MARKER_SOURCE_DATA_ROWS,
    GROUND_TRUTH: MARKER_SOURCE_GROUND_TRUTH,
}
"""How a marker names the topic that it was decided in."""

TOPICS = {
    "run_created": (PREDICTIONS, DATA_ROWS),
    "run_sealed": (PREDICTIONS,),
    "run_reopened": (PREDICTIONS,),
    "runs_deleted": (PREDICTIONS, DATA_ROWS),
    "version_committed": (GROUND_TRUTH,),
    "version_deleted": (GROUND_TRUTH, PREDICTIONS, DATA_ROWS),
    "dataset_deleted": (GROUND_TRUTH, PREDICTIONS, DATA_ROWS),
    "row_deleted": (GROUND_TRUTH, PREDICTIONS),
    "row_ordered": (GROUND_TRUTH,),
    "import_failed": (GROUND_TRUTH, PREDICTIONS, DATA_ROWS),
}
"""The topics that a marker may come to, by what it says."""

_STREAMS = {source: "" if topic == CATALOG else f"<{topic}" for topic, source in SOURCES.items()}


def marker_stream(topic: str, marker: Marker) -> str:
    """Markers that come in the order of their places at the source: those of one source in one topic."""
    return f"{topic}{_STREAMS.get(marker.source, '')}"


def topics_of(marker: Marker) -> Sequence[str]:
    """The topics that hear of a marker: those that have to do with what it says. None: it says nothing.

    Splits are a matter of data rows: those hear of the runs that have some.
    """
    topics = TOPICS.get(marker.WhichOneof("what") or "", ())
    if marker.HasField("import_failed"):
        return [topic for topic in topics if topic != (GROUND_TRUTH if marker.import_failed.run_id else PREDICTIONS)]
    if marker.HasField("run_created") and not marker.run_created.splits:
        return [topic for topic in topics if topic != DATA_ROWS]
    return topics


def passed(markers: Mapping[str, int], topic: str, marker: Marker) -> bool:
    """Whether a marker is the repeat of one that was handled. `markers`: the latest place by `marker_stream`."""
    return marker.source_offset <= markers.get(marker_stream(topic, marker), -1)


def after(markers: Mapping[str, int], topic: str, marker: Marker) -> dict[str, int]:
    """The same once a marker is handled."""
    return {**markers, marker_stream(topic, marker): marker.source_offset}
