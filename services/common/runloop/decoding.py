"""From a record to an event, or to the reason why it is none."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from services.common.eventlog.port import Record
from services.common.eventlog.topics import SCHEMA_VERSION, Topic
from services.common.runloop.handling import Delivery
from sightline.wire.events.v1.event_pb2 import Event


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record that came, with the event that it holds, or else the reason why it can't be applied."""

    record: Record
    delivery: Delivery | None
    reason: str = ""

    @property
    def size(self) -> int:
        """Bytes on the log."""
        return len(self.record.key) + len(self.record.value)


def arrive(record: Record, topic: Topic) -> Arrival:
    """Decode a record of a topic."""
    if topic.opaque:
        key = record.key.decode(errors="replace")
        return Arrival(record, Delivery(record.topic, record.partition, record.offset, key, Event(), record))
    try:
        key = record.key.decode()
        event = Event.FromString(record.value)
    except UnicodeDecodeError:
        return Arrival(record, None, "the key is not UTF-8")
    except DecodeError:
        return Arrival(record, None, "the value is no sightline.events.v1.Event")
    if event.schema_version != SCHEMA_VERSION:
        known = f"schema version {event.schema_version} is unknown: this consumer knows {SCHEMA_VERSION}"
        return Arrival(record, None, known)
    payload = event.WhichOneof("payload")
    if payload not in topic.payloads:
        return Arrival(record, None, f"{payload or 'an event without payload'} does not belong on {topic.name}")
    return Arrival(record, Delivery(record.topic, record.partition, record.offset, key, event))
