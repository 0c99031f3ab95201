"""One transaction per batch: applied once, whoever else tries."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pymongo.errors import OperationFailure, PyMongoError

from services.common.documents import Delete, DeleteMany, Read, Replace, Update, UpdateMany, Write
from services.common.eventlog.port import Message
from services.common.progress import BatchTooLarge, CommitUnknown, LostRace, NotNew, Progress
from services.common.readmodel.columns.cache import Columns
from services.common.readmodel.initiate import initiate
from services.common.readmodel.mongo import COMMIT_SECONDS, ReadModel
from sightline.mongod import Mongod, Process
from tests.integration.readmodel.conftest import FailCommands
from tests.integration.readmodel.documents import truth

GROUP = "metrics.rows"


async def test_stores_documents_and_progress_together(store: ReadModel) -> None:
    message = Message("run-touched", b"run", b"\x00\x01", partition=3, headers=(("a", b"b"),))
    progress = Progress(1, "me", "log", {"ground-truth": 4, "predictions": 9}, (message,))

    await store.commit(GROUP, 2, expected_rev=0, progress=progress, writes=[Replace("truths", {"_id": "a", "n": 1})])

    assert await store.read_progress(GROUP, 2) == progress
    assert await store.get("truths", "a") == {"_id": "a", "n": 1}
    assert await store.read_progress(GROUP, 3) == Progress()


@pytest.mark.parametrize(("expected", "stands"), [(0, 1), (2, 1), (7, 0)])
async def test_another_rev_loses_and_stores_nothing(store: ReadModel, expected: int, stands: int) -> None:
    for rev in range(stands):
        await store.commit(GROUP, 0, expected_rev=rev, progress=Progress(rev + 1), writes=[])

    with pytest.raises(LostRace):
        await store.commit(
            GROUP, 0, expected_rev=expected, progress=Progress(expected + 1), writes=[Replace("truths", {"_id": "a"})]
        )

    assert await store.get("truths", "a") is None
    assert (await store.read_progress(GROUP, 0)).rev == stands


async def test_what_should_be_new_and_is_there_stores_nothing(store: ReadModel) -> None:
    """An owner that read before another has written loses; otherwise the handler is wrong: its batch is halved."""
    first = [Replace("truths", {"_id": "a", "n": 1}, new=True)]
    late = [Replace("truths", {"_id": "b"}), Replace("truths", {"_id": "a", "n": 2}, new=True)]
    await store.commit(GROUP, 0, expected_rev=0, progress=Progress(1, "first"), writes=first)

    with pytest.raises(LostRace):
        await store.commit(GROUP, 0, expected_rev=0, progress=Progress(1, "late"), writes=late)
    with pytest.raises(NotNew):
        await store.commit(GROUP, 0, expected_rev=1, progress=Progress(2, "first"), writes=late)

    assert await store.find(Read("truths", {})) == [{"_id": "a", "n": 1}]
    assert await store.read_progress(GROUP, 0) == Progress(1, "first")


async def test_writes_apply_in_their_order(store: ReadModel) -> None:
    await store.write([Replace("truths", {"_id": id, "n": 0}) for id in "abcde"])
    writes = [
        Replace("truths", {"_id": "a", "n": 1}),
        Replace("truths", {"_id": "a", "n": 2}),
        Delete("truths", "b"),
        Replace("truths", {"_id": "c", "n": 7}),
        UpdateMany("truths", {"n": 7}, {"$set": {"n": 8}}),
        Replace("truths", {"_id": "f", "n": 7}),
        Delete("truths", "d"),
        Replace("truths", {"_id": "d", "n": 9}),
        DeleteMany("truths", {"_id": "e"}),
        Replace("run_rows", {"_id": "x"}),
    ]

    await store.commit(GROUP, 0, expected_rev=0, progress=Progress(1), writes=writes)

    found = {document["_id"]: document["n"] for document in await store.find(Read("truths", {}))}
    assert found == {"a": 2, "c": 8, "d": 9, "f": 7}
    assert await store.get("run_rows", "x") == {"_id": "x"}


@pytest.mark.parametrize("seed", range(20))
async def test_writes_together_leave_what_they_leave_one_by_one(store: ReadModel, seed: int) -> None:
    chance = random.Random(seed)
    there: set[int] = set()
    together: list[Write] = []
    for _ in range(chance.randrange(2, 25)):
        id, fields = chance.randrange(4), {name: chance.randrange(3) for name in "abc" if chance.random() < 0.6}
        match chance.randrange(9):
            case 0 | 1:
                new = id not in there and chance.random() < 0.8
                together.append(Replace("truths", {"_id": id, **fields}, new=new))
                there.add(id)
            case 2:
                together.append(Delete("truths", id))
                there.discard(id)
            case 3:
                together.append(UpdateMany("truths", {"a": chance.randrange(3)}, {"$set": {**fields, "d": 1}}))
            case 4:
                together.append(DeleteMany("truths", {"_id": id, "b": chance.randrange(3)}))
            case _:
                together.append(Update("truths", id, fields))
    for write in together:
        await store.write([replace(write, collection="run_rows")])

    await store.commit(GROUP, 0, expected_rev=0, progress=Progress(1), writes=together)

    left = [{each["_id"]: each for each in await store.find(Read(name, {}))} for name in ("truths", "run_rows")]
    assert left[0] == left[1]


@pytest.mark.parametrize("command", ["update", "commitTransaction"])
@pytest.mark.parametrize(
    "how",
    [
        {"closeConnection": True},
        {"errorCode": 112, "errorLabels": ["TransientTransactionError"]},  # WriteConflict
        {"errorCode": 189, "errorLabels": ["TransientTransactionError"]},  # PrimarySteppedDown
    ],
    ids=["connection closed", "conflict", "stepped down"],
)
async def test_a_passing_failure_is_tried_again(
    store: ReadModel, fail_commands: FailCommands, command: str, how: dict[str, object]
) -> None:
    await store.write([Replace("truths", {"_id": "old"})])
    await fail_commands(command, times=2, **how)

    writes = [Delete("truths", "old"), Replace("truths", {"_id": "a"})]
    await store.commit(GROUP, 0, expected_rev=0, progress=Progress(1, "me"), writes=writes)

    assert await store.find(Read("truths", {})) == [{"_id": "a"}]
    assert await store.read_progress(GROUP, 0) == Progress(1, "me")


@pytest.mark.parametrize(
    "how",
    [
        {"errorCode": 50},  # MaxTimeMSExpired
        {"writeConcernError": {"code": 64, "errmsg": "timed out"}},
    ],
    ids=["answer lost", "majority not told"],
)
async def test_a_commit_whose_answer_is_lost_is_asked_for_again(
    store: ReadModel, fail_commands: FailCommands, how: dict[str, object]
) -> None:
    await fail_commands("commitTransaction", times=3, **how)

    await store.commit(GROUP, 0, expected_rev=0, progress=Progress(1), writes=[Replace("truths", {"_id": "a"})])

    assert await store.get("truths", "a")


@pytest.mark.parametrize("stored", [True, False])
async def test_a_commit_whose_answer_stays_lost_is_unknown(
    store: ReadModel, fail_commands: FailCommands, stored: bool
) -> None:
    """It may be stored or not; either way the next who reads progress knows, and goes on from there.

    One that never reached the server is open there and holds its documents: it is ended, not waited for.
    """
    impatient = ReadModel(store.client, store.database.name, commit_seconds=0.3)
    told: dict[str, object] = {"writeConcernError": {"code": 64, "errmsg": "timed out"}}
    await fail_commands("commitTransaction", times=1000, **(told if stored else {"errorCode": 50}))
    writes = [Replace("truths", {"_id": "a", "n": 1})]

    with pytest.raises(CommitUnknown):
        await impatient.commit(GROUP, 0, expected_rev=0, progress=Progress(1, "me"), writes=writes)

    await fail_commands("commitTransaction", times=0)
    progress = await store.read_progress(GROUP, 0)
    assert progress.rev == (1 if stored else 0)
    following = Progress(progress.rev + 1, "me")
    await store.commit(GROUP, 0, expected_rev=progress.rev, progress=following, writes=writes)
    assert await store.find(Read("truths", {})) == [{"_id": "a", "n": 1}]


async def test_a_transaction_left_open_by_a_killed_process_is_ended(
    mongo_url: str, store: ReadModel, database_name: str
) -> None:
    """The server would end it after a minute: a commit doesn't try that long."""
    assert COMMIT_SECONDS < 60
    program = f"""
import asyncio, os, signal
from services.common.documents import Replace
from services.common.progress import Progress
from services.common.readmodel import commit
from services.common.readmodel.mongo import ReadModel
async def main():
    store = await ReadModel.open({mongo_url!r}, {database_name!r})
    async def die(session, deadline):
        os.kill(os.getpid(), signal.SIGKILL)
    commit._finish = die
    writes = [Replace("truths", {{"_id": "a", "by": "the killed"}})]
    await store.commit({GROUP!r}, 0, expected_rev=0, progress=Progress(1), writes=writes)
asyncio.run(main())
"""
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await killed.wait() == -signal.SIGKILL

    writes = [Replace("truths", {"_id": "a", "by": "the next"})]
    await store.commit(GROUP, 0, expected_rev=0, progress=Progress(1), writes=writes)

    assert await store.find(Read("truths", {})) == [{"_id": "a", "by": "the next"}]


async def test_an_error_that_does_not_pass_is_passed_on(store: ReadModel, fail_commands: FailCommands) -> None:
    await fail_commands("update", times=1, errorCode=13)  # Unauthorized

    with pytest.raises(OperationFailure):
        await store.commit(GROUP, 0, expected_rev=0, progress=Progress(1), writes=[Replace("truths", {"_id": "a"})])

    assert await store.read_progress(GROUP, 0) == Progress()
    assert await store.get("truths", "a") is None


async def test_what_is_too_large_for_a_transaction_is_said(store: ReadModel) -> None:
    large = Replace("truths", {"_id": "a", "boxes": bytes(17 << 20)})
    with pytest.raises(BatchTooLarge):
        await store.commit(GROUP, 0, expected_rev=0, progress=Progress(1), writes=[large])

    assert await store.read_progress(GROUP, 0) == Progress()


async def test_what_finds_no_room_in_the_cache_is_tried_again_and_then_too_large(
    store: ReadModel, fail_commands: FailCommands
) -> None:
    writes = [Replace("truths", {"_id": "a"})]
    await fail_commands("update", times=3, errorCode=388)
    await store.commit(GROUP, 0, expected_rev=0, progress=Progress(1), writes=writes)
    assert await store.get("truths", "a") == {"_id": "a"}

    hasty = ReadModel(store.client, store.database.name, commit_seconds=0.2)
    await fail_commands("update", times=1000, errorCode=388)
    with pytest.raises(BatchTooLarge):
        await hasty.commit(GROUP, 0, expected_rev=1, progress=Progress(2), writes=writes)


async def test_a_server_killed_over_and_over_loses_nothing_and_applies_nothing_twice(tmp_path: Path) -> None:
    """Every commit counts its rev into a document; readers follow it all the way, over every restart."""
    mongod = Mongod.prepare(tmp_path)
    process = await asyncio.to_thread(Process, mongod)
    try:
        await asyncio.to_thread(initiate, mongod.url)
        store = await ReadModel.open(mongod.url, "killed")
        await store.replace("model_runs", {"_id": "default/run", "dataset_id": "ds", "dataset_version": 1})
        columns = Columns(store, 1 << 30)
        acknowledged = 0
        stop = False

        async def write() -> None:
            nonlocal acknowledged
            while not stop:
                try:
                    progress = await store.read_progress(GROUP, 0)
                    rev = progress.rev + 1
                    counter = await store.get("data_rows", "counter") or {"n": 0}
                    assert counter["n"] == progress.rev
                    writes = [
                        Replace("data_rows", {"_id": "counter", "n": rev}),
                        Replace("truths", truth(random.Random(rev), f"n{rev % 40}", 1, "ds")),
                    ]
                    await store.commit(GROUP, 0, expected_rev=rev - 1, progress=Progress(rev), writes=writes)
                    acknowledged = rev
                except (PyMongoError, CommitUnknown):
                    await asyncio.sleep(0.02)

        async with columns.run("default", "run") as view:
            writing = asyncio.create_task(write())
            for _ in range(2):
                before = acknowledged
                while acknowledged < before + 15:
                    await asyncio.sleep(0.01)
                process.kill()
                process = await asyncio.to_thread(Process, mongod)
            stop = True
            await writing
            progress = await store.read_progress(GROUP, 0)
            assert progress.rev >= acknowledged >= 30
            await view.reach({0: progress.rev}, timeout=10)
            assert sorted(view.rows) == sorted(each["global_key"] for each in await store.find(Read("truths", {})))
        await columns.close()
        await store.close()
    finally:
        process.kill()


async def test_two_owners_of_a_partition_apply_every_event_once(store: ReadModel) -> None:
    """Each reads where the partition stands and applies the next few events; nothing else keeps them apart."""
    events = 300
    lost = 0

    async def own(writer: str, seed: int) -> None:
        nonlocal lost
        chance = random.Random(seed)
        while True:
            progress = await store.read_progress(GROUP, 0)
            begin = progress.offsets.get("predictions", 0)
            if begin == events:
                return
            end = min(events, begin + chance.randint(1, 3))
            counters = {document["_id"]: document["n"] for document in await store.find(Read("truths", {}))}
            for event in range(begin, end):
                counters[f"c{event % 7}"] = counters.get(f"c{event % 7}", 0) + 1
            writes = [Replace("truths", {"_id": id, "n": n}) for id, n in counters.items()]
            following = Progress(progress.rev + 1, writer, "log", {"predictions": end})
            try:
                await store.commit(GROUP, 0, expected_rev=progress.rev, progress=following, writes=writes)
            except LostRace:
                lost += 1

    await asyncio.gather(own("a", 1), own("b", 2))

    counters = {document["_id"]: document["n"] for document in await store.find(Read("truths", {}))}
    assert sum(counters.values()) == events
    assert counters == {f"c{i}": len(range(i, events, 7)) for i in range(7)}
    assert lost > 0
