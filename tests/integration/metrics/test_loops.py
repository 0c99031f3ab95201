"""The whole service on a real log and a real MongoDB: the numbers are pycocotools', whatever came first."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import numpy as np
import pytest

from services.common import row_limits
from services.common.documents import Read
from services.common.eventlog.partitioner import partition_of
from services.metrics import run_owner
from services.metrics.loops import rows_loop
from sightline.evaluation import evaluate
from tests.contract.eventlog.run_loop_suite import Fault
from tests.unit.evaluation import oracle
from tests.unit.evaluation.synthetic import coco
from tests.unit.eventlog.fakes import Crash, SteppedStore
from tests.unit.metrics.saying import DATASET, PARTITIONS, committed, created, ended, in_chunks, truth, upsert


def said_by(files: tuple[dict[str, Any], list[dict[str, Any]]]) -> tuple[list[Any], list[Any]]:
    """Truth events and prediction events of COCO files; classes in the order of category ids, from 1."""
    gt, results = files
    classes = {category: i + 1 for i, category in enumerate(sorted(c["id"] for c in gt["categories"]))}
    by_image: dict[int, tuple[list[Any], list[Any]]] = {image["id"]: ([], []) for image in gt["images"]}
    for a in gt["annotations"]:
        by_image[a["image_id"]][0].append(a)
    for r in results:
        by_image[r["image_id"]][1].append(r)
    truths, predictions = [], []
    for image, (marked, found) in by_image.items():
        event = truth(
            f"{image}.jpg",
            [(classes[a["category_id"]], tuple(a["bbox"]), bool(a.get("iscrowd"))) for a in marked],
            ordinal=image,
            import_id="imp_t",
        )
        areas = [a["area"] for a in marked]
        event.ground_truth_replaced.boxes.areas = np.array(areas, "<f8").tobytes()
        truths.append(event)
        boxes = [(classes[r["category_id"]], tuple(r["bbox"]), r["score"]) for r in found]
        predictions.append(upsert(f"{image}.jpg", "run_a", boxes, import_id="imp_p", replace=True))
    return truths, predictions


def check(summary: dict[str, Any], files: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    gt, results = files
    for name, value in oracle.twelve(oracle.evaluated(gt, results)).items():
        assert summary["coco"][name] == (None if value is None else pytest.approx(value, abs=1e-9)), name
    ours = evaluate(gt, results)
    total = ours.metrics(iou=0.5, confidence=0.5)["total"]
    counts = summary["counts"]
    for name in ("true_positive", "false_positive", "false_negative"):
        assert counts[name] == total[f"{name}_count"]
    assert summary["rows"] == len(gt["images"])
    assert summary["predictions"] == len(results)
    assert summary["truths"] == len(gt["annotations"])


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_of_arrival_equals_pycocotools(world, seed):
    files = coco(seed, images=40, classes=4, truths=5, detections=20)
    truths, predictions = said_by(files)
    dice = random.Random(seed)

    async def tell_truth():
        dice.shuffle(truths)
        await world.say(*truths)
        await world.mark(ended("imp_t", unlabel_others=True))
        await asyncio.sleep(dice.choice([0, 0.2]))
        await world.mark(committed(1, 10))

    async def tell_predictions():
        dice.shuffle(predictions)
        for start in range(0, len(predictions), 7):
            await world.say(*predictions[start : start + 7])
            if start == 14:
                await world.mark(created("run_a", 1, 20))
            await asyncio.sleep(0.01)
        await world.mark(ended("imp_p", run="run_a"))

    async with world.running():
        for tell in dice.sample([tell_truth, tell_predictions], 2):
            await tell()
            await asyncio.sleep(dice.choice([0, 0.5]))
        await world.until(lambda: world.settled("run_a"))
        check(await world.summary("run_a"), files)


async def test_a_summary_survives_a_stop_between_rows_and_runs(world):
    """Touches wait on the log: whoever comes measures, and imports again change nothing."""
    files = coco(11, images=20, classes=3, truths=4, detections=10)
    truths, predictions = said_by(files)
    await world.mark(created("run_a", 1, 20))
    await world.say(*truths, *predictions)
    await world.mark(committed(1, 10), ended("imp_p", run="run_a"))
    async with world.running(runs=False):
        await world.until(world.rows_done)
    assert await world.summary("run_a") is None
    async with world.running(rows=False):
        await world.until(lambda: world.settled("run_a"))
    check(await world.summary("run_a"), files)

    for event in predictions:
        event.predictions_upserted.import_id = "imp_again"
    await world.say(*predictions)
    await world.mark(ended("imp_again", run="run_a"))
    async with world.running():
        await world.until(lambda: world.settled("run_a"))
    check(await world.summary("run_a"), files)


async def test_trace_9_a_marker_on_a_partition_without_predictions_touches_the_run(world):
    """Some row partitions hold only missed truths, and the version's marker comes last of all."""
    await world.mark(created("run_a", 1, 20))
    async with world.running():
        await world.say(*(truth(f"image-{i}", [(1, (0, 0, 10, 10), False)]) for i in range(12)))
        await world.until(lambda: world.settled("run_a"))
        before = await world.summary("run_a")
        assert before["counts"]["false_negative"] == 12
        await world.mark(committed(1, 30))
        await world.until(lambda: world.settled("run_a"))
    markers = [at["markers"]["ground-truth"] for at in (await world.summary("run_a"))["version"].values()]
    assert markers == [30] * 4


async def test_trace_12_an_import_that_changes_nothing_still_ends(world):
    """All of it goes to the dead letters: its ends touch the run all the same."""
    await world.mark(created("run_a", 1, 20), committed(1, 10))
    bad = [upsert(f"image-{i}", "run_a", [(0, (0, 0, 1, 1), 0.5)], import_id="imp_p") for i in range(4)]
    async with world.running():
        await world.until(lambda: world.settled("run_a"))
        await world.say(*bad)
        await world.mark(ended("imp_p", run="run_a"))
        await world.until(lambda: world.settled("run_a"))
    summary = await world.summary("run_a")
    assert (summary["predictions"], summary["coco"]["map"]) == (0, None)
    assert sum((await world.log.end_offsets("dead-letters")).values()) == 4


async def test_a_run_that_nobody_knows_has_a_summary_of_nothing(world):
    async with world.running():
        await world.say(upsert("image-1", "run_ghost", [(1, (0, 0, 1, 1), 0.5)]))
        await world.until(lambda: world.settled("run_ghost"))
    summary = await world.summary("run_ghost")
    assert set(summary["coco"].values()) == {None}
    assert (summary["rows"], summary["predictions"]) == (0, 0)
    [row] = await world.store.find(Read("run_rows", {}))
    assert row["dataset_version"] is None
    assert row["_id"] == f"default/run_ghost@{DATASET}/image-1"


async def test_truth_that_changes_after_predictions_is_paired_again(world):
    box = (0, 0, 10, 10)
    async with world.running():
        await world.mark(created("run_a", 1, 20))
        await world.say(truth("image-1", [(1, box, False)]), upsert("image-1", "run_a", [(1, box, 0.9)]))
        await world.until(lambda: world.settled("run_a"))
        assert (await world.summary("run_a"))["counts"]["true_positive"] == 1
        await world.say(truth("image-1", [(1, (50, 50, 5, 5), False)], import_id="imp_t"))
        await world.until(lambda: world.settled("run_a"))
        counts = (await world.summary("run_a"))["counts"]
        assert (counts["true_positive"], counts["false_positive"], counts["false_negative"]) == (0, 1, 1)
        await world.mark(ended("imp_other", unlabel_others=True))
        await world.until(lambda: world.settled("run_a"))
        summary = await world.summary("run_a")
        assert (summary["rows"], summary["predictions"]) == (0, 0)


async def test_chunks_of_a_truth_survive_their_process(world):
    boxes = [(1, (20.0 * i, 0.0, 10.0, 10.0), False) for i in range(6)]
    chunks = in_chunks(truth("image-1", boxes, import_id="imp_t"), [2, 3, 1])
    await world.mark(created("run_a", 1, 20))
    await world.say(upsert("image-1", "run_a", [(1, box, 0.9) for _, box, _ in boxes]))
    for chunk in chunks[:2]:
        async with world.running():
            await world.say(chunk)
            await world.until(lambda: world.settled("run_a"))
        assert (await world.summary("run_a"))["truths"] == 0
    assert await world.store.count("truth_chunks", {}) == 2
    async with world.running():
        await world.say(chunks[2])
        await world.mark(ended("imp_t", unlabel_others=True), committed(1, 30))
        await world.until(lambda: world.settled("run_a"))
    assert (await world.summary("run_a"))["counts"]["true_positive"] == 6
    assert await world.store.count("truth_chunks", {}) == 0
    assert sum((await world.log.end_offsets("dead-letters")).values()) == 0


async def test_what_waited_for_a_run_is_pinned_piece_by_piece_over_crashes(world, monkeypatch):
    monkeypatch.setattr(row_limits, "PINNED_ROWS", 2)
    files = coco(12, images=40, classes=3, truths=4, detections=10)
    truths, predictions = said_by(files)
    await world.say(*truths, *predictions)
    async with world.running(runs=False):
        await world.until(world.rows_done)
    await world.mark(committed(1, 10), created("run_a", 1, 20), ended("imp_p", run="run_a"))
    waits = Read("run_rows", {"dataset_version": None})
    left = [len(await world.store.find(waits))]

    for moment, nth in (("after commit", 5), ("before commit", 4), ("after commit", 6)):
        stepped = SteppedStore(world.store, Fault(moment, Crash(), nth))
        with pytest.raises(Crash):
            await asyncio.wait_for(rows_loop(world.log, stepped, PARTITIONS).run(), 20)
        left.append(len(await world.store.find(waits)))
    assert left[0] == 40 > left[-1] > 0
    async with world.running():
        await world.until(lambda: world.settled("run_a"))

    assert await world.store.find(waits) == []
    check(await world.summary("run_a"), files)


def on_one_partition() -> list[str]:
    """Two runs with one owner."""
    runs: dict[int, list[str]] = {}
    while True:
        run = f"run_{len(runs)}_{sum(map(len, runs.values()))}"
        found = runs.setdefault(partition_of(run.encode(), PARTITIONS), [])
        found.append(run)
        if len(found) == 2:
            return found


@pytest.fixture
def faulty(monkeypatch) -> set[str]:
    """Runs that can't be measured."""
    runs: set[str] = set()
    document = run_owner.summary_document

    def summary_document(project_id: str, run_id: str, *rest: Any, **more: Any) -> dict[str, Any]:
        if run_id in runs:
            raise OverflowError("Python int too large to convert to C long")
        return document(project_id, run_id, *rest, **more)

    monkeypatch.setattr(run_owner, "summary_document", summary_document)
    return runs


@pytest.mark.parametrize("then", ["touched", "restarted"])
async def test_a_run_that_cannot_be_measured_holds_up_no_other(world, faulty, then, caplog):
    bad, good = on_one_partition()

    async def said() -> bool:
        return any(f"run {bad} can't be measured" in message for message in caplog.messages)

    box = (0, 0, 10, 10)
    await world.mark(created(bad, 1, 20), created(good, 1, 21))
    await world.say(truth("image-1", [(1, box, False)]), upsert("image-1", bad, [(1, box, 0.9)]))
    async with world.running():
        await world.until(lambda: world.settled(bad))
        before = await world.summary(bad)

        faulty.add(bad)
        await world.say(upsert("image-2", bad, [(1, box, 0.9)]))
        await world.until(said)
        await world.say(upsert("image-1", good, [(1, box, 0.9)]))
        await world.until(lambda: world.settled(good))
        assert await world.summary(bad) == before
        assert not await world.settled(bad)

        faulty.clear()
        if then == "touched":
            await world.say(upsert("image-1", bad, [(1, box, 0.8)]))
            await world.until(lambda: world.settled(bad))
    async with world.running(rows=False):
        await world.until(lambda: world.settled(bad))
    assert (await world.summary(good))["counts"]["true_positive"] == 1
