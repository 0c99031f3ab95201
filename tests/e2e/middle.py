"""The middle of an import: held by a gate, looked at, and what must be true after it was cut off there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.data import Files, assert_equal_to_pycocotools, write
from tests.e2e.gate import Gate
from tests.e2e.stack import Stack, wait_until
from tests.unit.evaluation.synthetic import coco

TRUTH, PREDICTIONS = "/ground-truth:import", "/predictions:import"
MOST = 0.95
"""The share of a held file of predictions: enough for a window of it to be accepted."""


def files_in_parts(folder: Path, seed: int = 11) -> Files:
    """Predictions in the order of rows, so that an upload is accepted in parts; most rows have none."""
    truth, results = coco(seed, images=60, classes=8, truths=6, detections=1200)
    unlabelled = [{"id": 10_000 + n, "width": 640, "height": 480, "file_name": f"empty {n}.jpg"} for n in range(80)]
    places = {image["id"]: place for place, image in enumerate(truth["images"])}
    results.sort(key=lambda result: places[result["image_id"]])
    return write(folder, {**truth, "images": truth["images"] + unlabelled}, results)


def visible(stack: Stack, run_id: str) -> int:
    """Predictions of a run in the numbers that the server shows."""
    runs = {run["run_id"]: run for run in stack.get("/v1/status")["runs"]}
    return runs[run_id]["predictions_visible"] or 0


def hold_the_middle(stack: Stack, gate: Gate) -> dict[str, Any]:
    """Wait until an upload of predictions stands in its middle: a part accepted, and a part of that measured."""

    def stands() -> bool:
        job = gate.job()
        return bool(job and job["accepted"] and visible(stack, job["run_id"]))

    wait_until(stands, 60)
    job = gate.job()
    assert job is not None
    assert (job["state"], job["measured"]) == ("RUNNING", False)
    return job


def state(gate: Gate) -> str | None:
    """The state of the held import, once it has begun."""
    job = gate.job()
    return job["state"] if job else None


def assert_given_up(stack: Stack, job_id: str) -> None:
    """The import of a process that was killed ends, and says why."""
    wait_until(lambda: stack.get(f"/v1/imports/{job_id}")["state"] != "RUNNING", 60)
    job = stack.get(f"/v1/imports/{job_id}")
    assert (job["state"], job["measured"]) == ("FAILED", False)
    assert "is gone" in job["failure"]


def assert_broken_off(sending: Any) -> None:
    """The command line says what to do, and nothing else."""
    _, said = sending.communicate(timeout=120)
    assert sending.returncode == 1, said
    assert "send the files again" in said
    assert "Traceback" not in said


def send_again(stack: Stack, files: Files, name: str) -> None:
    """Sending the files again finishes it, as if nothing had happened."""
    answer = stack.json(*files.arguments(name), "--wait")
    assert (answer["accepted"], answer["rejected"]) == (len(files.results), 0)
    assert answer["dataset_version"] == 1
    assert_equal_to_pycocotools(stack, answer["run_id"], files)
