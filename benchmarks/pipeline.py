"""From file to *measured*: `sightline import coco --wait` on a warm stack.

python -m benchmarks.pipeline [--kafka] [--metrics-processes N] [--images 5000] [--detections 500000] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.generate import write_coco
from benchmarks.running import Stack, add_shape, folder, pin, reference_kernel, shape_of, stack


def measure(running: Stack, files: tuple[Path, Path], run: str, detections: int) -> dict[str, Any]:
    """One import: time, predictions per second, CPU and memory of each process."""
    truth, results = files
    names = ["--dataset", "bench", "--model", "bench", "--run", run]
    with running.watched() as usage:
        begun = time.perf_counter()
        answer = running.sightline(
            "import", "coco", "--ground-truth", str(truth), "--predictions", str(results), *names, "--wait"
        )
        seconds = time.perf_counter() - begun
    assert answer["accepted"] == detections, answer
    processes = {name: {"cpu_s": round(u.cpu, 2), "peak_mb": round(u.peak)} for name, u in sorted(usage.items())}
    return {"seconds": round(seconds, 2), "predictions_per_s": round(detections / seconds), "processes": processes}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--detections", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=3, help="new runs on the same truth; the middle one counts")
    add_shape(parser)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pin()
    with folder() as place:
        truth, results = place / "gt.json", place / "dt.json"
        detections = write_coco(truth, results, images=options.images, detections=options.detections)
        with stack(place, kafka=options.kafka, metrics_processes=options.metrics_processes) as running:
            warm = place / "warm_gt.json", place / "warm_dt.json"
            few = write_coco(*warm, images=50, truths=300, detections=2000)
            measure(running, warm, "warm", few)
            first = measure(running, (truth, results), "first", detections)
            others = [measure(running, (truth, results), f"other {n}", detections) for n in range(options.repeats)]
            figures: dict[str, Any] = {
                "detections": detections,
                "reference_kernel_s": round(reference_kernel(), 4),
                "new truth, new run": first,
                "same truth, new run": sorted(others, key=lambda each: each["seconds"])[options.repeats // 2],
                "the same again": measure(running, (truth, results), "first", detections),
            }
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{detections:,} detections, {shape_of(options)}, reference kernel {figures['reference_kernel_s']} s")
    for name, value in figures.items():
        if name in ("detections", "reference_kernel_s"):
            continue
        print(f"{name:22} {value['seconds']:6.2f} s {value['predictions_per_s']:>9,} predictions/s")
        for process, use in value["processes"].items():
            print(f"    {process:10} {use['cpu_s']:6.2f} s CPU {use['peak_mb']:>6} MB peak")


if __name__ == "__main__":
    main()
