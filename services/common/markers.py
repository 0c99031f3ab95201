"""Markers come in the order of their places at the source: what a row handler remembers of them, and knows a repeat by.

Every service that handles markers asks here: so what is a repeat to one is a repeat to the others.
"""

from __future__ import annotations

from collections.abc import Mapping

from sightline.wire.events.v1.markers_pb2 import MARKER_SOURCE_DATA_ROWS, Marker


def marker_stream(topic: str, marker: Marker) -> str:
    """Markers that come in the order of their places at the source: those of one source in one topic."""
    return f"{topic}<data-rows" if marker.source == MARKER_SOURCE_DATA_ROWS else topic


def passed(markers: Mapping[str, int], topic: str, marker: Marker) -> bool:
    """Whether a marker is the repeat of one that was handled. `markers`: the latest place by `marker_stream`."""
    return marker.source_offset <= markers.get(marker_stream(topic, marker), -1)


def after(markers: Mapping[str, int], topic: str, marker: Marker) -> dict[str, int]:
    """The same once a marker is handled."""
    return {**markers, marker_stream(topic, marker): marker.source_offset}
