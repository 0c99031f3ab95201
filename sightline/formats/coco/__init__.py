"""COCO files of boxes: the truth (`images`, `annotations`, `categories`) and results."""

from sightline.formats.coco.results import Result, ResultBlock, ResultReader, read_results
from sightline.formats.coco.truth import Truth, TruthReader, read_truth, truth_digest

__all__ = [
    "Result",
    "ResultBlock",
    "ResultReader",
    "Truth",
    "TruthReader",
    "read_results",
    "read_truth",
    "truth_digest",
]
