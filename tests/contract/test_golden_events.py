"""The golden events are what their JSON says, and there is one of every type."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import json_format

from services.common.eventlog.topics import topics
from sightline.wire.events.v1.catalog_pb2 import CatalogRequest
from sightline.wire.events.v1.event_pb2 import Event

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_are_what_people_read(name: str) -> None:
    event = json_format.Parse((GOLDEN / f"{name}.json").read_text(), Event())
    assert event == Event.FromString((GOLDEN / f"{name}.bin").read_bytes())


def test_there_is_one_of_every_type() -> None:
    events = [Event.FromString((GOLDEN / f"{name}.bin").read_bytes()) for name in NAMES]
    payloads = {event.WhichOneof("payload") for event in events}
    assert payloads == {field.name for field in Event.DESCRIPTOR.oneofs_by_name["payload"].fields}
    requests = {event.catalog_request.WhichOneof("what") for event in events if event.HasField("catalog_request")}
    assert requests == {field.name for field in CatalogRequest.DESCRIPTOR.oneofs_by_name["what"].fields}
    assert payloads == {payload for topic in topics() for payload in topic.payloads}
