"""What becomes of an event that is put back: it adds what is not there, and takes nothing away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from google.protobuf.message import DecodeError

from services.common.eventlog.port import Message
from services.common.eventlog.topics import SCHEMA_VERSION, row_key
from services.common.runloop.dead_letters import REPLAYS
from sightline.identity import IDENTITY_BYTES, identities_said
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_ADD, BoxPredictions

PRODUCER = "ingest/dead-letters"
REPLAYS_EVENT = "sightline-replays-event"
"""The id that the event had before."""


class NotReplayable(Exception):
    """A letter can only be dropped; the message says why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What has to be known of a dead letter to put its event back."""

    offset: int
    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    """The producer's own."""


@dataclass(frozen=True, slots=True)
class Again:
    """An event that is put back, and how it goes onto the log."""

    event: Event
    message: Message


def again(letter: Letter, payloads: tuple[str, ...], *, event_id: str, time_unix_ms: int) -> Again:
    """The event of a letter, as it is put back. `payloads`: what its topic takes. Raises `NotReplayable`."""
    event = _readable(letter, payloads)
    before = event.event_id
    event.event_id, event.time_unix_ms, event.producer = event_id, time_unix_ms, PRODUCER
    event.ClearField("moved_from")
    key, partition = letter.key, None
    match event.WhichOneof("payload"):
        case "predictions_upserted":
            said = event.predictions_upserted
            said.mode = IMPORT_MODE_ADD
            key = row_key(event.project_id, said.dataset_id, said.global_key).encode()
        case "ground_truth_replaced":
            truth = event.ground_truth_replaced
            if truth.chunks > 1:
                raise NotReplayable("it is one part of a truth that came in several: send the row's truth again")
            truth.only_unlabelled = True
            key = row_key(event.project_id, truth.dataset_id, truth.global_key).encode()
        case "data_row_upserted":
            row = event.data_row_upserted
            if row.only_known:
                raise NotReplayable("it changes a row, and what is there now may be newer: change it again")
            row.only_new = True
            row.ClearField("source_offset")
            row.ClearField("import_id")  # it may have failed since; what somebody puts back is a write of its own
            key = row_key(event.project_id, row.dataset_id, row.global_key).encode()
        case "predictions_deleted" | "data_row_deleted" | "ground_truth_removed":
            raise NotReplayable(
                "a replay adds and takes nothing away, and what is there now may be newer: delete again"
            )
        case "catalog_request":
            raise NotReplayable("whoever asked has been told that it failed, and may have asked again: ask again")
        case "import_ended" if event.import_ended.unlabel_others:
            raise NotReplayable("it would take the labels of rows that were labelled since: send the truth again")
        case "run_touched":
            pass
        case _:  # ends and markers, which belong to their partition
            partition = letter.partition
    headers = (
        *letter.headers,
        (REPLAYS, str(letter.offset).encode()),
        (REPLAYS_EVENT, before.encode()),
    )
    return Again(event, Message(letter.topic, key, event.SerializeToString(), partition, headers))


def identities(boxes: BoxPredictions) -> frozenset[bytes]:
    """The identities of predictions in a row that holds nothing else; none where their columns can't be read."""
    if boxes.uuids:
        return frozenset(boxes.uuids[i : i + IDENTITY_BYTES] for i in range(0, len(boxes.uuids), IDENTITY_BYTES))
    lengths = len(boxes.class_ids), len(boxes.boxes), len(boxes.confidences)
    if lengths != (4 * boxes.count, 32 * boxes.count, 8 * boxes.count):
        return frozenset()
    said = identities_said(
        np.frombuffer(boxes.class_ids, np.int32),
        np.frombuffer(boxes.boxes, np.float64).reshape(-1, 4),
        np.frombuffer(boxes.confidences, np.float64),
    )
    return frozenset(identity.tobytes() for identity in said)


def _readable(letter: Letter, payloads: tuple[str, ...]) -> Event:
    try:
        event = Event.FromString(letter.value)
    except DecodeError:
        raise NotReplayable("its bytes are no event: have the producer send it again") from None
    if event.schema_version != SCHEMA_VERSION:
        raise NotReplayable(
            f"its schema version is {event.schema_version}, and this Sightline knows {SCHEMA_VERSION}: upgrade, or "
            "have the producer send it again"
        )
    payload = event.WhichOneof("payload")
    if payload not in payloads:
        raise NotReplayable(f"{payload or 'an event without payload'} does not belong on its topic: send it to its own")
    return event
