"""kill -9 in the middle of an import: nothing is lost, nothing doubled, and sending the file again finishes it.

The middle is held, not met by luck: a gate keeps the rest of an upload back, or metrics is stopped while work waits.
"""

import json
from pathlib import Path

import psutil
import pytest

from tests.e2e.data import Files, assert_equal_to_pycocotools, write
from tests.e2e.gate import Gate
from tests.e2e.middle import (
    MOST,
    PREDICTIONS,
    TRUTH,
    assert_broken_off,
    assert_given_up,
    files_in_parts,
    hold_the_middle,
    send_again,
    state,
    visible,
)
from tests.e2e.stack import Stack, kill, wait_until


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_in_parts(tmp_path_factory.mktemp("chaos"))


def kill_metrics(stack: Stack) -> None:
    """kill -9, and wait until there is another that works."""
    (pid,) = stack.descendants("services.metrics")
    kill(pid)
    wait_until(lambda: stack.descendants("services.metrics") not in ([], [pid]), 60)
    wait_until(stack.is_ready, 60)


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
    """What was accepted is measured after the next start, without being sent again; another start changes nothing."""
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
        assert stack.stop() == []
        stack.start()
        assert_equal_to_pycocotools(stack, answer["run_id"], files)
        fewer = write(tmp_path / "fewer", files.truth, files.results[::20])
        assert stack.json(*fewer.arguments("waiting"), "--wait")["run_id"] == answer["run_id"]
        assert_equal_to_pycocotools(stack, answer["run_id"], fewer)


def test_metrics_is_killed_again_and_again(files: Files, tmp_path: Path) -> None:
    """Whenever it is there again while the upload stands in its middle, and once more when all of it waits."""
    with Stack(tmp_path / "data") as stack, Gate(stack, PREDICTIONS, MOST) as gate:
        sending = stack.begin(*files.arguments("shot"), "--wait", "--json", via=gate.url)
        job = hold_the_middle(stack, gate)
        assert job["accepted"] < len(files.results)
        for _ in range(2):
            kill_metrics(stack)
            assert state(gate) == "RUNNING"
            assert 0 < visible(stack, job["run_id"]) <= job["accepted"]
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
