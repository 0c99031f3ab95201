"""Predictions from NumPy arrays to measured, through the Python client, on two cores.

Two runs on the same truth: one without uuids, one with. Encoding alone is timed too.

    python -m benchmarks.client_upload [--images 5000] [--detections 500000] [--gzip] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

import msgspec
import numpy as np

from benchmarks.running import add_shape, folder, pin, reference_kernel, shape_of, stack
from sightline import Client
from sightline.client.columns import Columns

CLASSES = ("car", "person", "bus", "tram")


def arrays(images: int, detections: int) -> Columns:
    """Seeded predictions, in the order of their rows as models give them."""
    chance = np.random.default_rng(3)
    keys = np.array([f"images/{image:06}.jpg" for image in range(images)], np.object_)
    return Columns(
        keys[np.sort(chance.integers(0, images, detections))],
        np.array(CLASSES, np.object_)[chance.integers(0, len(CLASSES), detections)],
        chance.uniform(1, 500, (detections, 4)),
        chance.uniform(0, 1, detections),
        chance.integers(0, 256, (detections, 16), dtype=np.uint8),
    )


def encoding(columns: Columns) -> float:
    """CPU seconds to make all lines."""
    encoder = msgspec.json.Encoder()
    begun = time.process_time()
    for block in columns.blocks():
        encoder.encode_lines(block)
    return time.process_time() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--detections", type=int, default=500_000)
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--json", action="store_true")
    add_shape(parser)
    options = parser.parse_args()
    pin()
    columns = arrays(options.images, options.detections)
    count = len(columns)
    figures: dict[str, Any] = {"reference_kernel_s": round(reference_kernel(), 4)}
    with folder() as place:
        shape = {"kafka": options.kafka, "metrics_processes": options.metrics_processes}
        with stack(place, **shape) as running, Client(running.url, progress=False) as client:
            ontology = client.create_ontology("bench", CLASSES)
            dataset = client.create_dataset("bench", ontology)
            dataset.add_rows({"global_key": f"images/{image:06}.jpg"} for image in range(options.images))
            some = np.random.default_rng(4).integers(0, count, 36_000)
            said: dict[str, Any] = {
                name: np.asarray(getattr(columns, name))[some] for name in ("row", "class_name", "boxes")
            }
            dataset.add_ground_truth(**said).wait()
            model, version = client.create_model("bench", ontology), dataset.commit()
            for name in ("without uuids", "with uuids"):
                given: dict[str, Any] = (
                    columns.arguments if name == "with uuids" else {**columns.arguments, "uuid": None}
                )
                run = model.create_run(name, version)
                with running.watched() as usage:
                    mine, begun = sum(os.times()[:2]), time.perf_counter()
                    job = run.upload(**given, gzip=options.gzip)
                    accepted = time.perf_counter() - begun
                    job.wait()
                    measured = time.perf_counter() - begun
                    client_cpu = sum(os.times()[:2]) - mine
                assert (job.accepted, job.rejected) == (count, 0)
                figures[name] = {
                    "encoded_per_cpu_second": round(count / encoding(Columns(**given))),
                    "accepted_per_second": round(count / accepted),
                    "measured_per_second": round(count / measured),
                    "client_cpu_s": round(client_cpu, 2),
                    "stack_cpu_s": {who: round(use.cpu, 2) for who, use in usage.items() if use.cpu > 0.05},
                }
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{count:,} predictions, {shape_of(options)}; reference kernel {figures['reference_kernel_s']} s")
    for name in ("without uuids", "with uuids"):
        print(f"  {name}")
        for figure, value in figures[name].items():
            print(f"    {figure:24} {value:,}" if isinstance(value, int) else f"    {figure:24} {value}")


if __name__ == "__main__":
    main()
