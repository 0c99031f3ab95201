"""Dead letters without a log: what people see of an event, and what becomes of one that is put back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.documents import Replace, UpdateMany
from services.common.eventlog.port import Record
from services.common.eventlog.topics import DEAD_LETTERS, GROUND_TRUTH, PREDICTIONS, topics
from services.common.runloop.dead_letters import dead_letter
from services.common.runloop.decoding import arrive
from services.common.runloop.handling import Batch
from services.ingest.dead_letters.again import Letter, NotReplayable, again, identities
from services.ingest.dead_letters.handler import DeadLettersHandler
from services.ingest.dead_letters.preview import preview
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_ADD, BoxPredictions
from tests.unit.metrics.saying import NAN, ended, in_chunks, removed, truth, upsert, uuid

TOPICS = {topic.name: topic for topic in topics(4)}
A = (1.0, 2.0, 3.0, 4.0)


def letter(event: Event | bytes, topic: str = PREDICTIONS, key: bytes = b"p/d/k") -> Letter:
    value = event if isinstance(event, bytes) else event.SerializeToString()
    return Letter(7, topic, 2, key, value, (("from", b"x"),))


def put_back(event: Event | bytes, topic: str = PREDICTIONS):
    return again(letter(event, topic), TOPICS[topic].payloads, event_id="new", time_unix_ms=9)


def record(value: bytes, offset: int = 0, key: bytes = b"default/ds/k", **headers: str) -> Record:
    said = tuple((name.replace("_", "-"), value.encode()) for name, value in headers.items())
    origin = Record(PREDICTIONS, 1, 40 + offset, key, value, said, 5)
    message = dead_letter(origin, onto=DEAD_LETTERS, group="g", reason="wrong", bug=False, time_unix_ms=6)
    return Record(DEAD_LETTERS, 0, offset, message.key, message.value, message.headers, 6)


def handled(*records: Record, there: list[dict[str, Any]] | None = None) -> list[Any]:
    deliveries = [arrive(each, TOPICS[DEAD_LETTERS]).delivery for each in records]
    batch = Batch(0, [delivery for delivery in deliveries if delivery is not None])
    [read] = DeadLettersHandler().reads(batch, None)
    known = [each for each in there or [] if each["_id"] in read.filter["_id"]["$in"]]
    return list(DeadLettersHandler().handle(batch, {"dead_letters": known}, None).writes)


def test_an_event_is_put_back_so_that_it_only_adds() -> None:
    made = put_back(upsert("image", "run_a", [(1, A, 0.5)], replace=True))
    said = Event.FromString(made.message.value).predictions_upserted
    assert said.mode == IMPORT_MODE_ADD
    assert (made.message.key, made.message.partition) == (b"default/ds_a/image", None)
    assert made.message.headers == (("from", b"x"), ("sightline-replays", b"7"), ("sightline-replays-event", b"e"))
    assert (made.event.event_id, made.event.time_unix_ms, made.event.producer) == ("new", 9, "ingest/dead-letters")
    made = put_back(truth("image", [(1, A, False)]), GROUND_TRUTH)
    assert made.event.ground_truth_replaced.only_unlabelled


def test_an_event_that_is_put_back_is_no_repeat_of_one_that_was_moved() -> None:
    moved = upsert("image", "run_a", [(1, A, 0.5)])
    moved.moved_from.offset = 3
    assert not put_back(moved).event.HasField("moved_from")


def test_ends_go_back_to_their_partition() -> None:
    made = put_back(ended("imp_a", run="run_a"))
    assert (made.message.partition, made.message.key) == (2, b"p/d/k")


@pytest.mark.parametrize(
    ("event", "topic", "why"),
    [
        (b"\xff", PREDICTIONS, "no event"),
        (upsert("image", "run_a"), GROUND_TRUTH, "does not belong on its topic"),
        (Event(schema_version=1), PREDICTIONS, "an event without payload"),
        (Event(schema_version=2), PREDICTIONS, "schema version is 2"),
        (removed("image"), GROUND_TRUTH, "takes nothing away"),
        (ended("imp_a", unlabel_others=True), GROUND_TRUTH, "send the truth again"),
        (in_chunks(truth("image", [(1, A, False)] * 2), [1, 1])[1], GROUND_TRUTH, "one part of a truth"),
    ],
)
def test_what_can_only_be_dropped_says_why(event: Event | bytes, topic: str, why: str) -> None:
    with pytest.raises(NotReplayable, match=why):
        put_back(event, topic)


def test_identities_of_columns_that_are_wrong_are_none() -> None:
    assert identities(BoxPredictions(count=2, class_ids=b"1234")) == frozenset()
    assert identities(BoxPredictions(count=1, uuids=uuid(1))) == {uuid(1)}


def test_a_letter_becomes_a_document() -> None:
    [write] = handled(record(upsert("image", "run_a", [(1, A, NAN)]).SerializeToString(), 3))
    assert isinstance(write, Replace)
    document = write.document
    assert (document["_id"], document["state"], document["run_id"]) == ("default/dl_3", "open", "run_a")
    assert (document["topic"], document["partition"], document["record_offset"]) == (PREDICTIONS, 1, 43)


@pytest.mark.parametrize(
    ("value", "key", "project"),
    [
        (Event(project_id="p1").SerializeToString(), b"p2/d/k", "p1"),
        (b"\xff", b"p2/d/k", "p2"),
        (b"\xff", b"\xff\xff", "default"),
        (Event(project_id="a/b").SerializeToString(), b"", "default"),
        (Event(project_id="p1\n").SerializeToString(), b"", "default"),
        (Event(project_id="$where {}").SerializeToString(), b"p 2/d/k", "default"),
    ],
)
def test_a_letter_belongs_to_the_project_that_it_names(value: bytes, key: bytes, project: str) -> None:
    [write] = handled(record(value, key=key))
    assert write.document["project_id"] == project


def test_what_people_decided_stays_when_the_log_is_read_again() -> None:
    first = record(b"\xff", 3)
    assert handled(first, there=[{"_id": "default/dl_3", "replays": [], "outcome": {"what": "dropped"}}]) == []


def test_a_replay_that_was_refused_opens_its_letter_and_is_none_itself() -> None:
    event = upsert("image", "run_a")
    event.event_id = "second"
    come = record(event.SerializeToString(), 9, sightline_replays="3")
    mine = {"_id": "default/dl_3", "replays": ["first", "second"], "outcome": {"event_id": "second"}}
    [write] = handled(come, there=[mine])
    assert isinstance(write, UpdateMany)
    assert write.filter == {"_id": "default/dl_3", "outcome.event_id": "second", "outcome.refused_as": None}
    assert write.update["$set"]["state"] == "open"
    # Of a letter that knows nothing of it, it is a letter of its own.
    [write] = handled(come, there=[{**mine, "replays": ["first"]}])
    assert write.document["_id"] == "default/dl_9"


def test_a_preview_shows_the_first_of_every_column() -> None:
    event = upsert("image", "run_a", [(n, A, n / 100) for n in range(1, 50)], uuids=[uuid(n) for n in range(49)])
    shown = preview(event)["predictions_upserted"]
    assert shown["mode"] == "IMPORT_MODE_UPSERT"
    boxes = shown["boxes"]
    assert boxes["count"] == 49
    assert boxes["class_ids"] == [1, 2, 3, 4, 5]
    assert boxes["boxes"] == [list(A)] * 5
    assert boxes["uuids"][1] == uuid(1).hex()
    shown = preview(upsert("image", "run_a", [(1, (NAN, float("inf"), 1, 1), NAN)]))
    assert shown["predictions_upserted"]["boxes"]["boxes"] == [["nan", "inf", 1.0, 1.0]]


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_whatever_lies_there_becomes_a_small_document(value: bytes, key: bytes) -> None:
    [write] = handled(record(value, key=key))
    assert len(json.dumps(write.document)) < 20_000


def test_a_large_event_becomes_a_small_document() -> None:
    event = truth("k" * 200, [(1, A, False)] * 20_000)
    [write] = handled(record(event.SerializeToString()))
    assert write.document["size"] > 1_000_000
    assert len(json.dumps(write.document)) < 5_000
    assert np.isfinite(write.document["event"]["ground_truth_replaced"]["boxes"]["areas"]).all()
