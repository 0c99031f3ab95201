"""Columns show what a plain read of everything shows, at every moment that they can show."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import numpy as np
import pytest

from services.common.documents import Read, Replace, UpdateMany
from services.common.readmodel.columns.cache import Columns, UnknownRun
from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.snapshot import Snapshot
from services.common.row_limits import MOST_PREDICTIONS, MOST_TRUTHS, PAIR_BYTES, PREDICTION_BYTES, RUN_ROW_BYTES
from tests.integration.readmodel.conftest import FailCommands
from tests.integration.readmodel.documents import GROUP, PROJECT, Writer, expected, run_row, shown, truth

RUNS = {"run_a": 1, "run_b": 2, "run_c": 3}
NAMES = [*(f"n{i}" for i in range(30)), *(f"x{i}" for i in range(6))]


@pytest.fixture
async def columns(store: ReadModel) -> AsyncIterator[Columns]:
    opened = Columns(store, 1 << 30)
    yield opened
    await opened.close()


def writers(store: ReadModel, seed: int) -> list[Writer]:
    return [Writer(store, partition, seed + partition, [*RUNS], NAMES) for partition in range(2)]


async def steps(several: list[Writer]) -> None:
    for _ in range(20):
        for writer in several:
            await writer.step()


def revs(several: list[Writer]) -> dict[int, int]:
    return {partition: writer.rev for partition, writer in enumerate(several)}


@pytest.mark.parametrize("seed", range(4))
async def test_follow_a_random_stream_of_writes(store: ReadModel, columns: Columns, seed: int) -> None:
    """Runs are loaded before, in the midst of and after the writes; all end as what MongoDB holds, none shows half."""
    several = writers(store, seed * 100)
    for writer in several:
        await writer.remember(RUNS)

    async def write(writer: Writer) -> None:
        for _ in range(60):
            await writer.step()

    async def look(run_id: str, delay: float) -> None:
        await asyncio.sleep(delay)
        async with columns.run(PROJECT, run_id) as view:
            for _ in range(10):
                before = view.generation, shown(view.current)
                stood = view.progress
                await asyncio.sleep(0.02)
                assert before == (view.generation, shown(view.current)), "a view stands still"
                await view.refresh()
                assert all(view.progress[at]["rev"] >= state["rev"] for at, state in stood.items())

    looks = [look(run_id, delay) for run_id, delay in zip(RUNS, (0, 0.1, 0.4), strict=True)]
    await asyncio.gather(*(write(writer) for writer in several), *looks)

    for run_id, version in RUNS.items():
        async with columns.run(PROJECT, run_id) as view:
            await view.reach(revs(several), timeout=5)
            assert shown(view.current) == await expected(store, run_id, version)
            assert {partition: state["rev"] for partition, state in view.progress.items()} == revs(several)
            assert view.progress[0]["offsets"] == {"predictions": several[0].rev - 1}
            assert view.progress[0]["markers"] == {"predictions": 0}


async def test_a_view_is_one_moment(store: ReadModel, columns: Columns) -> None:
    """Every transaction gives all rows one and the same count; no view may see two counts."""
    writer = Writer(store, 0, 1, [*RUNS], NAMES)
    await writer.remember(RUNS)
    chance = random.Random(1)
    await writer.commit([Replace("truths", truth(chance, name, 1)) for name in NAMES])
    stop = False

    async def write() -> None:
        for count in itertools.cycle(range(1, 50)):
            if stop:
                return
            await writer.commit([Replace("run_rows", run_row(chance, name, "run_a", count)) for name in NAMES])

    writing = asyncio.create_task(write())
    moments: set[int] = set()
    for _ in range(12):
        columns_of_its_own = Columns(store, 1 << 30)
        async with columns_of_its_own.run(PROJECT, "run_a") as view:
            for _ in range(10):
                counts = set(view.evidence.prediction_rows.count.tolist())
                assert len(counts) == 1
                state = view.progress[0]
                assert state["offsets"] == {"predictions": state["rev"] - 1}
                moments |= counts
                await asyncio.sleep(0.004)
                await view.refresh()
        await columns_of_its_own.close()
    stop = True
    await writing
    assert len(moments) > 10


async def test_rows_that_the_run_never_mentioned_show_their_truths(store: ReadModel, columns: Columns) -> None:
    writer = Writer(store, 0, 1, ["run_a"], NAMES)
    await writer.remember({"run_a": 1})
    document = truth(random.Random(3), "n4", 1)
    await writer.commit([Replace("truths", document)])

    async with columns.run(PROJECT, "run_a") as view:
        assert view.rows == ["n4"]
        assert view.evidence.truth_rows.count.tolist() == [document["count"]]
        assert view.evidence.prediction_rows.count.tolist() == [0]


async def test_an_absent_confidence_counts_as_one(store: ReadModel, columns: Columns) -> None:
    writer = Writer(store, 0, 1, ["run_a"], NAMES)
    await writer.remember({"run_a": 1})
    row = run_row(random.Random(1), "n4", "run_a", 2)
    row["confidences"] = np.array([np.nan, 0.25]).tobytes()
    await writer.commit([Replace("truths", truth(random.Random(3), "n4", 1)), Replace("run_rows", row)])

    async with columns.run(PROJECT, "run_a") as view:
        assert view.evidence.predictions.confidence.tolist() == [1.0, 0.25]


async def test_a_run_that_only_the_catalog_knows_is_loaded_empty(store: ReadModel, columns: Columns) -> None:
    with pytest.raises(UnknownRun):
        async with columns.run(PROJECT, "run_new"):
            pass
    await store.replace("model_runs", {"_id": f"{PROJECT}/run_new", "dataset_id": "ds_1", "dataset_version": 1})

    async with columns.run(PROJECT, "run_new") as view:
        assert view.evidence.row_count == 0
        assert view.progress == {}
        writer = Writer(store, 0, 1, ["run_new"], NAMES)
        chance = random.Random(1)
        await writer.commit(
            [Replace("truths", truth(chance, "n1", 1)), Replace("run_rows", run_row(chance, "n1", "run_new", 3))]
        )
        await view.reach({0: 1}, timeout=2)
        assert view.evidence.prediction_rows.count.tolist() == [3]


async def test_a_generation_is_new_when_something_changed_and_only_then(store: ReadModel, columns: Columns) -> None:
    writer = Writer(store, 0, 1, ["run_a", "run_b"], NAMES)
    await writer.remember({"run_a": 1, "run_b": 1})
    chance = random.Random(1)
    await writer.commit([Replace("truths", truth(chance, "n1", 1))])

    async with columns.run(PROJECT, "run_a") as a, columns.run(PROJECT, "run_b") as b:
        before = a.generation, b.generation
        await writer.commit([Replace("run_rows", run_row(chance, "n1", "run_a", 3))])
        await a.reach({0: writer.rev}, timeout=2)
        await b.reach({0: writer.rev}, timeout=2)
        assert a.generation != before[0]
        assert b.generation == before[1]
        assert b.progress[0]["rev"] == writer.rev
        with pytest.raises(TimeoutError):
            await b.reach({0: writer.rev + 1}, timeout=0.1)


async def test_loads_of_one_run_are_shared(store: ReadModel, columns: Columns, monkeypatch: pytest.MonkeyPatch) -> None:
    await Writer(store, 0, 1, ["run_a"], NAMES).remember({"run_a": 1})
    snapshots = 0
    original = store.snapshot

    def counted() -> Any:
        nonlocal snapshots
        snapshots += 1
        return original()

    monkeypatch.setattr(store, "snapshot", counted)

    async def look() -> int:
        async with columns.run(PROJECT, "run_a") as view:
            return view.generation

    assert len(set(await asyncio.gather(*(look() for _ in range(20))))) == 1
    assert snapshots == 3  # where the feed begins, the truths, the run


async def test_changes_during_a_load_are_in(
    store: ReadModel, columns: Columns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feed is ahead of the moment that is read: what it has seen since isn't lost."""
    several = writers(store, 11)
    for writer in several:
        await writer.remember(RUNS)
    original = store.snapshot

    @contextlib.asynccontextmanager
    async def slow() -> AsyncGenerator[Snapshot]:
        async with original() as moment:
            await moment.find(Read("progress", {}))
            await steps(several)
            await asyncio.sleep(0.2)
            yield moment

    monkeypatch.setattr(store, "snapshot", slow)
    async with columns.run(PROJECT, "run_b") as view:
        await view.reach(revs(several), timeout=5)
        assert shown(view.current) == await expected(store, "run_b", 2)


async def test_a_load_waits_until_the_feed_is_as_far(
    store: ReadModel, columns: Columns, monkeypatch: pytest.MonkeyPatch, fail_commands: FailCommands
) -> None:
    """The feed is behind the moment that is read: otherwise the run would be ahead of its truths and its progress."""
    several = writers(store, 12)
    for writer in several:
        await writer.remember(RUNS)
    async with columns.run(PROJECT, "run_a"):
        pass
    original = store.snapshot

    @contextlib.asynccontextmanager
    async def ahead() -> AsyncGenerator[Snapshot]:
        await fail_commands("getMore", times=1, blockConnection=True, blockTimeMS=600)
        await asyncio.sleep(0.1)
        await steps(several)
        async with original() as moment:
            yield moment

    monkeypatch.setattr(store, "snapshot", ahead)
    async with columns.run(PROJECT, "run_b") as view:
        assert {partition: state["rev"] for partition, state in view.progress.items()} == revs(several)
        assert shown(view.current) == await expected(store, "run_b", 2)


async def test_memory_is_limited(store: ReadModel) -> None:
    runs = [f"run_{i}" for i in range(6)]
    writer = Writer(store, 0, 1, runs, NAMES)
    await writer.remember(dict.fromkeys(runs, 1))
    chance = random.Random(1)
    await writer.commit([Replace("truths", truth(chance, name, 1)) for name in NAMES])
    for run_id in runs:
        await writer.commit([Replace("run_rows", run_row(chance, name, run_id, 400)) for name in NAMES])
    columns = Columns(store, 1 << 30)
    async with columns.run(PROJECT, "run_0"):
        one = columns.nbytes
    await columns.close()
    assert one < 36 * 400 * 64 + 64_000

    limit = int(one * 3.5)
    columns = Columns(store, limit)
    async with columns.run(PROJECT, "run_0") as pinned:
        for run_id in runs * 2:
            async with columns.run(PROJECT, run_id) as view:
                assert shown(view.current) == await expected(store, run_id, 1)
            assert columns.nbytes <= limit
        await writer.commit([Replace("run_rows", run_row(chance, "n1", "run_0", 7))])
        await pinned.reach({0: writer.rev}, timeout=2)
        assert shown(pinned.current) == await expected(store, "run_0", 1)
    await columns.close()


async def test_many_look_at_more_runs_than_fit(store: ReadModel) -> None:
    """With room for one run, all are loaded and dropped all the time; each look shows what was reached."""
    runs = [f"run_{i}" for i in range(4)]
    writer = Writer(store, 0, 3, runs, NAMES)
    await writer.remember(dict.fromkeys(runs, 1))
    await writer.commit([Replace("truths", truth(random.Random(1), name, 1)) for name in NAMES])
    for _ in range(30):
        await writer.step()
    columns = Columns(store, 1)

    async def look(run_id: str, chance: random.Random) -> None:
        for _ in range(8):
            async with columns.run(PROJECT, run_id) as view:
                await asyncio.sleep(chance.random() * 0.02)
                rev = writer.rev
                await view.reach({0: rev}, timeout=5)
                assert view.progress[0]["rev"] >= rev
                if writing.done():
                    assert shown(view.current) == await expected(store, run_id, 1)

    async def write() -> None:
        for _ in range(40):
            await writer.step()

    writing = asyncio.create_task(write())
    await asyncio.gather(*(look(run_id, random.Random(at)) for at in range(4) for run_id in runs))
    await writing
    for run_id in runs:
        async with columns.run(PROJECT, run_id) as view:
            assert shown(view.current) == await expected(store, run_id, 1)
    assert columns.nbytes == 0
    await columns.close()


async def test_whoever_stops_waiting_disturbs_nobody(store: ReadModel, columns: Columns) -> None:
    writer = Writer(store, 0, 3, ["run_a"], NAMES)
    await writer.remember({"run_a": 1})
    await steps([writer])

    async def look() -> int:
        async with columns.run(PROJECT, "run_a") as view:
            return view.generation

    looks = [asyncio.create_task(look()) for _ in range(6)]
    await asyncio.sleep(0.005)
    for each in looks[:5]:
        each.cancel()
    await looks[5]
    async with columns.run(PROJECT, "run_a") as view:
        assert shown(view.current) == await expected(store, "run_a", 1)


async def test_gaps_are_closed_and_old_views_stay(store: ReadModel, columns: Columns) -> None:
    writer = Writer(store, 0, 1, ["run_a"], NAMES)
    await writer.remember({"run_a": 1})
    chance = random.Random(1)
    await writer.commit([Replace("truths", truth(chance, name, 1)) for name in NAMES])
    async with columns.run(PROJECT, "run_a") as first, columns.run(PROJECT, "run_a") as view:
        for _ in range(12):
            await writer.commit([Replace("run_rows", run_row(chance, name, "run_a", 150)) for name in NAMES])
            await view.reach({0: writer.rev}, timeout=2)
            if first.evidence.prediction_rows.count.sum() == 0:
                await first.refresh()
                old = shown(first.current)
        assert shown(view.current) == await expected(store, "run_a", 1)
        assert len(view.evidence.predictions.class_id) < 6 * 36 * 150, "gaps are closed"
        assert shown(first.current) == old


@pytest.mark.parametrize("code", [286, 280], ids=["history lost", "fatal"])
async def test_a_lost_feed_is_read_anew(
    store: ReadModel, columns: Columns, fail_commands: FailCommands, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was loaded goes; views stay readable, and reach what came after."""
    several = writers(store, 7)
    for writer in several:
        await writer.remember(RUNS)
    async with columns.run(PROJECT, "run_a") as view, columns.run(PROJECT, "run_b") as other:
        await steps(several)
        await view.reach(revs(several), timeout=5)
        old = view.generation
        await fail_commands("getMore", times=1, errorCode=code)
        await asyncio.sleep(0.1)
        await steps(several)
        assert view.generation == old
        await view.reach(revs(several), timeout=5)
        await other.refresh()
        assert "change feed lost" in capsys.readouterr().out
        assert view.generation > old
        assert shown(view.current) == await expected(store, "run_a", 1)
        assert shown(other.current) == await expected(store, "run_b", 2)


@pytest.mark.parametrize("how", [{"closeConnection": True}, {"errorCode": 43}, {"errorCode": 189}])
async def test_an_interrupted_feed_goes_on(
    store: ReadModel, columns: Columns, fail_commands: FailCommands, how: dict[str, Any]
) -> None:
    """Nothing is missed, and nothing is loaded again."""
    several = writers(store, 9)
    for writer in several:
        await writer.remember(RUNS)
    async with columns.run(PROJECT, "run_a") as view:
        tables = columns.nbytes
        await fail_commands("getMore", times=3, **how)
        await steps(several)
        await view.reach(revs(several), timeout=5)
        assert columns.nbytes >= tables
        assert shown(view.current) == await expected(store, "run_a", 1)


@pytest.mark.parametrize("code", [239, 246], ids=["too old", "unavailable"])
async def test_a_moment_that_is_gone_is_read_anew(
    store: ReadModel, columns: Columns, fail_commands: FailCommands, code: int
) -> None:
    several = writers(store, 10)
    for writer in several:
        await writer.remember(RUNS)
    await steps(several)
    async with columns.run(PROJECT, "run_b"):
        pass
    await fail_commands("find", times=2, errorCode=code, namespace=f"{store.database.name}.run_rows")

    async with columns.run(PROJECT, "run_a") as view:
        assert shown(view.current) == await expected(store, "run_a", 1)


@pytest.mark.parametrize("what", ["drop a collection", "a change that can't be followed", "delete progress"])
async def test_what_can_t_be_followed_is_read_anew(store: ReadModel, columns: Columns, what: str) -> None:
    several = writers(store, 8)
    for writer in several:
        await writer.remember(RUNS)
    async with columns.run(PROJECT, "run_a") as view:
        await steps(several)
        await view.reach(revs(several), timeout=5)
        match what:
            case "drop a collection":
                await store.database["run_rows"].drop()
            case "delete progress":
                await store.delete("progress", f"{GROUP}/1")
                several[1].rev = 0
            case _:
                update = UpdateMany("run_rows", {}, {"$set": {"class_ids": b"", "confidences": b"", "count": 0}})
                await several[0].commit([update, UpdateMany("run_rows", {}, {"$set": {"places": b"", "areas": b""}})])
        for writer in several:
            await writer.step()
        await asyncio.sleep(0.3)
        await view.reach(revs(several), timeout=5)
        assert shown(view.current) == await expected(store, "run_a", 1)


async def test_the_fullest_rows_there_may_be_are_stored_and_followed(store: ReadModel, columns: Columns) -> None:
    """Documents near MongoDB's limit come through the change stream."""
    writer = Writer(store, 0, 1, [*RUNS], NAMES)
    await writer.remember(RUNS)
    chance = random.Random(1)
    pairs = (RUN_ROW_BYTES - PREDICTION_BYTES * MOST_PREDICTIONS) // PAIR_BYTES
    full_row = {
        "count": MOST_PREDICTIONS,
        "class_ids": np.ones(MOST_PREDICTIONS, "<i4").tobytes(),
        "places": np.arange(MOST_PREDICTIONS, dtype="<i4").tobytes(),
        **{name: bytes(8 * MOST_PREDICTIONS) for name in ("confidences", "areas")},
        "boxes": bytes(32 * MOST_PREDICTIONS),
        "uuids": bytes(16 * MOST_PREDICTIONS),
        "import_marks": bytes(MOST_PREDICTIONS),
        "least_overlap": 0.2,
        "pair_count": pairs,
        **{name: bytes(4 * pairs) for name in ("pair_predictions", "pair_truths")},
        "pair_overlaps": np.full(pairs, 0.5).tobytes(),
    }
    full_truth = {
        "count": MOST_TRUTHS,
        "class_ids": np.ones(MOST_TRUTHS, "<i4").tobytes(),
        **{name: bytes(8 * MOST_TRUTHS) for name in ("areas", "annotation_ids")},
        "boxes": bytes(32 * MOST_TRUTHS),
        "crowds": bytes(MOST_TRUTHS),
    }
    row = {**run_row(chance, "n" * 199 + "1", "run_a"), **full_row}
    other = {**run_row(chance, "n2", "run_a"), **full_row}
    truths = [{**truth(chance, "n1", 1), "_id": f"{row['row']}@1", **full_truth}, truth(chance, "n2", 1)]
    async with columns.run(PROJECT, "run_a") as view:
        assert view.evidence.least_overlap == 0.05
        await writer.commit([Replace("truths", each) for each in truths])
        for last in ({}, {"least_overlap": 0.3}):
            for each in (row, {**other, **last}):
                await writer.commit([Replace("run_rows", each)])
        await view.reach({0: writer.rev}, timeout=20)
        assert sorted(view.evidence.truth_rows.count.tolist())[1] == MOST_TRUTHS
        assert view.evidence.prediction_rows.count.tolist() == [MOST_PREDICTIONS] * 2
        assert view.evidence.pair_rows.count.tolist() == [pairs] * 2
        assert view.evidence.least_overlap == 0.3
    again = Columns(store, 1 << 30)
    async with again.run(PROJECT, "run_a") as view:
        assert view.evidence.pair_rows.count.tolist() == [pairs] * 2
        assert view.evidence.least_overlap == 0.3
    await again.close()
