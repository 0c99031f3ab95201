"""The digits demo's data: honest about its splits and its mistakes, and worth looking at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from examples.digits.handwriting import SPLITS, Split, divide
from examples.digits.mistakes import SHARES, Labels, Mistake, blunder
from examples.digits.scenes import HEIGHT, WIDTH, Scene, compose


@pytest.fixture(scope="module")
def scenes() -> dict[Split, list[Scene]]:
    writing = divide()
    return {split: list(compose(20, split, writing[split])) for split in SPLITS}


def test_every_digit_belongs_to_exactly_one_split() -> None:
    sources = [set(part.sources.tolist()) for part in divide().values()]
    assert sum(map(len, sources)) == len(set.union(*sources)) == 1797


def test_scenes_are_written_in_their_own_splits_hand(scenes: dict[Split, list[Scene]]) -> None:
    writing = divide()
    for split, part in scenes.items():
        written = {source for scene in part for source in scene.sources}
        assert written
        assert written <= set(writing[split].sources.tolist())


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


def test_what_is_written_down_is_exactly_what_is_wrong(scenes: dict[Split, list[Scene]]) -> None:
    shown = [*scenes["validation"], *scenes["test"], *scenes["training"]]
    labels, mistakes = blunder(shown)
    right = {scene.file_name: scene.labels for scene in shown}
    assert {mistake.kind for mistake in mistakes} == set(SHARES)
    assert _counted(labels) != _counted(right)
    assert _counted(_corrected(labels, mistakes)) == _counted(right)
    touched = {mistake.file_name for mistake in mistakes}
    assert all(labels[name] == right[name] for name in right if name not in touched)


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
