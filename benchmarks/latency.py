"""Metrics of a run of a million predictions: a new confidence, a new IoU, and the first answer after a restart.

Every request asks for thresholds that were never asked before, so no cached answer can serve it.

    python -m benchmarks.latency [--images 10000] [--detections 1000000] [--requests 200] [--json]
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable

import httpx

from benchmarks.generate import write_coco
from benchmarks.running import folder, pin, reference_kernel, stack


def percentiles(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and the longest, in milliseconds."""
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)

    return {"p50_ms": at(0.5), "p95_ms": at(0.95), "max_ms": at(1.0)} if ordered else {}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--detections", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pin()
    chance = random.Random(5)
    with folder() as place:
        truth, results = place / "gt.json", place / "dt.json"
        detections = write_coco(truth, results, images=options.images, detections=options.detections)
        names = ["--dataset", "bench", "--model", "bench", "--run", "bench"]
        with stack(place) as running:
            run = running.sightline(
                "import", "coco", "--ground-truth", str(truth), "--predictions", str(results), *names, "--wait"
            )["run_id"]
        with stack(place) as running, httpx.Client(base_url=running.url, timeout=60) as client:
            path = f"/v1/model-runs/{run}/metrics"

            def ask(**thresholds: float) -> float:
                begun = time.perf_counter()
                client.get(path, params=thresholds).raise_for_status()
                return time.perf_counter() - begun

            def many(make: Callable[[], dict[str, float]]) -> dict[str, float]:
                return percentiles([ask(**make()) for _ in range(options.requests)])

            first = ask(iou=0.5, confidence=0.5)
            figures = {
                "detections": detections,
                "reference_kernel_s": round(reference_kernel(), 4),
                "first answer after a restart": {"seconds": round(first, 3)},
                "new confidence": many(lambda: {"iou": 0.5, "confidence": chance.random()}),
                "new IoU": many(lambda: {"iou": chance.uniform(0.05, 0.95), "confidence": 0.5}),
                "new IoU and confidence": many(
                    lambda: {"iou": chance.uniform(0.05, 0.95), "confidence": chance.random()}
                ),
            }
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{detections:,} predictions, two cores, reference kernel {figures['reference_kernel_s']} s")
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{name:30}", "  ".join(f"{k} {v}" for k, v in value.items()))


if __name__ == "__main__":
    main()
