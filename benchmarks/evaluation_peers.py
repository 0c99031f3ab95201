"""One evaluation by one tool, timed at the same two boundaries: `python benchmarks/evaluation_peers.py TOOL GT DT`.

Prints `{memory, numbers}`: seconds from detections in memory (each tool's own form of them) to the twelve numbers, and
these. The whole process is timed by who starts it. Nothing is imported but what the tool needs.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable
from typing import Any

Numbers = list[float]
Prepared = Callable[[], Numbers]


def sightline(truth: str, results: str) -> Prepared:
    """Arrays of boxes, then evidence and averages."""
    from pathlib import Path

    from sightline.evaluation import boxes_of_coco, coco_averages

    boxes = boxes_of_coco(Path(truth).read_bytes(), Path(results).read_bytes())
    return lambda: list(coco_averages(boxes.evidence()).total().values())


def _like_pycocotools(coco: Any, evaluation: Any, truth: str, results: str) -> Prepared:
    ground_truth = coco(truth)
    detections = ground_truth.loadRes(results)

    def run() -> Numbers:
        judge = evaluation(ground_truth, detections, "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        return [float(number) for number in judge.stats][:12]

    return run


def pycocotools(truth: str, results: str) -> Prepared:
    """The reference."""
    from pycocotools.coco import COCO  # pyright: ignore
    from pycocotools.cocoeval import COCOeval  # pyright: ignore

    return _like_pycocotools(COCO, COCOeval, truth, results)


def faster_coco_eval(truth: str, results: str) -> Prepared:
    """C++ behind pycocotools' interface."""
    from faster_coco_eval import COCO, COCOeval_faster  # pyright: ignore

    return _like_pycocotools(COCO, COCOeval_faster, truth, results)


def hotcoco(truth: str, results: str) -> Prepared:
    """Rust, parallel."""
    from hotcoco import COCO, COCOeval  # pyright: ignore

    return _like_pycocotools(COCO, COCOeval, truth, results)


TOOLS = {tool.__name__: tool for tool in (pycocotools, faster_coco_eval, hotcoco, sightline)}


def main(tool: str, truth: str, results: str) -> None:
    """Run once, and print."""
    with contextlib.redirect_stdout(io.StringIO()):
        run = TOOLS[tool](truth, results)
        begin = time.perf_counter()
        numbers = run()
        seconds = time.perf_counter() - begin
    print(json.dumps({"memory": seconds, "numbers": numbers}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
