"""Group `ingest.dead-letters`: a document for each dead letter, and a replay that was refused is open again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError

from services.common.documents import Read, Replace, State, UpdateMany, Write
from services.common.eventlog.port import Record
from services.common.readmodel import collections
from services.common.runloop.dead_letters import DeadLetter, read_dead_letter
from services.common.runloop.handling import Batch, Handler, Outcome
from services.ingest.dead_letters.preview import preview
from sightline.domain.names import DEFAULT_PROJECT, ID_PATTERN
from sightline.wire.events.v1.event_pb2 import Event

DEAD_LETTERS = collections.DEAD_LETTERS.name

KEY_CHARACTERS = 500
HEADERS_KEPT = 20
HEADER_CHARACTERS = 200
FIRST_BYTES = 48

Fields = dict[str, Any]


def dead_letter_id(offset: int) -> str:
    """The id of the dead letter at an offset."""
    return f"dl_{offset}"


class DeadLettersHandler(Handler):
    """Keeps `dead_letters`. What people have decided about one is theirs: a document that is there stays."""

    def recall(self, partition: int) -> Sequence[Read]:
        """Nothing."""
        return ()

    def remember(self, partition: int, state: State) -> None:
        """Nothing."""

    def reads(self, batch: Batch, memory: None) -> Sequence[Read]:
        """The letters that are there, and those that were replayed and are back."""
        ids: set[str] = set()
        for record in _records(batch):
            letter, event = read_dead_letter(record), _event(record)
            project = _project(record, event)
            ids.add(f"{project}/{dead_letter_id(record.offset)}")
            if letter.replays is not None:
                ids.add(f"{project}/{dead_letter_id(letter.replays)}")
        return [Read(DEAD_LETTERS, {"_id": {"$in": sorted(ids)}}, {"outcome": 1, "replays": 1})]

    def handle(self, batch: Batch, state: State, memory: None) -> Outcome:
        """Apply the batch."""
        there = {document["_id"]: document for document in state.get(DEAD_LETTERS, ())}
        writes: list[Write] = []
        for record in _records(batch):
            letter, event = read_dead_letter(record), _event(record)
            project = _project(record, event)
            id = f"{project}/{dead_letter_id(record.offset)}"
            if letter.replays is not None and event is not None:
                first = there.get(f"{project}/{dead_letter_id(letter.replays)}")
                # The ids of replays are known to the letter alone: no header that somebody else sends opens it again.
                if first is not None and event.event_id in first["replays"]:
                    writes.append(_open_again(first["_id"], record, letter, event))
                    continue
            if id not in there:
                writes.append(Replace(DEAD_LETTERS, _document(id, project, record, letter, event), new=True))
        return Outcome(writes)


def _records(batch: Batch) -> list[Record]:
    return [delivery.record for delivery in batch.deliveries if delivery.record is not None]


def _open_again(id: str, record: Record, letter: DeadLetter, event: Event) -> Write:
    """The replay of a letter was refused: it is open, with the reason that holds now."""
    change = {
        "state": "open",
        "reason": letter.reason,
        "group": letter.group,
        "bug": letter.bug,
        "outcome.what": "refused",
        "outcome.refused_as": dead_letter_id(record.offset),
        "outcome.at_unix_ms": letter.time_unix_ms,
    }
    # Only what was the last to happen to it, and once: this may be read again from the beginning of the log.
    mine = {"_id": id, "outcome.event_id": event.event_id, "outcome.refused_as": None}
    return UpdateMany(DEAD_LETTERS, mine, {"$set": change, "$unset": {"claim": ""}})


def _document(id: str, project: str, record: Record, letter: DeadLetter, event: Event | None) -> Fields:
    payload = event.WhichOneof("payload") if event is not None else None
    said: Any = getattr(event, payload) if payload else None
    return {
        "_id": id,
        "project_id": project,
        "dead_letter_id": dead_letter_id(record.offset),
        "offset": record.offset,
        "topic": letter.topic,
        "partition": letter.partition,
        "record_offset": letter.offset,
        "group": letter.group,
        "reason": letter.reason,
        "bug": letter.bug,
        "key": record.key.decode(errors="replace")[:KEY_CHARACTERS],
        "size": len(record.key) + len(record.value),
        "time_unix_ms": letter.time_unix_ms,
        "payload": payload,
        "event_id": None if event is None else event.event_id[:KEY_CHARACTERS],
        "dataset_id": getattr(said, "dataset_id", "")[:KEY_CHARACTERS] or None,
        "run_id": getattr(said, "run_id", "")[:KEY_CHARACTERS] or None,
        "event": None if event is None else preview(event),
        "begins": record.value[:FIRST_BYTES].hex() if event is None else None,
        "headers": [
            {"name": name[:HEADER_CHARACTERS], "value": value.decode(errors="replace")[:HEADER_CHARACTERS]}
            for name, value in letter.headers[:HEADERS_KEPT]
        ],
        "state": "open",
        "bytes_gone": False,
        "replays": [],
        "outcome": None,
    }


def _event(record: Record) -> Event | None:
    try:
        return Event.FromString(record.value)
    except DecodeError:
        return None


def _project(record: Record, event: Event | None) -> str:
    """Whose a letter is: what its event says, else the beginning of its key, else the first project's."""
    named = [event.project_id] if event is not None else []
    named.append(record.key.decode(errors="replace").partition("/")[0] if b"/" in record.key else "")
    return next(
        (each for each in named if len(each) <= KEY_CHARACTERS and re.fullmatch(ID_PATTERN, each)), DEFAULT_PROJECT
    )
