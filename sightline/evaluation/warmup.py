"""Everything compiled before the first request."""

from __future__ import annotations

from sightline.evaluation.counts import row_values
from sightline.evaluation.notebook import evaluate


def warm() -> None:
    """Compile every kernel, or load it from numba's cache, and run each once.

    Takes under a second with a warm cache. Kernels are declared for exactly the types of evidence, so nothing is left
    to compile afterwards.
    """
    box = [0.0, 0.0, 10.0, 10.0]
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}],
        "annotations": [{"image_id": 1, "category_id": category, "bbox": box} for category in (1, 2)],
    }
    results = [{"image_id": 1, "category_id": 1, "bbox": box, "score": score} for score in (0.9, 0.8)]
    evaluation = evaluate(truth, results)
    evaluation.metrics()
    evaluation.confusion_matrix()
    evaluation.curves()
    row_values(evaluation.evidence, 0.5)
