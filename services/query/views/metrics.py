"""What a run is worth: counts and ratios at any thresholds, and COCO's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from services.query.answers import Answer, Number
from services.query.measured import measured
from services.query.reads import Document
from services.query.sources import Sources
from services.query.thresholds import Thresholds, check_kept
from services.query.views.freshness import Freshness
from sightline.evaluation.report import counts_report


class CocoNumbers(Answer):
    """The twelve numbers of COCO's evaluation. Null where there are no truths to find."""

    map: Number = None
    map_50: Number = None
    map_75: Number = None
    map_small: Number = None
    map_medium: Number = None
    map_large: Number = None
    mar_1: Number = None
    mar_10: Number = None
    mar_100: Number = None
    mar_small: Number = None
    mar_medium: Number = None
    mar_large: Number = None


class Ratios(Answer):
    """Counts at the thresholds, and what follows from them. Null: undefined, as the precision of nothing predicted."""

    precision: Number
    recall: Number
    f1: Number
    support: int = Field(description="truths, crowds left out")
    true_positive_count: int
    false_positive_count: int
    false_negative_count: int


class TotalMetrics(Ratios):
    """All classes together: micro averages, and means over the classes for which the number is defined."""

    macro_precision: Number
    macro_recall: Number
    macro_f1: Number


class ClassMetrics(CocoNumbers, Ratios):
    """One class. COCO's numbers are null for a class without truths: it is in none of COCO's means."""

    confidence: Number = Field(description="threshold of this class; null: nothing of it counted")


class RunMetrics(Answer):
    """Metrics of a run at thresholds. Rows and counts are those of the labelled rows of the run's version."""

    run_id: str
    dataset_id: str
    dataset_version: int
    iou: float
    confidence: Number
    coco: CocoNumbers
    total: TotalMetrics
    classes: dict[str, ClassMetrics] = Field(description="by name: every class that has truths or predictions")
    rows_in_scope: int
    rows_predicted: int
    freshness: Freshness


async def run_metrics(sources: Sources, run_id: str, thresholds: Thresholds, *, cached: bool = True) -> RunMetrics:
    """Counts at the thresholds, at least as fresh as the COCO numbers beside them. `cached` False counts anew."""
    async with measured(sources, run_id) as run:
        evidence = run.evidence
        check_kept(thresholds.iou, evidence)
        least = thresholds.per_class(run.names, evidence.class_count)
        counts = await sources.counting.counts(run_id, run.view, thresholds.iou, least, cached=cached)
        present = await sources.counting.present(run_id, run.view)
        names = {class_id: run.name(class_id) for class_id in present}
        total, classes = counts_report(counts, names)
        summary: Document = run.summary or {"coco": {}, "coco_classes": {}}
        averages: Mapping[str, Any] = summary["coco_classes"]
        return RunMetrics(
            run_id=run_id,
            dataset_id=run.document["dataset_id"],
            dataset_version=run.document["dataset_version"],
            iou=thresholds.iou,
            confidence=thresholds.confidence,
            coco=CocoNumbers(**summary["coco"]),
            total=TotalMetrics.model_validate(total),
            classes={
                name: ClassMetrics.model_validate(
                    {**classes[name], **averages.get(str(class_id), {}), "confidence": thresholds.of_class(name)}
                )
                for class_id, name in names.items()
            },
            rows_in_scope=evidence.row_count,
            rows_predicted=int(np.count_nonzero(evidence.prediction_rows.count)),
            freshness=run.freshness,
        )
