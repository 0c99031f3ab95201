"""Dead letters of every kind: listed with where and why, put back, dropped."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS, row_key
from services.common.groups import INGEST_DEAD_LETTERS
from services.common.runloop.handling import Batch, Outcome
from services.common.runloop.loop import RunLoop
from services.ingest.dead_letters import DeadLetters, DeadLettersHandler
from services.metrics.handlers import RowsHandler
from sightline.wire.events.v1.catalog_pb2 import CatalogRequest
from sightline.wire.events.v1.data_rows_pb2 import DataRowUpserted
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.ground_truth_pb2 import BoxTruths, GroundTruthReplaced
from sightline.wire.events.v1.imports_pb2 import ImportEnded
from sightline.wire.events.v1.markers_pb2 import Marker, RunSealed
from sightline.wire.events.v1.predictions_pb2 import PredictionsDeleted
from tests.integration.dead_letters.conftest import PROJECT, ROW_PARTITIONS, A, B, World

U, V = b"u" * 16, b"v" * 16

pytestmark = pytest.mark.timeout(120)


class Faulty(RowsHandler):
    """A consumer with a fault of its own: it can't bear one event."""

    def handle(self, batch: Batch, state: Any, memory: Any) -> Outcome:
        if any(delivery.event.event_id == "unbearable" for delivery in batch.deliveries):
            raise RuntimeError("a fault of mine")
        return super().handle(batch, state, memory)


@contextlib.asynccontextmanager
async def dead_letters_of(world: World, *, patience: float) -> AsyncIterator[DeadLetters]:
    """What decides, in a process of its own that waits less long."""
    log, store = world.stand.log, world.stand.store
    loop = RunLoop(log, store, INGEST_DEAD_LETTERS, ("dead-letters",), DeadLettersHandler())
    task = asyncio.create_task(loop.run())
    try:
        yield DeadLetters(log, store, loop, patience=patience)
    finally:
        await loop.stop()
        await task


def slug(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]


async def test_wrong_bytes_are_listed_and_can_only_be_dropped(world: World) -> None:
    async with world.metrics():
        await world.put(b"\xff\xff nonsense", key=f"{PROJECT}/ds_x/key", headers=(("from", b"a camera"),))
        letter = await world.letter()
        assert (letter["topic"], letter["group"], letter["state"]) == (PREDICTIONS, "metrics.rows", "open")
        assert letter["reason"] == "the value is no sightline.events.v1.Event"
        assert (letter["event"], letter["payload"], letter["bug"]) == (None, None, False)
        assert letter["begins"].startswith("ffff")
        assert letter["headers"] == [{"name": "from", "value": "a camera"}]
        refused = await world.decide(letter, "replay")
        assert slug(refused) == (409, "not-replayable")
        assert "no event" in refused.json()["detail"]
        dropped = await world.decide(letter, "drop")
        assert dropped.json()["state"] == "dropped"
        assert slug(await world.decide(letter, "drop")) == (409, "dead-letter-closed")
        assert slug(await world.decide(letter, "replay")) == (409, "dead-letter-closed")


async def test_an_old_schema_is_listed_and_says_which_is_known(world: World) -> None:
    async with world.metrics():
        await world.put(world.says("a", (1, A, 0.5), schema_version=9))
        letter = await world.letter()
        assert "schema version 9" in letter["reason"]
        assert letter["event"]["predictions_upserted"]["boxes"]["boxes"] == [list(A)]
        assert slug(await world.decide(letter, "replay")) == (409, "not-replayable")


async def test_an_event_under_a_wrong_key_goes_where_its_row_is(world: World) -> None:
    async with world.metrics():
        await world.put(world.says("a", (1, A, 0.5)), key=f"{PROJECT}/{world.dataset}/b")
        letter = await world.letter()
        assert letter["reason"] == "the key is not project/dataset/global_key of the payload"
        assert (letter["run_id"], letter["dataset_id"]) == (world.run, world.dataset)
        answer = (await world.decide(letter, "replay")).json()
        assert (answer["what"], answer["applied"], answer["added"], answer["there"]) == ("replayed", True, 1, 0)
        assert await world.confidences("a") == [0.5]
        assert await world.row("b") is None
        assert (await world.letter())["state"] == "replayed"


async def test_what_is_refused_once_more_is_open_again_and_says_why(world: World) -> None:
    """A run keeps the version of the ontology that it was made with: a class that comes later is none of its."""
    async with world.metrics():
        await world.put(world.says("a", (2, A, 0.5)))
        letter = await world.letter()
        assert "a class id is above 1" in letter["reason"]
        await world.post(f"/v1/ontologies/{world.ontology}/versions", {"classes": [{"name": "bus"}]})
        again = (await world.decide(letter, "replay")).json()
        assert (again["what"], again["state"], again["applied"]) == ("refused", "open", False)
        assert "a class id is above 1" in again["detail"]
        letter = await world.letter()  # still one: its replay is no letter of its own
        assert letter["state"] == "open"
        assert letter["outcome"]["what"] == "refused"
        assert letter["outcome"]["refused_as"] == "dl_1"
        assert (await world.decide(letter, "replay")).json()["what"] == "refused"
        assert len(await world.letters()) == 1


async def test_what_came_for_a_sealed_run_is_put_back_once_it_is_reopened(world: World) -> None:
    async with world.metrics():
        await world.put(world.says("a", (1, A, 0.5), (1, A, 0.5), (1, B, 0.25)))
        await world.post(f"/v1/model-runs/{world.run}:seal")
        # One of the three is there twice already; one is new, and one more of the first.
        await world.put(world.says("a", (1, A, 0.5), (1, A, 0.5), (1, A, 0.5), (1, B, 0.75)))
        letter = await world.letter()
        assert "sealed" in letter["reason"]
        assert (await world.decide(letter, "replay")).json()["what"] == "refused"
        assert len(await world.confidences("a")) == 3
        await world.post(f"/v1/model-runs/{world.run}:reopen")
        answer = (await world.decide(letter, "replay")).json()
        assert (answer["what"], answer["added"], answer["there"]) == ("replayed", 2, 2)
        assert len(answer["identities"]) == 2
        assert sorted(await world.confidences("a")) == [0.25, 0.5, 0.5, 0.5, 0.75]
        assert len(await world.letters()) == 1


async def test_an_identity_that_is_there_now_stays_as_it_is(world: World) -> None:
    async with world.metrics():
        await world.post(f"/v1/model-runs/{world.run}:seal")
        await world.put(world.says("a", (1, A, 0.1), (1, A, 0.2), uuids=(U, V)))
        letter = await world.letter()
        await world.post(f"/v1/model-runs/{world.run}:reopen")
        await world.put(world.says("a", (1, B, 0.9), uuids=(U,)))
        await world.done()
        before = await world.row("a")
        assert before is not None
        answer = (await world.decide(letter, "replay")).json()
        assert (answer["added"], answer["there"], answer["identities"]) == (1, 1, [U.hex()])
        assert sorted(await world.confidences("a")) == [0.2, 0.9]
        # All of it is there now: the letter is closed, and the same event again as another letter adds nothing.
        assert slug(await world.decide(letter, "replay")) == (409, "dead-letter-closed")
        await world.put(world.says("a", (1, A, 0.1), (1, A, 0.2), uuids=(U, V)), key=f"{PROJECT}/{world.dataset}/b")
        now = await world.row("a")
        answer = (await world.decide(await world.letter(state="open"), "replay")).json()
        assert (answer["added"], answer["there"]) == (0, 2)
        assert await world.row("a") == now


async def test_what_a_faulty_consumer_put_aside_is_put_back_once_it_is_mended(world: World) -> None:
    async with world.metrics(Faulty(ROW_PARTITIONS)):
        await world.put(world.says("a", (1, A, 0.5), event_id="unbearable"))
        await world.put(world.says("b", (1, A, 0.5)))
        letter = await world.letter()
        assert letter["bug"] is True
        assert letter["reason"] == "RuntimeError: a fault of mine"
        assert await world.row("a") is None
        assert await world.confidences("b") == [0.5]
    async with world.metrics():
        assert (await world.decide(letter, "replay")).json()["added"] == 1
        assert await world.confidences("a") == [0.5]


async def test_what_is_about_a_deleted_run_is_passed_over_and_says_so(world: World) -> None:
    async with world.metrics():
        await world.post(f"/v1/model-runs/{world.run}:seal")
        await world.put(world.says("a", (1, A, 0.5)))
        letter = await world.letter()
        assert (await world.http.delete(f"/v1/model-runs/{world.run}")).is_success
        answer = (await world.decide(letter, "replay")).json()
        assert (answer["what"], answer["state"], answer["added"]) == ("replayed", "replayed", 0)
        assert answer["applied"] is False
        assert "was deleted" in answer["detail"]


async def test_a_replay_says_what_it_replays(world: World) -> None:
    async with world.metrics():
        await world.put(world.says("a", (1, A, 0.5)), key=f"{PROJECT}/{world.dataset}/b", headers=(("from", b"x"),))
        await world.decide(await world.letter(), "replay")
    records = [
        record
        for partition in range(ROW_PARTITIONS)
        for record in await world.stand.log.read(PREDICTIONS, partition, 0)
        if record.headers
    ]
    [first, second] = sorted(records, key=lambda record: len(record.headers))
    assert dict(second.headers) == {"from": b"x", "sightline-replays": b"0", "sightline-replays-event": b"e"}
    event = Event.FromString(second.value)
    assert event.event_id not in ("", Event.FromString(first.value).event_id)
    assert event.producer == "ingest/dead-letters"


async def test_of_two_who_replay_at_once_exactly_one_does(world: World) -> None:
    async with world.metrics(), world.stand.another() as other:
        for n in range(5):
            await world.put(world.says("a", (1, A, n / 10)), key=f"{PROJECT}/{world.dataset}/b")
            letter = await world.letter(state="open")
            answers = await asyncio.gather(
                world.decide(letter, "replay"),
                world.decide(letter, "replay", other),
                world.decide(letter, "drop", other),
            )
            granted = [answer for answer in answers if answer.is_success]
            assert len(granted) == 1, [answer.text for answer in answers]
            assert {slug(answer) for answer in answers if answer not in granted} == {(409, "dead-letter-closed")}
            if granted[0].json()["what"] == "replayed":
                assert n / 10 in await world.confidences("a")


async def test_all_that_a_filter_names_in_pages(world: World) -> None:
    async with world.metrics():
        for n in range(5):
            await world.put(world.says("a", (1, A, n / 10)), key=f"{PROJECT}/{world.dataset}/b")
        await world.put(b"nonsense \xff", key="k")
        await world.put(world.says("a", (1, B, 0.9), run="run_other"), key=f"{PROJECT}/{world.dataset}/b")
        await world.letters()
        asked: dict[str, Any] = {"filter": {"run_id": world.run}, "limit": 3, "note": "keys"}
        first = await world.post("/v1/dead-letters:replay", asked)
        assert [item["what"] for item in first["items"]] == ["replayed"] * 3
        last = await world.post("/v1/dead-letters:replay", {**asked, "after": first["next"]})
        assert [item["what"] for item in last["items"]] == ["replayed"] * 2
        assert last["next"] is None
        assert sorted(await world.confidences("a")) == [0.0, 0.1, 0.2, 0.3, 0.4]
        rest = await world.post("/v1/dead-letters:replay", {"filter": {"topic": PREDICTIONS}})
        assert [item["what"] for item in rest["items"]] == ["not_replayable", "replayed"]
        dropped = await world.post("/v1/dead-letters:drop", {"filter": {"group": "metrics.rows", "bug": False}})
        assert [item["what"] for item in dropped["items"]] == ["dropped"]
        assert await world.letters(state="open") == []
        assert (await world.http.post("/v1/dead-letters:drop", json={"filter": {"state": "open"}})).status_code == 422


async def test_truth_comes_back_only_where_there_is_none(world: World) -> None:
    def truth(key: str, area: float, **more: Any) -> Event:
        boxes = BoxTruths(
            count=1,
            class_ids=np.array([1], "<i4").tobytes(),
            boxes=np.array(A).tobytes(),
            areas=np.array([area]).tobytes(),
            crowds=b"\0",
            annotation_ids=np.array([1], "<i8").tobytes(),
        )
        said = GroundTruthReplaced(dataset_id=world.dataset, global_key=key, chunks=1, boxes=boxes, **more)
        return Event(event_id="t", project_id=PROJECT, schema_version=1, ground_truth_replaced=said)

    async with world.metrics():
        wrong = f"{PROJECT}/{world.dataset}/nowhere"
        await world.put(truth("a", 10.0), key=wrong, topic=GROUND_TRUTH)
        await world.put(truth("b", 20.0), key=wrong, topic=GROUND_TRUTH)
        await world.put(truth("b", 30.0), topic=GROUND_TRUTH)
        letters = await world.letters()
        assert sorted(letter["group"] for letter in letters) == ["ingest.rows"] * 2 + ["metrics.rows"] * 2
        for letter in letters:
            answer = (await world.decide(letter, "replay")).json()
            assert answer["what"] == "replayed", answer
            if letter["event"]["ground_truth_replaced"]["global_key"] == "b":
                assert (answer["added"], answer["there"]) == (0, 1)
        await world.done()
        truths = await world.stand.store.page("truths", {}, order=(("global_key", 1),), limit=9)
        assert [np.frombuffer(each["areas"]).tolist() for each in truths.documents] == [[10.0], [30.0]]
        rows = await world.stand.store.page("data_rows", {}, order=(("global_key", 1),), limit=9)
        assert [len(row["labelled"]) for row in rows.documents] == [1, 1]


async def test_rows_come_back_only_where_there_is_none(world: World) -> None:
    for key, url in (("a", "https://x/a"), ("c", "https://x/c")):
        made = DataRowUpserted(dataset_id=world.dataset, global_key=key, asset_url=url)
        event = Event(event_id="d", project_id=PROJECT, schema_version=1, data_row_upserted=made)
        await world.put(event, key=row_key(PROJECT, world.dataset, "z"), topic=DATA_ROWS)
    async with world.metrics():
        kept, made = [(await world.decide(letter, "replay")).json() for letter in await world.letters()]
    assert (kept["added"], kept["there"]) == (0, 1)
    assert (made["added"], made["there"]) == (1, 0)
    rows = await world.stand.store.page("data_rows", {}, order=(("global_key", 1),), limit=9)
    assert [row["asset_url"] for row in rows.documents] == [None, None, "https://x/c"]


async def test_what_takes_away_or_asks_is_not_put_back(world: World) -> None:
    gone = PredictionsDeleted(dataset_id=world.dataset, global_key="a", run_id=world.run, uuids=U)
    asked = CatalogRequest(request_id="r")
    ended = ImportEnded(import_id="i", dataset_id=world.dataset, run_id="", unlabel_others=True)
    async with world.metrics():
        for event, key, topic in (
            (Event(predictions_deleted=gone), f"{PROJECT}/{world.dataset}/b", PREDICTIONS),
            (Event(catalog_request=asked), PROJECT, "predictions"),
            (Event(import_ended=ended), PROJECT, PREDICTIONS),
        ):
            event.event_id, event.project_id, event.schema_version = "e", PROJECT, 1
            await world.put(event.SerializeToString(), key=key, topic=topic)
        letters = await world.letters()
        assert len(letters) == 3
        for letter in letters:
            assert slug(await world.decide(letter, "replay")) == (409, "not-replayable")
        assert {letter["state"] for letter in await world.letters()} == {"open"}


async def test_markers_go_back_to_their_partition_and_change_nothing_twice(world: World) -> None:
    sealed = Marker(source_offset=1, run_sealed=RunSealed(run_id=world.run))
    event = Event(event_id="unbearable", project_id=PROJECT, schema_version=1, marker=sealed)
    async with world.metrics(Faulty(ROW_PARTITIONS)):
        await world.put(event.SerializeToString(), key=PROJECT, partition=2)
        letter = await world.letter()
    async with world.metrics():
        answer = (await world.decide(letter, "replay")).json()
        assert (answer["what"], answer["added"], answer["there"]) == ("replayed", None, None)
        last = (await world.stand.log.read(PREDICTIONS, 2, 0))[-1]
        assert dict(last.headers)["sightline-replays"] == b"0"
        await world.put(world.says("a", (1, A, 0.5)))
        assert len(await world.letters()) == 1  # the run was made after it: it is not sealed


async def test_a_letter_whose_bytes_are_gone_says_so(world: World) -> None:
    async with world.metrics():
        await world.put(world.says("a", (1, A, 0.5)), key=f"{PROJECT}/{world.dataset}/b")
        letter = await world.letter()
    with sqlite3.connect(world.stand.path) as file:  # as a retention would
        file.execute("UPDATE partitions SET first_offset = next_offset WHERE topic = 'dead-letters'")
        file.execute("DELETE FROM records WHERE headers LIKE '%sightline-reason%'")
    assert slug(await world.decide(letter, "replay")) == (410, "dead-letter-gone")
    assert (await world.letter())["bytes_gone"] is True
    assert (await world.decide(letter, "drop")).json()["state"] == "dropped"


async def test_a_claim_of_a_process_that_is_gone_runs_out(world: World) -> None:
    async with world.metrics():
        await world.put(world.says("a", (1, A, 0.5)), key=f"{PROJECT}/{world.dataset}/b")
        letter = await world.letter()
        for until, expected in ((1 << 50, 409), (1, 200)):
            claim = {"state": "replaying", "claim": {"token": "t", "until_unix_ms": until}}
            await world.stand.store.update("dead_letters", letter["_id"], {"$set": claim})
            assert (await world.decide(letter, "replay")).status_code == expected
        assert await world.confidences("a") == [0.5]
        assert "claim" not in await world.letter()


async def test_a_refusal_that_comes_late_opens_the_letter_again(world: World) -> None:
    async with world.metrics():
        await world.put(world.says("a", (2, A, 0.5)))
        letter = await world.letter()
    async with dead_letters_of(world, patience=0.1) as letters:  # metrics is away
        answer = await letters.replay(PROJECT, letter["dead_letter_id"], "")
    assert (answer["what"], answer["state"], answer["applied"], answer["added"]) == ("replayed", "replayed", None, None)
    async with world.metrics():
        again = await world.letter()
        assert (again["state"], again["outcome"]["what"]) == ("open", "refused")


async def test_no_header_of_a_producer_opens_a_letter_again(world: World) -> None:
    async with world.metrics():
        wrong = f"{PROJECT}/{world.dataset}/b"
        await world.put(world.says("a", (1, A, 0.5)), key=wrong)
        await world.decide(await world.letter(), "drop")
        await world.put(world.says("a", (1, A, 0.6)), key=wrong, headers=(("sightline-replays", b"0"),))
        assert [letter["state"] for letter in await world.letters()] == ["dropped", "open"]


async def test_there_is_no_such_letter(world: World) -> None:
    assert slug(await world.decide({"dead_letter_id": "dl_99"}, "replay")) == (404, "not-found")
    assert slug(await world.decide({"dead_letter_id": "dl_x"}, "drop")) == (422, "invalid-request")
