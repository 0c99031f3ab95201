"""The metrics of a run as one plain answer, the same from a notebook, the command line and the server."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypedDict

from sightline.arrays import Bools, Floats
from sightline.evaluation.average_precision import CocoAverages, coco_averages
from sightline.evaluation.counts import Counts, count
from sightline.evaluation.evidence import Evidence
from sightline.evaluation.matching import Confidence
from sightline.evaluation.ratios import mean_of_defined

Number = float | int | None
Numbers = dict[str, Number]


class MetricsReport(TypedDict):
    """`coco`: the twelve numbers; `total`: micro averages, and macro ones as `macro_...`; `classes`: by class name."""

    coco: Numbers
    total: Numbers
    classes: dict[str, Numbers]


def metrics_report(
    evidence: Evidence,
    class_names: Mapping[int, str],
    iou: float,
    confidence: Confidence,
    coco: CocoAverages | None = None,
    *,
    counts: Counts | None = None,
    row_mask: Bools | None = None,
) -> MetricsReport:
    """Counts and ratios at (iou, confidence), and COCO's numbers, which depend on neither. Undefined is None.

    `class_names` says which classes are reported, by class id; the total is over all classes. `coco` and `counts` are
    given by callers who have them already (for the same rows).
    """
    coco = coco or coco_averages(evidence, row_mask=row_mask)
    counts = counts or count(evidence, iou, confidence, row_mask=row_mask)
    total, classes = counts_report(counts, class_names)
    averages = {name: nulls(column) for name, column in coco.by_class().items()}
    return {
        "coco": _nulled(coco.total()),
        "total": total,
        "classes": {
            name: classes[name] | {key: column[class_id] for key, column in averages.items()}
            for class_id, name in class_names.items()
        },
    }


def counts_report(counts: Counts, class_names: Mapping[int, str]) -> tuple[Numbers, dict[str, Numbers]]:
    """The part of the report that rests on counts alone: the total, and classes by name."""
    macro = {f"macro_{name}": mean_of_defined(getattr(counts, name)) for name in ("precision", "recall", "f1")}
    total = {name: column[0] for name, column in _columns(counts.total()).items()} | _nulled(macro)
    table = _columns(counts)
    classes = {name: {key: column[class_id] for key, column in table.items()} for class_id, name in class_names.items()}
    return total, classes


def nulls(values: Floats) -> list[Number]:
    """A column as a list, NaN as None."""
    listed: list[float] = values.tolist()
    return [None if math.isnan(value) else value for value in listed]


def _nulled(numbers: Mapping[str, float]) -> Numbers:
    return {name: None if math.isnan(value) else value for name, value in numbers.items()}


def _columns(counts: Counts) -> dict[str, list[Number]]:
    return {
        "precision": nulls(counts.precision),
        "recall": nulls(counts.recall),
        "f1": nulls(counts.f1),
        "support": counts.support.tolist(),
        "true_positive_count": counts.true_positive.tolist(),
        "false_positive_count": counts.false_positive.tolist(),
        "false_negative_count": counts.false_negative.tolist(),
    }
