"""What can't be applied is put aside, as it came, with where it came from and why."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.eventlog.port import Message, Record

REASON_CHARACTERS = 2000
PREFIX = "sightline-"

REPLAYS = f"{PREFIX}replays"
"""On an event that is there again: the place of the dead letter that it was, in the topic of dead letters."""

HEADERS = {
    "topic": "topic of the record that was put aside",
    "partition": "its partition",
    "offset": "its offset",
    "group": "the consumer group that put it aside",
    "reason": "why, for people",
    "bug": "1: the fault is the consumer's, not the event's",
    "time": "when it was put aside, in milliseconds since 1970",
}
"""What the headers of a dead letter say; their names begin with `sightline-`."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What a record of the topic of dead letters is: the headers, read."""

    topic: str
    partition: int
    offset: int
    """Of the record that was put aside."""
    group: str
    reason: str
    bug: bool
    time_unix_ms: int
    replays: int | None
    """The dead letter of which this was a replay."""
    headers: tuple[tuple[str, bytes], ...]
    """The producer's own."""


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
    headers = tuple((f"{PREFIX}{name}", value.encode()) for name, value in said.items())
    return Message(onto, record.key, record.value, headers=record.headers + headers)


def read_dead_letter(record: Record) -> DeadLetter:
    """The headers of a dead letter. What a producer says in headers of these names comes before, and doesn't count."""
    said = {name: value.decode(errors="replace") for name, value in record.headers}
    return DeadLetter(
        topic=said.get(f"{PREFIX}topic", ""),
        partition=_number(said.get(f"{PREFIX}partition")) or 0,
        offset=_number(said.get(f"{PREFIX}offset")) or 0,
        group=said.get(f"{PREFIX}group", ""),
        reason=said.get(f"{PREFIX}reason", ""),
        bug=said.get(f"{PREFIX}bug") == "1",
        time_unix_ms=_number(said.get(f"{PREFIX}time")) or record.time_unix_ms,
        replays=_number(said.get(REPLAYS)),
        headers=tuple((name, value) for name, value in record.headers if not name.startswith(PREFIX)),
    )


def _number(text: str | None) -> int | None:
    """A number that a header says; whoever can write to the topic can write anything."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
