"""Evaluation in a notebook: what the server answers, without a server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sightline.arrays import Floats
from sightline.evaluation.average_precision import CocoAverages, coco_averages
from sightline.evaluation.coco import CocoResults, CocoTruth, evidence_of_coco
from sightline.evaluation.confusion import Matrix, confusion_matrix
from sightline.evaluation.conventions import DEFAULT_CONFIDENCE, DEFAULT_IOU
from sightline.evaluation.counts import count, prefix_counts
from sightline.evaluation.curves import Curve, curve
from sightline.evaluation.evidence import Evidence
from sightline.evaluation.matching import Confidence
from sightline.evaluation.ordering import ByConfidence, by_confidence
from sightline.evaluation.report import MetricsReport, Numbers, metrics_report


@dataclass(frozen=True)
class Evaluation:
    """A run's evidence and class names, asked at the operating point (`iou`, `confidence`) unless another is given."""

    evidence: Evidence
    class_names: dict[int, str]
    iou: float = DEFAULT_IOU
    confidence: Confidence = DEFAULT_CONFIDENCE

    @cached_property
    def averages(self) -> CocoAverages:
        """COCO's evaluation, per class, area range and IoU."""
        return coco_averages(self.evidence, self._order)

    @property
    def coco(self) -> Numbers:
        """The twelve COCO numbers; None where undefined."""
        return self._defaults["coco"]

    @property
    def total(self) -> Numbers:
        """Counts and ratios over all classes at the operating point."""
        return self._defaults["total"]

    @property
    def classes(self) -> dict[str, Numbers]:
        """Counts, ratios and COCO numbers by class name at the operating point."""
        return self._defaults["classes"]

    def metrics(self, iou: float | None = None, confidence: Confidence = None) -> MetricsReport:
        """The whole answer at an IoU (at least 0.05) and a confidence (one, or one a class id)."""
        return metrics_report(
            self.evidence,
            self.class_names,
            self.iou if iou is None else iou,
            self.confidence if confidence is None else confidence,
            self.averages,
        )

    def confusion_matrix(self, iou: float | None = None, confidence: Confidence = None) -> tuple[Matrix, list[str]]:
        """Truths by row, predictions by column, and the names of both; the last is `background`."""
        matrix = confusion_matrix(
            self.evidence,
            self.iou if iou is None else iou,
            self.confidence if confidence is None else confidence,
        )
        return matrix, [*self.class_names.values(), "background"]

    def curves(self, iou: float | None = None) -> dict[str, Curve]:
        """Precision and recall along the confidence, by class name."""
        counts = prefix_counts(self.evidence, self.iou if iou is None else iou, self._order)
        return {name: curve(counts, class_id) for class_id, name in self.class_names.items()}

    def report(self, iou: float | None = None, confidence: Confidence = None) -> dict[str, Numbers]:
        """Precision, recall, F1 and support by class, then their averages, under the names that FiftyOne gives them."""
        counts = count(
            self.evidence,
            self.iou if iou is None else iou,
            self.confidence if confidence is None else confidence,
        )
        micro, support = counts.total(), counts.support
        ratios = np.stack([counts.precision, counts.recall, counts.f1])
        lines = {name: _line(ratios[:, class_id], support[class_id]) for class_id, name in self.class_names.items()}
        lines["micro avg"] = _line(np.concatenate([micro.precision, micro.recall, micro.f1]), support.sum())
        lines["macro avg"] = _line(_average(ratios, np.ones(len(support))), support.sum())
        lines["weighted avg"] = _line(_average(ratios, support.astype(np.float64)), support.sum())
        return lines

    @cached_property
    def _order(self) -> ByConfidence:
        return by_confidence(self.evidence)

    @cached_property
    def _defaults(self) -> MetricsReport:
        return self.metrics()


def evaluate(
    truths: CocoTruth,
    predictions: CocoResults,
    *,
    iou: float = DEFAULT_IOU,
    confidence: Confidence = DEFAULT_CONFIDENCE,
) -> Evaluation:
    """Evaluate COCO results against COCO truth: parsed JSON, or the bytes of the files.

    `iou` and `confidence` are the operating point; any other can be asked of the result. Raises ValueError for what is
    not COCO.
    """
    evidence, class_names = evidence_of_coco(truths, predictions)
    return Evaluation(evidence, class_names, iou, confidence)


def _line(ratios: Floats, support: int) -> Numbers:
    precision, recall, f1 = (None if np.isnan(value) else float(value) for value in ratios)
    return {"precision": precision, "recall": recall, "f1-score": f1, "support": int(support)}


def _average(ratios: Floats, weight: Floats) -> Floats:
    """The mean of each line over the classes where it is defined; NaN where it is nowhere."""
    defined = ~np.isnan(ratios)
    weights = defined * weight
    total = weights.sum(axis=1)
    summed = (np.where(defined, ratios, 0) * weights).sum(axis=1)
    return np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0)
