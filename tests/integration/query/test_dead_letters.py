"""Dead letters as people see them: listed, filtered, in full."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.common.eventlog.port import Record
from services.common.eventlog.topics import DEAD_LETTERS, GROUND_TRUTH, PREDICTIONS, topics
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.dead_letters import dead_letter
from services.common.runloop.decoding import arrive
from services.common.runloop.handling import Batch
from services.ingest.dead_letters import DeadLettersHandler
from tests.integration.query.conftest import Api, opened
from tests.unit.metrics.saying import NAN, truth, upsert

TOPIC = {topic.name: topic for topic in topics(4)}[DEAD_LETTERS]
A = (1.0, 2.0, 3.0, 4.0)


def letter(
    offset: int, value: bytes, topic: str = PREDICTIONS, bug: bool = False, key: str = "default/ds_a/k"
) -> Record:
    origin = Record(topic, 3, 100 + offset, key.encode(), value, (("from", b"a camera"),), 5)
    made = dead_letter(origin, onto=DEAD_LETTERS, group="g", reason=f"why {offset}", bug=bug, time_unix_ms=6)
    return Record(DEAD_LETTERS, 0, offset, made.key, made.value, made.headers, 6)


@pytest.fixture
async def listed(store: ReadModel) -> AsyncIterator[Api]:
    records = [
        letter(0, upsert("k", "run_a", [(1, (NAN, 1, 1, 1), NAN)]).SerializeToString()),
        letter(1, b"\xff\xfe"),
        letter(2, truth("k", [(1, A, False)]).SerializeToString(), GROUND_TRUTH, bug=True),
        letter(3, upsert("k", "run_b", [(1, A, 0.5)]).SerializeToString()),
        letter(4, b"\xff", key="other/ds_a/k"),
    ]
    arrived = [arrive(record, TOPIC).delivery for record in records]
    batch = Batch(0, [each for each in arrived if each is not None])
    await store.write(DeadLettersHandler().handle(batch, {}, None).writes)
    dropped = {"what": "dropped", "event_id": None, "refused_as": None, "at_unix_ms": 9, "note": "an old camera"}
    await store.update("dead_letters", "default/dl_1", {"$set": {"state": "dropped", "outcome": dropped}})
    async with opened(store) as api:
        yield api


async def test_the_newest_first_in_pages_and_of_this_project_alone(listed: Api) -> None:
    found = await listed.pages("/v1/dead-letters", 1)
    assert [each["dead_letter_id"] for each in found] == ["dl_3", "dl_2", "dl_1", "dl_0"]
    assert found[1] == {
        "dead_letter_id": "dl_2",
        "state": "open",
        "topic": GROUND_TRUTH,
        "partition": 3,
        "record_offset": 102,
        "group": "g",
        "reason": "why 2",
        "bug": True,
        "key": "default/ds_a/k",
        "size": found[1]["size"],
        "time_unix_ms": 6,
        "payload": "ground_truth_replaced",
        "event_id": "e",
        "dataset_id": "ds_a",
        "run_id": None,
        "bytes_gone": False,
        "outcome": None,
    }


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"state": "open"}, ["dl_3", "dl_2", "dl_0"]),
        ({"state": "dropped"}, ["dl_1"]),
        ({"topic": GROUND_TRUTH}, ["dl_2"]),
        ({"bug": "true"}, ["dl_2"]),
        ({"bug": "false", "run_id": "run_b"}, ["dl_3"]),
        ({"group": "nobody"}, []),
    ],
)
async def test_filters(listed: Api, filter: dict[str, str], expected: list[str]) -> None:
    assert [each["dead_letter_id"] for each in await listed.pages("/v1/dead-letters", 10, **filter)] == expected


async def test_one_with_what_its_event_says(listed: Api) -> None:
    found = await listed.get("/v1/dead-letters/dl_0")
    assert found["headers"] == [{"name": "from", "value": "a camera"}]
    assert found["event"]["predictions_upserted"]["boxes"]["boxes"] == [["nan", 1.0, 1.0, 1.0]]
    broken = await listed.get("/v1/dead-letters/dl_1")
    assert (broken["event"], broken["begins"]) == (None, "fffe")
    assert broken["outcome"]["note"] == "an old camera"


async def test_there_is_no_such_letter(listed: Api) -> None:
    for id in ("dl_4", "dl_99", "x"):
        assert await listed.refused(f"/v1/dead-letters/{id}") == (404, "not-found")
    assert await listed.refused("/v1/dead-letters", state="gone") == (422, "invalid-request")


async def test_the_log_is_described(listed: Api) -> None:
    answer = await listed.client.get("/asyncapi.yaml")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/yaml")
    assert answer.text.startswith("# Generated")
