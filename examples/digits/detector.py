"""Two versions of a digit detector, as a team has them: a plain one, and the one made after looking at its errors.

Both find pieces of ink, classify each, and say every class that they hold for possible with its confidence. Neither has
seen any but training scenes.

* `PlainDetector` (v1): one threshold for the whole picture, and logistic regression that was only ever shown digits. So
  shadows swallow what is in them, numbers whose digits touch stay in one piece, and a doodle is read as some digit.
* `CarefulDetector` (v2): evens out the light, looks at several thresholds, cuts what touches, and lets a small neural
  network, which was also shown doodles, halves and shifted boxes as "not a digit", choose among the many boxes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from sklearn import pipeline
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from examples.digits.handwriting import NAMES
from examples.digits.imaging import blurred
from examples.digits.scenes import Box, Scene
from examples.digits.segmentation import Boxes, Pixels, components, crops, cuts, flatten, otsu, overlaps, strongest

NOTHING: Final = len(NAMES)
"""The class of what is no digit."""
UNTOLD: Final = -1
"""The class of what is not learnt from."""
IS_ONE, IS_NONE = 0.6, 0.45
"""A box is a digit's from the one IoU on, and nobody's below the other."""
FAINTEST: Final = 0.05
"""Below this confidence nothing is said."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One digit that a detector claims to see."""

    digit: int
    box: Box
    confidence: float


class Detector(Protocol):
    """A model: it learns from training scenes and detects on any."""

    @property
    def name(self) -> str:
        """The version's name."""
        ...

    def learn(self, scenes: Sequence[Scene]) -> None:
        """Train on scenes with their labels."""
        ...

    def detect(self, scene: Scene) -> list[Detection]:
        """What it sees on a scene, from its pixels alone; the surest first."""
        ...


class Classifier(Protocol):
    """What is used of scikit-learn's classifiers."""

    classes_: NDArray[np.int64]

    def fit(self, rows: Pixels, wanted: NDArray[np.int64]) -> object:
        """Learn which class each row has."""
        ...

    def predict_proba(self, rows: Pixels) -> NDArray[np.float64]:
        """How likely each class of `classes_` is, for each row."""
        ...


class PlainDetector:
    """v1: Otsu's threshold, connected components, logistic regression."""

    name = "v1"

    def __init__(self, *, seed: int = 0) -> None:
        self._classifier = _after_scaling(LogisticRegression(C=0.02, max_iter=300, random_state=seed))

    def learn(self, scenes: Sequence[Scene]) -> None:
        """Train on scenes with their labels."""
        examples = [self._look(scene) for scene in scenes]
        targets = [_targets(boxes, scene, background=False) for scene, (boxes, _) in zip(scenes, examples, strict=True)]
        _fit(self._classifier, [features for _, features in examples], targets)

    def detect(self, scene: Scene) -> list[Detection]:
        """What it sees on a scene, from its pixels alone; the surest first."""
        boxes, features = self._look(scene)
        return _claims(boxes, _probabilities(self._classifier, features))

    def _look(self, scene: Scene) -> tuple[Boxes, Pixels]:
        grey = blurred(_grey(scene), 0.8)
        ink = grey < otsu(grey)
        boxes = components(ink)
        return boxes, _stretched(crops(grey, boxes, 8))


class CarefulDetector:
    """v2: evened light, several thresholds, cuts, a neural network, non-maximum suppression."""

    name = "v2"
    levels: Final = (0.9, 0.82, 0.7, 0.55)
    """Darker than this share of the paper is ink: pale strokes need the first, touching ones come apart at the last."""

    def __init__(self, *, seed: int = 0) -> None:
        network = cast(Any, MLPClassifier)(
            (96,), alpha=0.02, batch_size=128, learning_rate_init=2e-3, max_iter=14, random_state=seed
        )
        self._classifier = _after_scaling(network)
        self._random = np.random.default_rng(seed)

    def learn(self, scenes: Sequence[Scene]) -> None:
        """Train on scenes with their labels."""
        features: list[Pixels] = []
        targets: list[NDArray[np.int64]] = []
        for scene in scenes:
            flat = self._flat(scene)
            boxes = np.concatenate([self._propose(flat), self._shaken(scene)])
            features.append(self._features(flat, boxes))
            targets.append(_targets(boxes, scene))
        _fit(self._classifier, features, targets)

    def detect(self, scene: Scene) -> list[Detection]:
        """What it sees on a scene, from its pixels alone; the surest first."""
        flat = self._flat(scene)
        boxes = self._propose(flat)
        probabilities = _probabilities(self._classifier, self._features(flat, boxes))
        kept = strongest(boxes, 1 - probabilities[:, NOTHING], overlap=0.3)
        return _claims(boxes[kept], probabilities[kept])

    def _flat(self, scene: Scene) -> Pixels:
        return blurred(flatten(_grey(scene)), 0.9)

    def _propose(self, flat: Pixels) -> Boxes:
        found: list[Boxes] = []
        for level in self.levels:
            ink = flat < level
            pieces = components(ink)
            found += [pieces, cuts(ink, pieces)]
        return np.unique(np.concatenate(found), axis=0)

    def _shaken(self, scene: Scene, times: int = 3) -> Boxes:
        """The scene's true boxes, each a few times, somewhat off: so that more is learnt from few scenes."""
        true = np.repeat(_boxes(scene), times, axis=0)
        shift = self._random.normal(0, 0.05, size=true.shape) * true[:, [3, 3, 3, 3]]
        return true + shift

    def _features(self, flat: Pixels, boxes: Boxes) -> Pixels:
        """The crop with some of what lies around, and the box's own shape and size."""
        looks = _stretched(crops(flat, boxes, 14, margin=0.12))
        shape = np.stack([boxes[:, 2] / boxes[:, 3].clip(1), boxes[:, 3] / 50, boxes[:, 2] / 50], axis=1)
        return np.concatenate([looks, shape], axis=1).astype(np.float32)


def _after_scaling(classifier: object) -> Classifier:
    return cast(Classifier, cast(Any, pipeline).make_pipeline(StandardScaler(), classifier))


def _grey(scene: Scene) -> Pixels:
    return scene.pixels.astype(np.float32) / 255


def _boxes(scene: Scene) -> Boxes:
    return np.array([label.box for label in scene.labels], dtype=np.float64).reshape(-1, 4)


def _stretched(looks: Pixels) -> Pixels:
    """Crops as rows, each from 0 (its paper) to 1 (its ink), whatever the light was."""
    rows = looks.reshape(len(looks), looks.shape[1] * looks.shape[2])
    darkest, lightest = rows.min(axis=1, keepdims=True, initial=1), rows.max(axis=1, keepdims=True, initial=0)
    return (lightest - rows) / np.maximum(lightest - darkest, 1e-3)


def _targets(boxes: Boxes, scene: Scene, *, background: bool = True) -> NDArray[np.int64]:
    """What each box should be called: its digit, `NOTHING`, or `UNTOLD` where either would be hair-splitting."""
    nothing = NOTHING if background else UNTOLD
    if not len(boxes) or not scene.labels:
        return np.full(len(boxes), nothing, dtype=np.int64)
    shared = overlaps(boxes, _boxes(scene))
    digits = np.array([label.digit for label in scene.labels])[shared.argmax(axis=1)]
    best = shared.max(axis=1)
    return np.where(best >= IS_ONE, digits, np.where(best < IS_NONE, nothing, UNTOLD))


def _fit(classifier: Classifier, features: Sequence[Pixels], targets: Sequence[NDArray[np.int64]]) -> None:
    rows, wanted = np.concatenate(features), np.concatenate(targets)
    with warnings.catch_warnings():
        # The network stops early on purpose: a demo's patience, not its optimum, says when.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(rows[wanted != UNTOLD], wanted[wanted != UNTOLD])


def _probabilities(classifier: Classifier, features: Pixels) -> NDArray[np.float64]:
    """(n, 11): for each box how likely each digit is, and, last, that it is none."""
    out = np.zeros((len(features), NOTHING + 1))
    if len(features):
        out[:, classifier.classes_] = classifier.predict_proba(features)
    return out


def _claims(boxes: Boxes, probabilities: NDArray[np.float64]) -> list[Detection]:
    """Every class that is held for possible, for every box, the surest first."""
    at, digit = np.nonzero(probabilities[:, :NOTHING] >= FAINTEST)
    claims = [
        Detection(int(d), (float(x), float(y), float(w), float(h)), round(float(p), 4))
        for d, (x, y, w, h), p in zip(digit, boxes[at], probabilities[at, digit], strict=True)
    ]
    return sorted(claims, key=lambda claim: -claim.confidence)
