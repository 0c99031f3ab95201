"""kill -9 in the middle of an import: nothing is lost, nothing doubled, and sending the file again finishes it."""

import random
import time
from pathlib import Path

import pytest

from tests.e2e.data import Files, assert_equal_to_pycocotools, generate
from tests.e2e.stack import Stack, kill, wait_until


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return generate(tmp_path_factory.mktemp("chaos"), seed=11, images=400, classes=8, truths=6, detections=60)


def test_everything_is_killed_in_the_middle_of_an_import(files: Files, tmp_path: Path) -> None:
    with Stack(tmp_path / "data") as stack:
        for patience, what_is_there in ((0.0, "/v1/datasets"), (0.02, "/v1/model-runs"), (0.15, "/v1/model-runs")):
            sending = stack.begin(*files.arguments("killed"), "--wait")
            wait_until(lambda path=what_is_there: stack.get(path)["items"], 60)
            time.sleep(patience)
            stack.kill()
            _, said = sending.communicate(timeout=120)
            assert sending.returncode in (1, 4), said
            assert "Traceback" not in said
            stack.start()
        answer = stack.json(*files.arguments("killed"), "--wait")
        assert (answer["accepted"], answer["rejected"]) == (len(files.results), 0)
        assert answer["dataset_version"] == 1
        assert_equal_to_pycocotools(stack, answer["run_id"], files)


def test_metrics_is_killed_again_and_again(files: Files, tmp_path: Path) -> None:
    chance = random.Random(5)
    with Stack(tmp_path / "data") as stack:
        sending = stack.begin(*files.arguments("shot"), "--wait", "--json")
        kills = 0
        while sending.poll() is None and kills < 5:
            time.sleep(chance.uniform(0.2, 0.8) + 0.2 * kills)
            for pid in stack.descendants("services.metrics"):
                kill(pid)
                kills += 1
        _, said = sending.communicate(timeout=120)
        assert sending.returncode == 0, said
        assert kills >= 2
        run_id = stack.json("runs")["items"][0]["run_id"]
        assert_equal_to_pycocotools(stack, run_id, files)


def test_ingest_is_killed_during_an_upload(files: Files, tmp_path: Path) -> None:
    with Stack(tmp_path / "data") as stack:
        sending = stack.begin(*files.arguments("cut off"), "--wait")
        wait_until(lambda: stack.get("/v1/model-runs")["items"], 60)
        for pid in stack.descendants("services.ingest"):
            kill(pid)
        _, said = sending.communicate(timeout=120)
        assert "Traceback" not in said
        wait_until(stack.is_ready, 30)
        run_id = stack.json(*files.arguments("cut off"), "--wait")["run_id"]
        assert_equal_to_pycocotools(stack, run_id, files)
