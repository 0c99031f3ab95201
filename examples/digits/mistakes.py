"""Label mistakes, put into the ground truth on purpose and written down: to be hunted, and to check the catch.

People who label get classes wrong, overlook things, slip, and do things twice. Where a good model disagrees with the
truth confidently, look at the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.random import Generator

from examples.digits.scenes import EDGE, HEIGHT, WIDTH, Box, Label, Scene
from examples.digits.segmentation import overlaps

Kind = Literal["wrong class", "missing box", "misplaced box", "doubled box", "invented box"]
Labels = dict[str, tuple[Label, ...]]
"""The labels of every scene, by its file name."""

SHARES: Final[dict[Kind, float]] = {
    "wrong class": 0.008,
    "missing box": 0.008,
    "misplaced box": 0.006,
    "doubled box": 0.003,
    "invented box": 0.003,
}
"""How many of each there are for every digit: one label in forty is wrong, which is fewer than in many a dataset."""

LOOKALIKES: Final = {0: 6, 1: 7, 2: 7, 3: 8, 4: 9, 5: 6, 6: 0, 7: 1, 8: 3, 9: 4}


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is on the scene, and what the label says: none where there is nothing, or where nothing is labelled."""

    kind: Kind
    file_name: str
    truth: Label | None
    label: Label | None


def blunder(scenes: Sequence[Scene], *, seed: int = 0) -> tuple[Labels, tuple[Mistake, ...]]:
    """The scenes' labels as somebody careless would have made them, and every difference from the truth."""
    random = np.random.default_rng(seed)
    where = [(scene, label) for scene in scenes for label in scene.labels]
    counts: dict[Kind, int] = {kind: round(share * len(where)) for kind, share in SHARES.items()}
    # No digit is chosen twice, so mistakes never pile up and each can be told from the others.
    chosen = iter(int(place) for place in random.permutation(len(where)))
    mistakes: list[Mistake] = []
    for kind, count in counts.items():
        for _ in range(count):
            scene, label = where[next(chosen)]
            mistakes.append(_MAKE[kind](scene, label, random))
    return _with(mistakes, {scene.file_name: scene.labels for scene in scenes}), tuple(mistakes)


def _with(mistakes: Sequence[Mistake], labels: Labels) -> Labels:
    out = dict(labels)
    for mistake in mistakes:
        said = () if mistake.label is None else (mistake.label,)
        before = out[mistake.file_name]
        if mistake.truth is None or mistake.kind == "doubled box":
            out[mistake.file_name] = before + said
        else:
            at = before.index(mistake.truth)
            out[mistake.file_name] = before[:at] + said + before[at + 1 :]
    return out


def _wrong_class(scene: Scene, label: Label, random: Generator) -> Mistake:
    del random
    return Mistake("wrong class", scene.file_name, label, Label(LOOKALIKES[label.digit], label.box))


def _missing_box(scene: Scene, label: Label, random: Generator) -> Mistake:
    del random
    return Mistake("missing box", scene.file_name, label, None)


def _misplaced_box(scene: Scene, label: Label, random: Generator) -> Mistake:
    """Slipped to a side by about half its size: still by the digit, no longer around it."""
    left, top, width, height = label.box
    angle = random.uniform(0, 2 * np.pi)
    slipped = _inside(left + np.cos(angle) * 0.55 * width, top + np.sin(angle) * 0.55 * height, width, height)
    return Mistake("misplaced box", scene.file_name, label, Label(label.digit, slipped))


def _doubled_box(scene: Scene, label: Label, random: Generator) -> Mistake:
    """Labelled again by somebody who did not see that it was: nearly the same box."""
    left, top, width, height = label.box
    grown = 1 + random.uniform(0.03, 0.1)
    again = _inside(left - random.uniform(1, 2.5), top - random.uniform(0.5, 2), width * grown, height * grown)
    return Mistake("doubled box", scene.file_name, label, Label(label.digit, again))


def _invented_box(scene: Scene, label: Label, random: Generator) -> Mistake:
    """A digit where there is none: on bare paper, or on something scribbled."""
    _, _, width, height = label.box
    others = np.array([one.box for one in scene.labels])
    places = [
        _inside(random.uniform(EDGE, WIDTH - width), random.uniform(EDGE, HEIGHT - height), width, height)
        for _ in range(60)
    ]
    shared = overlaps(np.array(places), others).max(axis=1)
    return Mistake("invented box", scene.file_name, None, Label(label.digit, places[int(shared.argmin())]))


def _inside(left: float, top: float, width: float, height: float) -> Box:
    """A box of that size, as near to that place as the picture allows, in tenths of a pixel."""
    left, top = np.clip(left, 0, WIDTH - width), np.clip(top, 0, HEIGHT - height)
    return round(float(left), 1), round(float(top), 1), round(float(width), 1), round(float(height), 1)


_MAKE: Final[dict[Kind, Callable[[Scene, Label, Generator], Mistake]]] = {
    "wrong class": _wrong_class,
    "missing box": _missing_box,
    "misplaced box": _misplaced_box,
    "doubled box": _doubled_box,
    "invented box": _invented_box,
}
