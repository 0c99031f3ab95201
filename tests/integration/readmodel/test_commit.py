"""One transaction per batch: applied once, whoever else tries."""

from __future__ import annotations

import asyncio
import random

import pytest

from services.common.eventlog.handling import Delete, DeleteMany, Read, Replace, UpdateMany
from services.common.eventlog.port import Message
from services.common.progress import LostRace, Progress
from services.common.readmodel.mongo import ReadModel

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
