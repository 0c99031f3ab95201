"""Which class is taken for which."""

from __future__ import annotations

import asyncio

from pydantic import Field

from services.query.answers import Answer, Number
from services.query.measured import measured
from services.query.sources import Sources
from services.query.thresholds import Thresholds, check_kept
from services.query.views.freshness import Freshness
from sightline.evaluation.confusion import confusion_matrix

BACKGROUND = "background"


class ConfusionRow(Answer):
    """Truths of one class: how many were predicted as each class, in the order of `classes`."""

    truth: str
    counts: list[int]


class ConfusionMatrix(Answer):
    """Truths by row, predictions by column; the last of each is `background`.

    Each truth is counted once in its row, each prediction once in its column. Off the diagonal, a cell is one false
    positive and one false negative. Crowds, and predictions that took one, are left out.
    """

    run_id: str
    iou: float
    confidence: Number
    classes: list[str] = Field(description="names of columns and of rows, the last is `background`")
    rows: list[ConfusionRow]
    freshness: Freshness


async def run_confusion_matrix(sources: Sources, run_id: str, thresholds: Thresholds) -> ConfusionMatrix:
    """The confusion matrix of a run at thresholds, for every class that has truths or predictions."""
    async with measured(sources, run_id) as run:
        evidence = run.evidence
        check_kept(thresholds.iou, evidence)
        least = thresholds.per_class(run.names, evidence.class_count)
        matrix = await asyncio.to_thread(confusion_matrix, evidence, thresholds.iou, least)
        present = await sources.counting.present(run_id, run.view)
        shown = [*present, evidence.class_count]
        names = [*map(run.name, present), BACKGROUND]
        return ConfusionMatrix(
            run_id=run_id,
            iou=thresholds.iou,
            confidence=thresholds.confidence,
            classes=names,
            rows=[
                ConfusionRow(truth=name, counts=matrix[class_id, shown].tolist())
                for class_id, name in zip(shown, names, strict=True)
            ],
            freshness=run.freshness,
        )
