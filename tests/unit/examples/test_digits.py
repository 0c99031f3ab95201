"""The digits demo's data: reproducible, honest about its splits and its mistakes, and worth looking at."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from examples.digits.build import Files, Recipe, build
from examples.digits.handwriting import NAMES, SPLITS, Split, divide
from examples.digits.mistakes import SHARES, Labels, Mistake, blunder
from examples.digits.scenes import HEIGHT, WIDTH, Scene, compose, compose_one
from sightline.evaluation import evaluate

SMALL = Recipe(training=50, validation=20, test=20)


@pytest.fixture(scope="module")
def scenes() -> dict[Split, list[Scene]]:
    writing = divide()
    return {split: list(compose(20, split, writing[split])) for split in SPLITS}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return build(tmp_path_factory.mktemp("digits"), SMALL)


def test_every_digit_belongs_to_exactly_one_split() -> None:
    sources = [set(part.sources.tolist()) for part in divide().values()]
    assert sum(map(len, sources)) == len(set.union(*sources)) == 1797


def test_scenes_are_written_in_their_own_splits_hand(scenes: dict[Split, list[Scene]]) -> None:
    writing = divide()
    for split, part in scenes.items():
        written = {source for scene in part for source in scene.sources}
        assert written
        assert written <= set(writing[split].sources.tolist())


def test_a_scene_can_be_made_again_alone(scenes: dict[Split, list[Scene]]) -> None:
    before = scenes["test"][7]
    again = compose_one(7, "test", divide()["test"])
    np.testing.assert_array_equal(before.pixels, again.pixels)
    assert before.labels == again.labels
    assert before.metadata == again.metadata


def test_another_seed_makes_other_scenes() -> None:
    writing = divide()["test"]
    one, other = (compose_one(0, "test", writing, seed=seed) for seed in (0, 1))
    assert not np.array_equal(one.pixels, other.pixels)


def test_boxes_lie_inside_and_hold_a_digits_ink(scenes: dict[Split, list[Scene]]) -> None:
    labels = [label for part in scenes.values() for scene in part for label in scene.labels]
    assert len(labels) > 200
    assert {label.digit for label in labels} == set(range(10))
    for label in labels:
        left, top, width, height = label.box
        assert left >= 0
        assert top >= 0
        assert left + width <= WIDTH
        assert top + height <= HEIGHT
        assert min(width, height) >= 2


def test_scenes_differ_in_light_and_density_and_some_are_empty(scenes: dict[Split, list[Scene]]) -> None:
    everything = [scene for part in scenes.values() for scene in part]
    assert {scene.lighting for scene in everything} == {"bright", "dim", "uneven"}
    assert {scene.density for scene in everything} == {"empty", "sparse", "dense"}
    assert all((scene.density == "empty") == (not scene.labels) for scene in everything)


def test_what_is_written_down_is_exactly_what_is_wrong(scenes: dict[Split, list[Scene]]) -> None:
    shown = [*scenes["validation"], *scenes["test"], *scenes["training"]]
    labels, mistakes = blunder(shown)
    right = {scene.file_name: scene.labels for scene in shown}
    assert {mistake.kind for mistake in mistakes} == set(SHARES)
    assert _counted(labels) != _counted(right)
    assert _counted(_corrected(labels, mistakes)) == _counted(right)
    touched = {mistake.file_name for mistake in mistakes}
    assert all(labels[name] == right[name] for name in right if name not in touched)


def test_mistakes_are_found_again_in_the_files(files: Files) -> None:
    truth = json.loads(files.truth.read_text())
    annotations = {one["id"]: one for one in truth["annotations"]}
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    mistakes = json.loads(files.mistakes.read_text())
    assert mistakes
    for mistake in mistakes:
        if mistake["kind"] == "missing box":
            assert mistake["annotation_id"] is None
            continue
        wrong = annotations[mistake["annotation_id"]]
        assert names[wrong["image_id"]] == mistake["file_name"]
        assert NAMES[wrong["category_id"] - 1] == mistake["in_the_truth"]["class"]
        assert wrong["bbox"] == mistake["in_the_truth"]["bbox"]
        assert mistake["on_the_scene"] != mistake["in_the_truth"]


def test_the_truth_is_valid_coco_and_leaves_training_out(files: Files) -> None:
    truth = COCO(str(files.truth))
    images = truth.loadImgs(truth.getImgIds())
    assert len(images) == SMALL.validation + SMALL.test
    assert not any(image["file_name"].startswith("training") for image in images)
    assert [category["name"] for category in truth.loadCats(truth.getCatIds())] == list(NAMES)
    for annotation in truth.loadAnns(truth.getAnnIds()):
        left, top, width, height = annotation["bbox"]
        assert 0 <= left <= left + width <= WIDTH
        assert 0 <= top <= top + height <= HEIGHT
        assert annotation["area"] == width * height


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_predictions_are_valid_coco_results(files: Files, model: str) -> None:
    results = COCO(str(files.truth)).loadRes(str(files.predictions(model)))
    scores = [one["score"] for one in results.loadAnns(results.getAnnIds())]
    assert scores
    assert 0 < min(scores) < max(scores) <= 1


def test_data_rows_name_every_picture(files: Files) -> None:
    rows = [json.loads(line) for line in files.rows.read_text().splitlines()]
    truth = json.loads(files.truth.read_text())
    assert [(row["ordinal"], row["global_key"]) for row in rows] == [
        (image["id"], image["file_name"]) for image in truth["images"]
    ]
    assert Counter(row["split"] for row in rows) == {"validation": SMALL.validation, "test": SMALL.test}
    for row in rows:
        with Image.open(files.images / row["asset_url"]) as picture:
            assert picture.size == (row["width"], row["height"]) == (WIDTH, HEIGHT)
        assert row["metadata"].keys() >= {"lighting", "density"}


def test_the_second_model_is_clearly_better_and_neither_is_perfect(files: Files) -> None:
    truth = files.truth.read_bytes()
    totals = [evaluate(truth, files.predictions(model).read_bytes()).total for model in ("v1", "v2")]
    old, new = (total["f1"] or 0 for total in totals)
    assert 0.35 < old < new - 0.1
    assert 0.7 < new < 0.98


def test_what_is_made_already_is_not_made_again(files: Files) -> None:
    before = files.truth.stat().st_mtime_ns
    told: list[str] = []
    build(files.folder, SMALL, report=lambda step, done, total: told.append(step))
    assert not told
    assert files.truth.stat().st_mtime_ns == before


def test_another_recipe_is_made_anew(tmp_path: Path) -> None:
    files = build(tmp_path, Recipe(training=12, validation=2, test=2))
    first = files.truth.read_bytes()
    build(tmp_path, Recipe(training=12, validation=2, test=3))
    assert files.truth.read_bytes() != first


def _corrected(labels: Labels, mistakes: Sequence[Mistake]) -> Labels:
    """The labels with all mistakes undone: what was there before `blunder`, in an order of its own."""
    out = dict(labels)
    for mistake in mistakes:
        kept = tuple(label for label in out[mistake.file_name] if label != mistake.label)
        back = (mistake.truth,) if mistake.truth and mistake.kind != "doubled box" else ()
        out[mistake.file_name] = kept + back
    return out


def _counted(labels: Labels) -> dict[str, Counter[object]]:
    return {name: Counter(boxes) for name, boxes in labels.items()}
