"""Changes of mind on a real log and a real MongoDB: the numbers are a clean run's, and pycocotools'."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest

from services.common.documents import Read
from services.common.eventlog.topics import DATA_ROWS, PREDICTIONS
from services.common.readmodel.columns.cache import Columns
from services.query.views.imports import in_scope
from sightline.wire.events.v1.data_rows_pb2 import SPLIT_TEST, SPLIT_TRAINING, SPLIT_VALIDATION
from tests.integration.metrics.test_loops import check, said_by
from tests.unit.evaluation.synthetic import coco
from tests.unit.metrics.saying import (
    PARTITIONS,
    PROJECT,
    committed,
    created,
    data_row,
    data_row_deleted,
    dataset_deleted,
    delete,
    ended,
    runs_deleted,
    truth,
    upsert,
    uuid,
    version_deleted,
)

Files = tuple[dict[str, Any], list[dict[str, Any]]]
BOX = (0.0, 0.0, 10.0, 10.0)


def some_files(seed: int) -> Files:
    return coco(seed, images=24, classes=3, truths=4, detections=12)


def only(files: Files, images: set[int]) -> Files:
    """The same files with fewer images."""
    gt, results = files
    kept = {name: [each for each in gt[name] if each.get("id", 0) in images] for name in ("images",)}
    annotations = [each for each in gt["annotations"] if each["image_id"] in images]
    return {**gt, **kept, "annotations": annotations}, [r for r in results if r["image_id"] in images]


def image_of(key: str) -> int:
    return int(key.removesuffix(".jpg"))


def of_run(events: list[Any], run: str) -> list[Any]:
    """The same predictions of another run."""
    copies = [type(event).FromString(event.SerializeToString()) for event in events]
    for event in copies:
        event.predictions_upserted.run_id = run
    return copies


def numbers(summary: Any) -> Any:
    """What a summary says of its run."""
    about = ("_id", "run_id", "version", "scope_version", "computed_unix_ms", "cost_ms")
    return {name: value for name, value in summary.items() if name not in about}


@pytest.mark.parametrize(
    "order", random.Random(5).sample([*itertools.permutations(["truth", "rows", "run", "said"])], 6)
)
async def test_any_order_of_the_steps(world: Any, order: tuple[str, ...]) -> None:
    """Predictions before their truth, their row, their run; every step is over before the next begins."""
    files = some_files(1)
    truths, predictions = said_by(files)
    steps = {
        "truth": ([*truths], [ended("imp_t", unlabel_others=True), committed(1, 10)]),
        "rows": ([data_row(f"{image['id']}.jpg", ordinal=image["id"]) for image in files[0]["images"]], []),
        "run": ([], [created("run_a", 1, 20)]),
        "said": ([*predictions], [ended("imp_p", run="run_a")]),
    }
    async with world.running(accepting=True):
        for step in order:
            events, everywhere = steps[step]
            await world.say(*events)
            await world.mark(*everywhere)
            await world.until(world.at_rest)
        check(await world.summary("run_a"), files)
    assert await world.store.count("data_rows", {"known": True}) == len(files[0]["images"])


async def test_truth_that_changes_is_paired_again_for_runs_of_the_draft(world: Any) -> None:
    """Not for those of a committed version: each has the numbers of its own files."""
    files, later = some_files(2), some_files(3)
    changed = {image["id"] for image in files[0]["images"][::2]}
    mixed = [a for a in files[0]["annotations"] if a["image_id"] not in changed]
    classes = itertools.cycle(category["id"] for category in files[0]["categories"])
    moved = [a for a in later[0]["annotations"] if a["image_id"] in changed]
    mixed += [{**a, "category_id": next(classes), "id": 10_000 + i} for i, a in enumerate(moved)]
    now: Files = ({**files[0], "annotations": mixed}, files[1])
    truths, predictions = said_by(files)
    new_truths = [t for t in said_by(now)[0] if image_of(t.ground_truth_replaced.global_key) in changed]
    async with world.running(accepting=True):
        await world.mark(created("run_old", 1, 20), created("run_b", 2, 21), created("run_c", 2, 22))
        await world.say(*truths)
        await world.mark(committed(1, 23))
        for run in ("run_old", "run_b", "run_c"):
            await world.say(*of_run(predictions, run))
        await world.until(world.at_rest)
        await world.say(*new_truths)
        await world.until(world.at_rest)
        check(await world.summary("run_old"), files)
        for run in ("run_b", "run_c"):
            check(await world.summary(run), now)


def turned_round(files: Files) -> Files:
    """The same files with images in the opposite order."""
    gt, results = files
    images = [{**image, "id": -image["id"]} for image in gt["images"]]
    annotations = [{**a, "image_id": -a["image_id"]} for a in gt["annotations"]]
    return {**gt, "images": images, "annotations": annotations}, [{**r, "image_id": -r["image_id"]} for r in results]


async def test_ordinals_that_come_after_the_truth_order_equal_confidences(world: Any) -> None:
    """In the draft; a committed version keeps its order. Who follows the changes sees the same."""
    files = some_files(12)
    before = turned_round(files)
    truths, predictions = said_by(files)
    images = [image["id"] for image in files[0]["images"]]
    columns = Columns(world.store, 1 << 28)
    async with world.running(accepting=True):
        await world.mark(created("run_old", 1, 20), created("run_new", 2, 21))
        await world.say(*truths, *(data_row(f"{image}.jpg", ordinal=-image) for image in images))
        await world.until(world.at_rest)
        await world.mark(committed(1, 22))
        for run in ("run_old", "run_new"):
            await world.say(*of_run(predictions, run))
            await world.mark(ended("imp_p", run=run))
        await world.until(world.at_rest)
        check(await world.summary("run_new"), before)
        async with columns.run(PROJECT, "run_old") as old, columns.run(PROJECT, "run_new") as new:
            await world.say(*(data_row(f"{image}.jpg", ordinal=image) for image in images))
            await world.until(world.at_rest)
            summaries = [await world.summary(run) for run in ("run_old", "run_new")]
            check(summaries[0], before)
            check(summaries[1], files)
            assert summaries[0]["coco"] != summaries[1]["coco"], "the order matters"
            revs = {p: (await world.store.read_progress("metrics.rows", p)).rev for p in range(PARTITIONS)}
            for view, ordered in ((old, sorted(images, reverse=True)), (new, sorted(images))):
                await view.reach(revs, 10)
                assert [image_of(key) for key in view.rows] == ordered
    await columns.close()


async def test_predictions_replaced_and_taken_back_equal_a_clean_run(world: Any) -> None:
    files, before = some_files(4), some_files(6)
    truths, predictions = said_by(files)
    _, wrong = said_by(before)
    extra = [uuid(number) for number in range(3)]
    for event in wrong:
        event.predictions_upserted.import_id = "imp_before"
    noise = [upsert(f"{i['id']}.jpg", "run_a", [(1, BOX, 0.9)] * 3, uuids=extra) for i in files[0]["images"]]
    gone = [delete(f"{i['id']}.jpg", "run_a", extra) for i in files[0]["images"]]
    async with world.running():
        await world.mark(created("run_a", 1, 20), created("run_clean", 1, 21))
        await world.say(*truths, *wrong)
        await world.mark(ended("imp_before", run="run_a"))
        await world.until(lambda: world.settled("run_a"))
        await world.say(*predictions, *noise, *gone, *of_run(predictions, "run_clean"))
        await world.mark(ended("imp_p", run="run_a"), ended("imp_p", run="run_clean"))
        for run in ("run_a", "run_clean"):
            await world.until(lambda run=run: world.settled(run))
        summary = await world.summary("run_a")
        check(summary, files)
        assert numbers(summary) == numbers(await world.summary("run_clean"))


async def test_trace_8_rows_deleted_while_their_predictions_come(world: Any) -> None:
    """Made again, they start empty, in every topic; the others' numbers stay exactly pycocotools'."""
    files = some_files(7)
    truths, predictions = said_by(files)
    images = [image["id"] for image in files[0]["images"]]
    gone, again = set(images[:8]), set(images[:4])
    async with world.running(accepting=True):
        await world.mark(created("run_a", 1, 20))
        await world.say(*(data_row(f"{image}.jpg", ordinal=image) for image in images), *truths)
        for start in range(0, len(predictions), 5):
            await world.say(*predictions[start : start + 5])
            if start == 10:
                await world.say(*(data_row_deleted(f"{image}.jpg") for image in gone))
                await world.say(*(data_row(f"{image}.jpg") for image in again))
        await world.until(world.at_rest)
        # What came after a deletion is of the new row: it is there, and in no metric, since that isn't labelled.
        check(await world.summary("run_a"), only(files, set(images) - gone))
        rows = {d["global_key"] for d in await world.store.find(Read("data_rows", {"known": True}))}
        assert rows == {f"{image}.jpg" for image in (set(images) - gone) | again}
        await world.say(*(truth(f"{image}.jpg", []) for image in again))
        await world.until(world.at_rest)
        assert (await world.summary("run_a"))["rows"] == len(images) - len(gone) + len(again)


async def test_a_run_a_version_and_a_dataset_go_while_predictions_come(world: Any) -> None:
    files = some_files(8)
    truths, predictions = said_by(files)
    async with world.running():
        runs = {"run_a": 1, "run_b": 1, "run_c": 2}
        await world.mark(*(created(run, version, 20 + i) for i, (run, version) in enumerate(runs.items())))
        await world.say(*truths)
        await world.mark(committed(1, 30))
        away = [runs_deleted(["run_a"], 40), version_deleted(1, ["run_b"], 41), dataset_deleted(["run_c"], 42)]
        for event, (run, left) in zip(away, [("run_a", 2), ("run_b", 1), ("run_c", 0)], strict=True):
            half = len(predictions) // 2
            await world.say(*of_run(predictions[:half], run))
            await world.mark(event)
            if event is not away[0]:
                await world.mark(event, topic=PREDICTIONS)
            await world.say(*of_run(predictions[half:], run))
            await world.mark(ended("imp_p", run=run))
            await world.until(world.rows_done)
            await world.until(world.published)
            await world.until(lambda left=left: summaries_are(world, left))
        assert await world.store.count("run_rows", {}) == 0
        assert await world.store.count("truths", {}) == 0
        assert await world.store.count("run_touches", {}) == 0
    assert sum((await world.log.end_offsets("dead-letters")).values()) == 0


async def summaries_are(world: Any, left: int) -> bool:
    """Whether this many runs have numbers; those that are gone stay away once all touches are taken."""
    touches = await world.log.end_offsets("run-touched")
    for partition, end in touches.items():
        if (await world.store.read_progress("metrics.runs", partition)).offsets.get("run-touched", 0) < end:
            return False
    assert await world.store.count("run_summaries", {"rows": {"$gt": 0}}) <= left
    return True


async def test_more_than_fits_into_one_transaction_goes_piece_by_piece(world: Any) -> None:
    """What is left of it when the process dies goes with the next."""
    events = [upsert(f"image-{i}", "run_a", [(1, BOX, 0.5)]) for i in range(12_000)]
    async with world.running(runs=False):
        await world.mark(created("run_a", 1, 20), created("run_b", 1, 21))
        await world.say(*events, upsert("image-1", "run_b", [(1, BOX, 0.5)]))
        await world.until(world.rows_done, 60)
        assert await world.store.count("run_rows", {}) == 12_001
        await world.mark(runs_deleted(["run_a"], 30))
        await world.until(world.rows_done, 60)
    assert [d["run_id"] for d in await world.store.find(Read("run_rows", {}))] == ["run_b"]


# Scope


async def made_with_splits(world: Any, files: Files, **runs: list[int]) -> dict[str, set[int]]:
    """Rows in turn of three splits, runs by their splits; the images of each split."""
    splits = {"training": SPLIT_TRAINING, "validation": SPLIT_VALIDATION, "test": SPLIT_TEST}
    images = [image["id"] for image in files[0]["images"]]
    members = {name: set(images[i::3]) for i, name in enumerate(splits)}
    rows = [data_row(f"{image}.jpg", ordinal=image, split=splits[name]) for name, of in members.items() for image in of]
    markers = [created(run, 1, 20 + i, splits=scope) for i, (run, scope) in enumerate(runs.items())]
    truths, predictions = said_by(files)
    await world.mark(*markers)
    await world.say(*truths, *rows)
    await world.mark(*(marker for marker in markers if marker.marker.run_created.splits), topic=DATA_ROWS)
    for run in runs:
        await world.say(*of_run(predictions, run))
        await world.mark(ended("imp_p", run=run))
    return members


async def test_a_run_is_measured_on_the_rows_of_its_splits(world: Any) -> None:
    files = some_files(9)
    runs = {"run_all": [], "run_test": [SPLIT_TEST], "run_two": [SPLIT_TEST, SPLIT_VALIDATION]}
    members = await made_with_splits(world, files, **runs)
    wanted = {
        "run_all": set.union(*members.values()),
        "run_test": members["test"],
        "run_two": members["test"] | members["validation"],
    }
    async with world.running(accepting=True):
        await world.until(world.at_rest)
        for run, images in wanted.items():
            summary = await world.summary(run)
            check(summary, only(files, images))
            assert (summary["scope_version"] is None) == (run == "run_all")
            if run != "run_all":
                assert in_scope({"source_offset": 20}, summary["scope_version"], PARTITIONS)
    columns = Columns(world.store, 1 << 28)
    for run, images in wanted.items():
        async with columns.run(PROJECT, run) as view:
            assert {image_of(key) for key in view.rows} == images
            assert view.evidence.row_count == len(images)
            assert (view.current.unlabelled_rows, view.current.unlabelled_predictions) == (0, 0)
    await columns.close()


async def test_trace_13_the_owner_follows_splits_that_another_service_stores_later(world: Any) -> None:
    """First nobody has stored a split; then all come at once; then one row moves, and one is deleted."""
    files = some_files(10)
    columns = Columns(world.store, 1 << 28)
    async with world.running():
        members = await made_with_splits(world, files, run_test=[SPLIT_TEST])
        await world.until(lambda: world.settled("run_test"))
        assert (await world.summary("run_test"))["rows"] == 0
        assert not in_scope({"source_offset": 20}, (await world.summary("run_test"))["scope_version"], PARTITIONS)
    async with columns.run(PROJECT, "run_test") as view, world.running(accepting=True):
        await world.until(world.at_rest)
        check(await world.summary("run_test"), only(files, members["test"]))
        moved, *_, deleted = sorted(members["training"] | members["test"])
        await world.say(data_row(f"{moved}.jpg", split=SPLIT_TEST), data_row_deleted(f"{deleted}.jpg"))
        await world.until(world.at_rest)
        now = (members["test"] | {moved}) - {deleted}
        check(await world.summary("run_test"), only(files, now))
        revs = [
            {p: (await world.store.read_progress(group, p)).rev for p in range(PARTITIONS)}
            for group in ("metrics.rows", "ingest.rows")
        ]
        await view.reach(revs[0], 10, revs[1])
        assert {image_of(key) for key in view.rows} == now
        assert np.all(np.diff(view.evidence.ordinal) > 0)
    await columns.close()
