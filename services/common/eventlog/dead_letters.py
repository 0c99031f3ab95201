"""What can't be applied is put aside, as it came, with where it came from and why."""

from __future__ import annotations

from services.common.eventlog.port import Message, Record

REASON_CHARACTERS = 2000


def dead_letter(record: Record, *, onto: str, group: str, reason: str, bug: bool, time_unix_ms: int) -> Message:
    """The message for the dead-letter topic. `bug`: the fault is the consumer's, not the event's."""
    said = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "group": group,
        "reason": reason[:REASON_CHARACTERS],
        "bug": "1" if bug else "0",
        "time": str(time_unix_ms),
    }
    headers = tuple((f"sightline-{name}", value.encode()) for name, value in said.items())
    return Message(onto, record.key, record.value, headers=record.headers + headers)
