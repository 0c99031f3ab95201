"""What a question is asked at: an IoU, and from which confidence predictions count, in all classes or in some."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.common.runtime.errors import Problem
from sightline.arrays import Floats
from sightline.evaluation.conventions import DEFAULT_CONFIDENCE, DEFAULT_IOU
from sightline.evaluation.evidence import MINIMUM_OVERLAP, Evidence

NOTHING = "null"
"""How a threshold from which nothing counts is written in a URL."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds as asked. A confidence of None: nothing counts."""

    iou: float = DEFAULT_IOU
    confidence: float | None = DEFAULT_CONFIDENCE
    class_confidence: Mapping[str, float | None] = field(default_factory=dict[str, float | None])

    def __post_init__(self) -> None:
        if not MINIMUM_OVERLAP <= self.iou <= 1:
            raise Problem(
                422,
                "iou-out-of-range",
                "the IoU is out of range",
                f"it must be from {MINIMUM_OVERLAP} to 1: pairs that overlap less are not kept",
            )
        for confidence in (self.confidence, *self.class_confidence.values()):
            if confidence is not None and not 0 <= confidence <= 1:
                raise Problem(
                    422,
                    "confidence-out-of-range",
                    "a confidence is out of range",
                    f"it must be from 0 to 1, or {NOTHING} for a threshold from which nothing counts",
                )

    def per_class(self, names: Mapping[int, str], class_count: int) -> Floats:
        """A threshold for every class id below `class_count`, infinite where nothing counts."""
        least = np.full(class_count, _number(self.confidence))
        ids = {name: class_id for class_id, name in names.items()}
        for name, confidence in self.class_confidence.items():
            class_id = ids.get(name)
            if class_id is None:
                raise unknown_class(names)
            if class_id < class_count:
                least[class_id] = _number(confidence)
        return least

    def of_class(self, name: str) -> float | None:
        """The threshold of one class."""
        return self.class_confidence.get(name, self.confidence)


def from_text(
    iou: float = DEFAULT_IOU, confidence: str | None = None, class_confidence: Sequence[str] = ()
) -> Thresholds:
    """Thresholds as URLs write them: a number or `null`, and `NAME:number` for single classes."""
    by_class: dict[str, float | None] = {}
    for item in class_confidence:
        name, separator, value = item.rpartition(":")
        if not separator or not name:
            raise Problem(
                422,
                "invalid-request",
                "a class threshold is not valid",
                "write it as NAME:0.3, or NAME:null for nothing",
            )
        by_class[name] = _parsed(value)
    return Thresholds(iou, DEFAULT_CONFIDENCE if confidence is None else _parsed(confidence), by_class)


def check_kept(iou: float, evidence: Evidence) -> None:
    """Refuse an IoU for which pairs would be missing: of a row that has too many, only the larger overlaps are kept."""
    least = evidence.least_overlap
    if iou < least:
        kept = f"from {least} on are kept" if least <= 1 else "are too many to keep any"
        raise Problem(
            422,
            "iou-out-of-range",
            "the IoU is out of range for this run",
            f"in one of its images predictions and truths are so crowded that overlaps {kept}",
        )


def unknown_class(names: Mapping[int, str]) -> Problem:
    """A class that isn't in the run's ontology."""
    known = sorted(names.values())
    listed = ", ".join(known[:20]) + (" ..." if len(known) > 20 else "")
    return Problem(422, "unknown-class", "the ontology has no such class", f"its classes are: {listed}")


def _parsed(text: str) -> float | None:
    if text == NOTHING:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise Problem(
            422, "invalid-request", "a confidence is not a number", f"write a number from 0 to 1, or {NOTHING}"
        )
    return value


def _number(confidence: float | None) -> float:
    return math.inf if confidence is None else confidence
