"""Precision and recall along the confidence, at one IoU."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from services.query.answers import Answer
from services.query.measured import measured
from services.query.sources import Sources
from services.query.thresholds import Thresholds, check_kept
from services.query.views.freshness import Freshness
from sightline.evaluation.curves import Curve, curve

MOST_POINTS = 1000


class ClassCurve(Answer):
    """One class, most confident first: point i is what the counts say with `confidence[i]` as the threshold.

    Points at which nothing is predicted yet are left out. `recall` is empty for a class without truths.
    """

    support: int
    confidence: list[float]
    precision: list[float]
    recall: list[float]


class RunCurves(Answer):
    """Precision-recall curves by class name; not interpolated, without a limit on detections."""

    run_id: str
    iou: float
    classes: dict[str, ClassCurve] = Field(description="every class that has truths or predictions")
    freshness: Freshness


async def run_curves(sources: Sources, run_id: str, *, iou: float, points: int) -> RunCurves:
    """Curves of at most `points` points a class, evenly thinned, both ends kept."""
    Thresholds(iou=iou)
    async with measured(sources, run_id) as run:
        check_kept(iou, run.evidence)
        sums = await sources.counting.sums(run_id, run.view, iou)
        present = await sources.counting.present(run_id, run.view)
        return RunCurves(
            run_id=run_id,
            iou=iou,
            classes={
                run.name(class_id): _thinned(curve(sums, class_id), int(sums.support[class_id]), points)
                for class_id in present
            },
            freshness=run.freshness,
        )


def _thinned(full: Curve, support: int, points: int) -> ClassCurve:
    defined = np.flatnonzero(~np.isnan(full.precision))
    if len(defined) > points:
        defined = defined[np.linspace(0, len(defined) - 1, points).round().astype(np.int64)]
    return ClassCurve(
        support=support,
        confidence=full.confidence[defined].tolist(),
        precision=full.precision[defined].tolist(),
        recall=full.recall[defined].tolist() if support else [],
    )
