"""A read model made anew from the log: compared with the current one, and swapped for it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
from typing import Any

import pytest

from services.common.documents import Read
from services.common.eventlog.port import Message
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import CATALOG, PREDICTIONS, topics
from services.common.groups import INGEST_CATALOG
from services.common.readmodel.mongo import ReadModel, ReadModelError
from services.common.runloop.loop import RunLoop, WrongLog
from services.ingest.handlers import CatalogHandler
from sightline.wire.events.v1.event_pb2 import Event
from tests.integration.rebuild.conftest import ROW_PARTITIONS, Ground, Story


async def test_after_everything_both_are_equal_and_damage_is_found_and_mended(ground: Ground) -> None:
    await told(ground)
    done = await ground.rebuild("--compare")
    assert done["equal"], done
    assert not done["services_running"]
    by_name = {each["collection"]: each for each in done["collections"]}
    assert by_name["run_rows"]["equal"] > 0
    assert by_name["run_summaries"]["equal"] == 2
    assert sum(each["pending"] for each in done["collections"]) == 0

    async with ground.store() as store:
        before = await numbers(store)
        rows = store.database["run_rows"]
        paired = [row async for row in rows.find({"pair_count": {"$gt": 0}}).sort("_id", 1)]
        overlaps = bytearray(paired[0]["pair_overlaps"])
        overlaps[3] ^= 1
        await rows.update_one({"_id": paired[0]["_id"]}, {"$set": {"pair_overlaps": bytes(overlaps)}})
        await rows.delete_one({"_id": paired[1]["_id"]})
        await rows.insert_one({**paired[2], "_id": paired[2]["_id"] + "-twin"})
        await store.database["run_summaries"].update_many({}, {"$set": {"truths": -1}})

    done = await ground.rebuild("--compare")
    assert not done["equal"]
    found = {each["collection"]: each for each in done["collections"] if each["differences"]}
    assert sorted(found) == ["run_rows", "run_summaries"]
    assert {(each["id"], each["kind"], *each["fields"]) for each in found["run_rows"]["shown"]} == {
        (paired[0]["_id"], "different", "pair_overlaps"),
        (paired[1]["_id"], "extra"),
        (paired[2]["_id"] + "-twin", "missing"),
    }
    assert {tuple(each["fields"]) for each in found["run_summaries"]["shown"]} == {("truths",)}

    swapped = await ground.rebuild("--swap")
    assert swapped["went_on"]
    assert swapped["current"] == done["rebuilt"]
    async with ground.store() as store:
        assert store.database.name == swapped["current"]
        assert await numbers(store) == before
    assert (await ground.rebuild("--compare"))["equal"]


async def test_what_was_not_measured_yet_is_pending_and_services_go_on_after_the_swap(ground: Ground) -> None:
    story = await told(ground)
    async with ground.services(measuring=False) as client:
        story.client = client
        await client.post(f"/v1/model-runs/{story.runs[1]}/predictions:import", story.results)
        await client.settled(["ingest.catalog", "ingest.rows", "metrics.rows"])
    done = await ground.rebuild("--compare")
    assert done["equal"], done
    assert sum(each["pending"] for each in done["collections"]) == 1
    async with ground.store() as store:
        jobs = await store.find(Read("import_jobs", {}))

    swapped = await ground.rebuild("--swap")
    old, new = swapped["old"], swapped["current"]
    async with ground.services() as client:
        assert client.store.database.name == new != old
        await Story.run(on(story, client), "later")
        await client.settled()
        assert await client.store.count("run_summaries", {}) == 3
        assert len(await client.store.find(Read("import_jobs", {}))) == len(jobs) + 1
    done = await ground.rebuild("--compare")
    assert done["equal"], done
    assert sum(each["pending"] for each in done["collections"]) == 0

    dropped = await ground.rebuild("--drop-old")
    assert dropped == {"current": new, "dropped": [old, done["rebuilt"]]}
    async with ground.store() as store:
        assert await store.count("run_summaries", {}) == 3
        assert len(await store.find(Read("import_jobs", {}))) == len(jobs) + 1
        assert "run_rows" not in await store.home.list_collection_names()
    assert (await ground.rebuild("--drop-old"))["dropped"] == []


async def test_both_are_equal_at_any_moment_while_services_run(ground: Ground) -> None:
    async with ground.services() as client:
        story = Story(client)
        await story.begin()
        stopped = asyncio.Event()

        async def busy() -> None:
            number = 0
            while not stopped.is_set():
                number += 1
                run = await story.run(f"busy {number}")
                if number % 2:
                    await client.delete(f"/v1/model-runs/{run}")

        working = asyncio.create_task(busy())
        done = await ground.rebuild("--compare")
        again = await ground.rebuild("--compare")
        stopped.set()
        await working
        assert done["services_running"]
        assert done["equal"], done
        assert again["equal"], again
        assert again["records"] > done["records"]
        refused = await ground.said("--swap")
        assert "Stop all of them" in refused["refused"]
        await client.settled()
    assert (await ground.rebuild("--compare"))["equal"]


async def test_14_what_an_outbox_had_to_publish_is_not_lost_by_a_swap(ground: Ground) -> None:
    story = await told(ground)
    async with ground.log() as log, ground.store() as store:
        # The catalog decided, stored its decision, and died before the markers were out.
        await die_before_publishing(log, store, story)
        before = await log.end_offsets(PREDICTIONS)
    await ground.rebuild("--swap")
    async with ground.services() as client:
        await client.settled()
        assert all(end > before[partition] for partition, end in (await client.log.end_offsets(PREDICTIONS)).items())
        assert await client.store.count("run_rows", {"run_id": story.runs[1]}) == 0
        assert await client.store.get("run_summaries", f"default/{story.runs[1]}") is None
    done = await ground.rebuild("--compare")
    assert done["equal"], done


async def test_dead_letters_and_decisions_stay_and_what_is_not_handled_is_left_to_the_services(ground: Ground) -> None:
    async with ground.services() as client:
        story = Story(client)
        await story.begin()
        await client.log.append([Message(PREDICTIONS, b"default/d/row", b"no event", 0)])
        await client.settled()
        (letter,) = await client.store.find(Read("dead_letters", {}))
        await client.store.update("dead_letters", letter["_id"], {"$set": {"state": "dropped"}})
    async with ground.log() as log:
        await log.append([deletion(story)])  # nobody has decided it, so no marker is on the log
    await ground.rebuild("--swap")
    async with ground.services() as client:
        await client.log.append([Message(PREDICTIONS, b"default/d/row", b"another", 0)])
        await client.settled()
        assert await client.store.count("run_rows", {"run_id": story.runs[1]}) == 0
        assert await client.store.find(Read("dead_letters", {"_id": letter["_id"]})) == [{**letter, "state": "dropped"}]
        assert await client.store.count("dead_letters", {}) == 2
        assert await client.store.home["dead_letters"].count_documents({}) == 2
    done = await ground.rebuild("--compare")
    assert done["equal"], done


async def test_one_that_was_killed_goes_on(ground: Ground) -> None:
    await told(ground, images=60)
    for what in ("--compare", "--swap"):
        process = ground.begin(what)
        assert process.stdout is not None
        said = await asyncio.to_thread(process.stdout.readline)
        process.kill()
        await asyncio.to_thread(process.communicate)
        assert '"phase": "reading"' in said, "killed in the middle"
        async with ground.store() as store:
            assert store.database.name == ground.settings.mongo_database
    done = await ground.rebuild("--compare")
    assert done["equal"], done
    assert done["went_on"]
    swapped = await ground.rebuild("--swap")
    async with ground.store() as store:
        assert store.database.name == swapped["current"]


async def test_one_at_a_time(ground: Ground) -> None:
    """Who comes second is told of the first; --anew takes over from it, also while it still lives."""
    await told(ground, images=60)
    first = ground.begin("--compare")
    assert first.stdout is not None
    assert '"phase": "reading"' in await asyncio.to_thread(first.stdout.readline)
    first.send_signal(signal.SIGSTOP)
    for what in ("--compare", "--swap", "--drop-old"):
        refused = (await ground.said(what))["refused"]
        assert f"`rebuild --compare`, process {first.pid} on " in refused
        assert "--anew" in refused
    done = await ground.rebuild("--compare", "--anew")
    assert (done["equal"], done["went_on"]) == (True, False)
    first.send_signal(signal.SIGCONT)
    out, _ = await asyncio.to_thread(first.communicate, timeout=60)
    assert first.returncode == 1
    assert "taken over" in out.splitlines()[-1]
    assert (await ground.rebuild("--swap"))["current"] == done["rebuilt"]


async def test_a_service_that_slept_through_the_swap_writes_nothing_more(ground: Ground) -> None:
    await told(ground)
    async with ground.store() as sleeper:
        stands = await sleeper.read_progress("ingest.catalog", 0)
        await ground.rebuild("--swap")
        after = await sleeper.read_progress("ingest.catalog", 0)
        assert after.rev == stands.rev + 1
        async with ground.log() as log:
            loop = RunLoop(log, sleeper, INGEST_CATALOG, (CATALOG,), CatalogHandler(ROW_PARTITIONS))
            with pytest.raises(WrongLog, match="start again"):
                await asyncio.wait_for(loop.run(), 30)


async def test_a_read_model_of_another_version_is_replaced(ground: Ground) -> None:
    await told(ground)
    async with ground.store() as store:
        await store.database["run_rows"].drop_index("row_1")
        await store.database["run_rows"].create_index([("row", 1)], name="row_1", sparse=True)
    with pytest.raises(ReadModelError, match="rebuild --swap"):
        async with ground.store():
            pass
    assert (await ground.rebuild("--compare"))["equal"]
    swapped = await ground.rebuild("--swap")
    async with ground.store() as store:
        assert store.database.name == swapped["current"]


async def test_a_log_without_its_beginning_is_refused(ground: Ground) -> None:
    await told(ground)
    with contextlib.closing(sqlite3.connect(ground.settings.log_path)) as file, file:
        assert file.execute(FORGET).rowcount == 1
    for what in ("--compare", "--swap"):
        assert "ground-truth/1 begins at 1" in (await ground.said(what))["refused"]


async def test_another_log_is_refused(ground: Ground) -> None:
    await told(ground)
    ground.settings.log_path.rename(ground.settings.log_path.with_name("first.sqlite"))
    assert "There is no log" in (await ground.said("--compare"))["refused"]
    other = SqliteLog(ground.settings.log_path)
    await other.open(topics(ROW_PARTITIONS))
    await other.close()
    for what in ("--compare", "--swap"):
        assert "made from the log" in (await ground.said(what))["refused"]


FORGET = "UPDATE partitions SET first_offset = 1 WHERE topic = 'ground-truth' AND number = 1"


async def told(ground: Ground, images: int = 12) -> Story:
    """Something of everything, all of it applied; the services are stopped."""
    async with ground.services() as client:
        story = Story(client)
        await story.begin(images)
        await story.changes()
        await client.settled()
    return story


def on(story: Story, client: Any) -> Story:
    story.client = client
    return story


async def numbers(store: ReadModel) -> dict[str, Any]:
    """What is said of each run."""
    summaries = await store.find(Read("run_summaries", {}))
    return {each["_id"]: (each["coco"], each["counts"], each["truths"]) for each in summaries}


def deletion(story: Story) -> Message:
    event = Event(event_id="e", project_id="default", schema_version=1, producer="ingest", time_unix_ms=1)
    event.catalog_request.request_id = "by-hand"
    event.catalog_request.delete_model_run.run_id = story.runs[1]
    return Message(CATALOG, b"default", event.SerializeToString())


async def die_before_publishing(log: Any, store: ReadModel, story: Story) -> None:
    """Let the catalog's loop apply a deletion, and die between its commit and its publishing."""
    (position,) = await log.append([deletion(story)])
    died = asyncio.Event()

    class Dying:
        def __getattr__(self, name: str) -> Any:
            return getattr(log, name)

        async def append(self, messages: Any) -> Any:
            if (await store.read_progress(INGEST_CATALOG, 0)).offsets[CATALOG] > position.offset:
                died.set()
                await asyncio.Event().wait()
            return await log.append(messages)

    loop = RunLoop(Dying(), store, INGEST_CATALOG, (CATALOG,), CatalogHandler(ROW_PARTITIONS))  # type: ignore
    running = asyncio.create_task(loop.run())
    await asyncio.wait_for(died.wait(), 30)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await store.read_progress(INGEST_CATALOG, 0)).offsets[CATALOG] == position.offset + 1
