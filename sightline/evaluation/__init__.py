"""Measuring predictions against truth: pure numerics over columns, without I/O, clock, randomness or settings.

`evaluate` is for notebooks. Services build `Evidence` once (`find_pairs` measures overlap, `canonical_order` sorts),
and ask it anything later: `match`, `count`, `row_values`, `prefix_counts`, `confusion_matrix`, `coco_averages`,
`metrics_report`. Names are imported when first used, since numba takes a while; `warm` prepares them all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline.evaluation.average_precision import CocoAverages, coco_averages
    from sightline.evaluation.boxes import PredictionBoxes, TruthBoxes, evidence_of_boxes
    from sightline.evaluation.coco import CocoBoxes, boxes_of_coco, evidence_of_coco
    from sightline.evaluation.confusion import confusion_matrix
    from sightline.evaluation.counts import (
        Counts,
        PrefixCounts,
        RowValues,
        count,
        count_matches,
        prefix_counts,
        row_values,
        row_values_of_matches,
    )
    from sightline.evaluation.curves import Curve, curve
    from sightline.evaluation.evidence import (
        MINIMUM_OVERLAP,
        Evidence,
        PairColumns,
        PredictionColumns,
        Spans,
        TruthColumns,
    )
    from sightline.evaluation.matching import Matches, Verdict, match
    from sightline.evaluation.notebook import Evaluation, evaluate
    from sightline.evaluation.ordering import ByConfidence, by_confidence, canonical_order
    from sightline.evaluation.overlap import kinds
    from sightline.evaluation.pairs import find_pairs
    from sightline.evaluation.report import MetricsReport, metrics_report
    from sightline.evaluation.warmup import warm

_HOMES = {
    "average_precision": ("CocoAverages", "coco_averages"),
    "boxes": ("PredictionBoxes", "TruthBoxes", "evidence_of_boxes"),
    "coco": ("CocoBoxes", "boxes_of_coco", "evidence_of_coco"),
    "confusion": ("confusion_matrix",),
    "counts": (
        "Counts",
        "PrefixCounts",
        "RowValues",
        "count",
        "count_matches",
        "prefix_counts",
        "row_values",
        "row_values_of_matches",
    ),
    "curves": ("Curve", "curve"),
    "notebook": ("Evaluation", "evaluate"),
    "evidence": ("MINIMUM_OVERLAP", "Evidence", "PairColumns", "PredictionColumns", "Spans", "TruthColumns"),
    "matching": ("Matches", "Verdict", "match"),
    "ordering": ("ByConfidence", "by_confidence", "canonical_order"),
    "overlap": ("kinds",),
    "pairs": ("find_pairs",),
    "report": ("MetricsReport", "metrics_report"),
    "warmup": ("warm",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "MINIMUM_OVERLAP",
    "ByConfidence",
    "CocoAverages",
    "CocoBoxes",
    "Counts",
    "Curve",
    "Evaluation",
    "Evidence",
    "Matches",
    "MetricsReport",
    "PairColumns",
    "PredictionBoxes",
    "PredictionColumns",
    "PrefixCounts",
    "RowValues",
    "Spans",
    "TruthBoxes",
    "TruthColumns",
    "Verdict",
    "boxes_of_coco",
    "by_confidence",
    "canonical_order",
    "coco_averages",
    "confusion_matrix",
    "count",
    "count_matches",
    "curve",
    "evaluate",
    "evidence_of_boxes",
    "evidence_of_coco",
    "find_pairs",
    "kinds",
    "match",
    "metrics_report",
    "prefix_counts",
    "row_values",
    "row_values_of_matches",
    "warm",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
