"""NDJSON with uuids, from upload to *measured*; and truth that changes under runs that are measured on it.

python -m benchmarks.ndjson [--images 5000] [--detections 500000] [--runs 10] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import numpy as np

from benchmarks.generate import generate
from benchmarks.running import Stack, Usage, add_shape, folder, pin, reference_kernel, shape_of, stack

_CHUNK = 1 << 20


def _line(row: str, name: str, box: list[float], **more: Any) -> bytes:
    left, top, width, height = box
    bbox = {"top": top, "left": left, "height": height, "width": width}
    return msgspec.json.encode({"dataRow": {"globalKey": row}, "name": name, "bbox": bbox, **more})


def write_predictions(file: Path, truth: Any, results: Any) -> None:
    """Results as lines, each with a uuid."""
    rows = {image["id"]: image["file_name"] for image in truth["images"]}
    names = {category["id"]: category["name"] for category in truth["categories"]}
    octets = np.random.default_rng(1).bytes(16 * len(results))
    lines = (
        _line(
            rows[each["image_id"]],
            names[each["category_id"]],
            each["bbox"],
            confidence=each["score"],
            uuid=str(UUID(bytes=octets[16 * n : 16 * n + 16])),
        )
        for n, each in enumerate(results)
    )
    file.write_bytes(b"\n".join(lines))


def write_truth(file: Path, truth: Any, right: float) -> None:
    """The truth of all rows as lines, with every box further to the right."""
    rows = {image["id"]: image["file_name"] for image in truth["images"]}
    names = {category["id"]: category["name"] for category in truth["categories"]}
    lines = [
        _line(rows[each["image_id"]], names[each["category_id"]], [each["bbox"][0] + right, *each["bbox"][1:]])
        for each in truth["annotations"]
    ]
    empty = rows.keys() - {each["image_id"] for each in truth["annotations"]}
    lines += [msgspec.json.encode({"dataRow": {"globalKey": rows[id]}, "empty": True}) for id in sorted(empty)]
    file.write_bytes(b"\n".join(lines))


class World:
    """A dataset with truth in its draft, and runs on it."""

    def __init__(self, running: Stack, name: str, truth: Any) -> None:
        self._http = httpx.Client(base_url=running.url, timeout=600, trust_env=False)
        classes = [{"name": category["name"]} for category in truth["categories"]]
        ontology = self._post("/v1/ontologies", {"name": name, "classes": classes})["ontology_id"]
        self.dataset = self._post("/v1/datasets", {"name": name, "ontology_id": ontology})["dataset_id"]
        self.model = self._post("/v1/models", {"name": name, "ontology_id": ontology})["model_id"]
        self._upload(f"/v1/datasets/{self.dataset}/ground-truth:import?format=coco", iter([msgspec.json.encode(truth)]))

    def run(self, name: str) -> str:
        """Make a run on the draft."""
        return self._post("/v1/model-runs", {"name": name, "model_id": self.model, "dataset_id": self.dataset})[
            "run_id"
        ]

    def predict(self, run: str, file: Path) -> tuple[float, float]:
        """Seconds until the predictions are accepted, and until they are measured."""
        begun = time.perf_counter()
        job = self._upload(f"/v1/model-runs/{run}/predictions:import?format=ndjson", _chunks(file))
        accepted = time.perf_counter() - begun
        while not self._get(f"/v1/imports/{job['job']}?wait=60")["measured"]:
            pass
        return accepted, time.perf_counter() - begun

    def change_truth(self, file: Path, runs: list[str]) -> tuple[float, float]:
        """Seconds until the truth is accepted, and until all runs are measured again."""
        begun = time.perf_counter()
        job = self._upload(f"/v1/datasets/{self.dataset}/ground-truth:import?format=ndjson", _chunks(file))
        accepted = time.perf_counter() - begun
        while not self._get(f"/v1/imports/{job['job']}?wait=60")["measured"]:
            pass
        while any(self._get(f"/v1/model-runs/{run}/metrics")["freshness"]["coco_behind"] for run in runs):
            time.sleep(0.02)
        return accepted, time.perf_counter() - begun

    def _post(self, path: str, body: Any) -> Any:
        return self._http.post(path, json=body).raise_for_status().json()

    def _get(self, path: str) -> Any:
        return self._http.get(path).raise_for_status().json()

    def _upload(self, path: str, body: Iterator[bytes]) -> Any:
        job = self._http.post(path, content=body).raise_for_status().json()
        assert not job["rejected"], job
        return job


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--detections", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=10, help="runs under which the truth changes")
    parser.add_argument("--repeats", type=int, default=3, help="new runs with the same predictions; the middle counts")
    add_shape(parser)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pin()
    truth, results = generate(images=options.images, detections=options.detections)
    with folder() as place:
        predictions, few = place / "predictions.ndjson", place / "few.ndjson"
        write_predictions(predictions, truth, results)
        write_predictions(few, truth, results[: options.detections // options.runs])
        changed = [place / f"changed {n}.ndjson" for n in range(options.repeats)]
        for n, file in enumerate(changed, 1):
            write_truth(file, truth, n)
        with stack(place, kafka=options.kafka, metrics_processes=options.metrics_processes) as running:
            world = World(running, "uploads", truth)
            world.predict(world.run("warm"), few)
            uploads = [_uploaded(running, world, f"upload {n}", predictions) for n in range(options.repeats)]
            world = World(running, "changes", truth)
            runs = [world.run(f"run {n}") for n in range(options.runs)]
            for run in runs:
                world.predict(run, few)
            changes = [_changed(running, world, file, runs) for file in changed]
        figures: dict[str, Any] = {
            "predictions": len(results),
            "predictions under each truth": options.detections // options.runs,
            "shape": shape_of(options),
            "reference_kernel_s": round(reference_kernel(), 4),
            "upload": sorted(uploads, key=lambda each: each["measured_s"])[options.repeats // 2],
            "truth changed": sorted(changes, key=lambda each: each["measured_s"])[options.repeats // 2],
        }
    print(json.dumps(figures, indent=None if options.json else 2))


def _uploaded(running: Stack, world: World, name: str, file: Path) -> dict[str, Any]:
    run = world.run(name)
    with running.watched() as usage:
        accepted, measured = world.predict(run, file)
    return _figures(accepted, measured, usage)


def _changed(running: Stack, world: World, file: Path, runs: list[str]) -> dict[str, Any]:
    with running.watched() as usage:
        accepted, measured = world.change_truth(file, runs)
    return _figures(accepted, measured, usage)


def _figures(accepted: float, measured: float, usage: dict[str, Usage]) -> dict[str, Any]:
    return {
        "accepted_s": round(accepted, 2),
        "measured_s": round(measured, 2),
        "cpu_s": {name: round(use.cpu, 2) for name, use in sorted(usage.items())},
        "peak_mb": {name: round(use.peak) for name, use in sorted(usage.items())},
    }


if __name__ == "__main__":
    main()
