"""Seeded COCO files, and what pycocotools says of them."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.e2e.stack import Stack
from tests.unit.evaluation import oracle
from tests.unit.evaluation.synthetic import coco

THRESHOLDS = ((0.5, 0.5), (0.75, 0.3), (0.33, 0.0), (0.9, 0.7))
_COUNTS = ("true_positive_count", "false_positive_count", "false_negative_count")


@dataclass(frozen=True)
class Files:
    """Truth and predictions, in memory and on disk."""

    folder: Path
    truth: dict[str, Any]
    results: list[dict[str, Any]]

    @property
    def ground_truth(self) -> Path:
        return self.folder / "gt.json"

    @property
    def predictions(self) -> Path:
        return self.folder / "dt.json"

    @cached_property
    def expected_numbers(self) -> dict[str, float | None]:
        """The twelve numbers, as pycocotools has them."""
        return oracle.twelve(oracle.evaluated(self.truth, self.results))

    @cached_property
    def expected_counts(self) -> dict[tuple[float, float], dict[str, list[int]]]:
        """True positives, false positives and false negatives by class name, by (IoU, confidence)."""
        names = {category["id"]: category["name"] for category in self.truth["categories"]}
        expected: dict[tuple[float, float], dict[str, list[int]]] = {}
        for iou, confidence in THRESHOLDS:
            kept = [result for result in self.results if result["score"] >= confidence]
            judged = oracle.counts(oracle.evaluated(self.truth, kept, iou=iou))
            expected[iou, confidence] = {names[category]: counts for category, counts in judged.items()}
        return expected

    def arguments(self, name: str, *, run: str | None = None, model: str | None = None) -> tuple[object, ...]:
        """The arguments that import them under a name."""
        files = ("--ground-truth", self.ground_truth, "--predictions", self.predictions)
        return ("import", "coco", *files, "--dataset", name, "--model", model or name, "--run", run or name)


def write(folder: Path, truth: dict[str, Any], results: list[dict[str, Any]]) -> Files:
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(folder, truth, results)
    files.ground_truth.write_text(json.dumps(truth))
    files.predictions.write_text(json.dumps(results))
    return files


def generate(folder: Path, seed: int, **options: Any) -> Files:
    return write(folder, *coco(seed, **options))


def assert_equal_to_pycocotools(stack: Stack, run_id: str, files: Files) -> None:
    """The twelve numbers to 1e-9, on the command line too, and counts per class exactly, at several thresholds."""
    _assert_equal_numbers(stack.json("metrics", run_id)["coco"], files)
    assert_answers_equal_pycocotools(stack, run_id, files)


def assert_answers_equal_pycocotools(stack: Stack, run_id: str, files: Files) -> None:
    """The same by HTTP alone."""
    _assert_equal_numbers(stack.get(f"/v1/model-runs/{run_id}/metrics")["coco"], files)
    for (iou, confidence), expected in files.expected_counts.items():
        answer = stack.get(f"/v1/model-runs/{run_id}/metrics", iou=iou, confidence=confidence)
        mine = {name: [counts[count] for count in _COUNTS] for name, counts in answer["classes"].items()}
        for name, counts in expected.items():
            assert mine.pop(name, [0, 0, 0]) == counts, (name, iou, confidence)
        assert not mine
        total = [sum(each) for each in zip(*expected.values(), strict=True)]
        assert [answer["total"][count] for count in _COUNTS] == total


def _assert_equal_numbers(numbers: dict[str, float | None], files: Files) -> None:
    for name, value in files.expected_numbers.items():
        mine = numbers[name]
        assert (mine is None) == (value is None), (name, mine, value)
        assert mine is None or value is None or abs(mine - value) < 1e-9, (name, mine, value)
