"""kill -9 in the middle of an import: nothing is lost, nothing doubled, and sending the file again finishes it.

The middle is held, not met by luck: a gate keeps the rest of an upload back, or metrics is stopped while work waits.
"""

import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.data import Files, assert_equal_to_pycocotools, write
from tests.e2e.gate import Gate
from tests.e2e.stack import Stack, kill, wait_until
from tests.unit.evaluation.synthetic import coco

TRUTH, PREDICTIONS = "/ground-truth:import", "/predictions:import"
MOST = 0.95
"""The share of a held file of predictions: enough for a window of it to be accepted."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Predictions in the order of rows, so that an upload is accepted in parts; most rows have none."""
    truth, results = coco(11, images=60, classes=8, truths=6, detections=1200)
    unlabelled = [{"id": 10_000 + n, "width": 640, "height": 480, "file_name": f"empty {n}.jpg"} for n in range(80)]
    places = {image["id"]: place for place, image in enumerate(truth["images"])}
    results.sort(key=lambda result: places[result["image_id"]])
    folder = tmp_path_factory.mktemp("chaos")
    return write(folder, {**truth, "images": truth["images"] + unlabelled}, results)


def visible(stack: Stack) -> int:
    """Predictions of the only run in the numbers that the server shows."""
    (run,) = stack.get("/v1/status")["runs"]
    return run["predictions_visible"] or 0


def hold_the_middle(stack: Stack, gate: Gate) -> dict[str, Any]:
    """Wait until an upload of predictions stands in its middle: a part accepted, and a part of that measured."""
    wait_until(lambda: (gate.job() or {"accepted": 0})["accepted"] and visible(stack), 60)
    job = gate.job()
    assert job is not None
    assert (job["state"], job["measured"]) == ("RUNNING", False)
    return job


def state(gate: Gate) -> str | None:
    """The state of the held import, once it has begun."""
    job = gate.job()
    return job["state"] if job else None


def kill_metrics(stack: Stack) -> None:
    """kill -9, and wait until there is another that works."""
    (pid,) = stack.descendants("services.metrics")
    kill(pid)
    wait_until(lambda: stack.descendants("services.metrics") not in ([], [pid]), 60)
    wait_until(stack.is_ready, 60)


def assert_given_up(stack: Stack, job_id: str) -> None:
    """The import of the process that was killed ends, and says why."""
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


def test_everything_is_killed_in_the_middle_of_an_import(files: Files, tmp_path: Path) -> None:
    """First while the truth comes up, then while the predictions do, part of them accepted and measured."""
    with Stack(tmp_path / "data") as stack:
        for target, share in ((TRUTH, 0.5), (PREDICTIONS, MOST)):
            with Gate(stack, target, share) as gate:
                sending = stack.begin(*files.arguments("killed"), "--wait", via=gate.url)
                if target == PREDICTIONS:
                    hold_the_middle(stack, gate)
                else:
                    wait_until(lambda gate=gate: state(gate) == "RUNNING", 60)
                assert sending.poll() is None
                stack.kill()
                gate.open()
                assert_broken_off(sending)
            stack.start()
            assert_given_up(stack, gate.job_id)
        send_again(stack, files, "killed")


def test_everything_is_killed_while_accepted_work_waits(files: Files, tmp_path: Path) -> None:
    """What has been accepted is measured after the next start, without being sent again."""
    with Stack(tmp_path / "data") as stack:
        (metrics,) = stack.descendants("services.metrics")
        psutil.Process(metrics).suspend()
        answer = stack.json(*files.arguments("waiting"))
        job = stack.get(f"/v1/imports/{answer['job']}")
        assert (job["state"], job["accepted"], job["measured"]) == ("FINISHED", len(files.results), False)
        stack.kill()
        stack.start()
        wait_until(lambda: stack.get(f"/v1/imports/{answer['job']}", wait=20)["measured"], 120)
        assert_equal_to_pycocotools(stack, answer["run_id"], files)


def test_metrics_is_killed_again_and_again(files: Files, tmp_path: Path) -> None:
    """Whenever it is there again while the upload stands in its middle, and once more when all of it waits."""
    with Stack(tmp_path / "data") as stack, Gate(stack, PREDICTIONS, MOST) as gate:
        sending = stack.begin(*files.arguments("shot"), "--wait", "--json", via=gate.url)
        job = hold_the_middle(stack, gate)
        assert job["accepted"] < len(files.results)
        for _ in range(2):
            kill_metrics(stack)
            assert state(gate) == "RUNNING"
            assert 0 < visible(stack) <= job["accepted"]
        (pid,) = stack.descendants("services.metrics")
        psutil.Process(pid).suspend()
        gate.open()
        wait_until(lambda: state(gate) == "FINISHED", 60)
        assert stack.get(f"/v1/imports/{gate.job_id}")["measured"] is False
        assert sending.poll() is None
        kill_metrics(stack)

        said, explained = sending.communicate(timeout=120)
        assert sending.returncode == 0, explained
        assert json.loads(said)["accepted"] == len(files.results)
        assert_equal_to_pycocotools(stack, json.loads(said)["run_id"], files)


def test_ingest_is_killed_during_an_upload(files: Files, tmp_path: Path) -> None:
    with Stack(tmp_path / "data") as stack, Gate(stack, PREDICTIONS, MOST) as gate:
        sending = stack.begin(*files.arguments("cut off"), "--wait", via=gate.url)
        hold_the_middle(stack, gate)
        (pid,) = stack.descendants("services.ingest")
        kill(pid)
        gate.open()
        assert_broken_off(sending)
        wait_until(stack.is_ready, 60)
        assert_given_up(stack, gate.job_id)
        send_again(stack, files, "cut off")
