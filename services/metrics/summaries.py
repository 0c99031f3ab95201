"""The default numbers of a run, as one document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sightline.evaluation import Counts, coco_averages, count
from sightline.evaluation.conventions import COCO_NUMBERS, DEFAULT_CONFIDENCE, DEFAULT_IOU
from sightline.evaluation.evidence import Evidence
from sightline.evaluation.presence import present_classes
from sightline.evaluation.report import nulls

NOTHING: Mapping[str, Any] = {
    "coco": dict.fromkeys(COCO_NUMBERS),
    "coco_classes": {},
    "counts": {
        "iou": DEFAULT_IOU,
        "confidence": DEFAULT_CONFIDENCE,
        "true_positive": 0,
        "false_positive": 0,
        "false_negative": 0,
        "classes": {},
    },
    "rows": 0,
    "rows_predicted": 0,
    "predictions": 0,
    "truths": 0,
}
"""What is measured of a run that nobody has heard of."""


def measure(evidence: Evidence) -> dict[str, Any]:
    """Everything about a run that is kept: COCO's numbers, and counts at the operating point. Undefined is None."""
    counts = count(evidence, DEFAULT_IOU, DEFAULT_CONFIDENCE)
    averages = coco_averages(evidence)
    present = present_classes(evidence)
    by_class = {name: nulls(column) for name, column in averages.by_class().items()}
    total = nulls(np.array(list(averages.total().values())))
    return {
        "coco": dict(zip(averages.total(), total, strict=True)),
        "coco_classes": {str(c): {name: column[c] for name, column in by_class.items()} for c in present},
        "counts": {
            "iou": DEFAULT_IOU,
            "confidence": DEFAULT_CONFIDENCE,
            **_counts(counts.total(), 0),
            "classes": {str(c): _counts(counts, c) for c in present},
        },
        "rows": evidence.row_count,
        "rows_predicted": int(np.count_nonzero(evidence.prediction_rows.count)),
        "predictions": int(evidence.prediction_rows.count.sum()),
        "truths": int(evidence.truth_rows.count.sum()),
    }


def summary_document(
    project_id: str,
    run_id: str,
    numbers: Mapping[str, Any],
    progress: Mapping[int, Mapping[str, Any]],
    accepted: Mapping[int, Mapping[str, Any]] | None,
    *,
    computed_unix_ms: int,
    cost_ms: float,
) -> dict[str, Any]:
    """The summary of a run. `progress` is where the row partitions stood that the numbers rest on: its version.

    `accepted` is the same of the data rows that say which rows are in its scope; None where all labelled rows are.
    """
    return {
        "_id": f"{project_id}/{run_id}",
        "project_id": project_id,
        "run_id": run_id,
        "version": _version(progress),
        "scope_version": None if accepted is None else _version(accepted),
        **numbers,
        "computed_unix_ms": computed_unix_ms,
        "cost_ms": cost_ms,
    }


def _version(progress: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        str(partition): {"rev": at["rev"], "offsets": dict(at["offsets"]), "markers": dict(at["markers"])}
        for partition, at in sorted(progress.items())
    }


def _counts(counts: Counts, place: int) -> dict[str, int]:
    return {
        "true_positive": int(counts.true_positive[place]),
        "false_positive": int(counts.false_positive[place]),
        "false_negative": int(counts.false_negative[place]),
    }
