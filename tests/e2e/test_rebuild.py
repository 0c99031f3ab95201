"""The read model is made anew from the log: while the stack runs, and to be swapped in while it stands."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from sightline.mongod import running_url
from tests.e2e.data import assert_equal_to_pycocotools, generate
from tests.e2e.environment import plain_environment
from tests.e2e.gate import Gate
from tests.e2e.joining import wait_for_all
from tests.e2e.middle import MOST, PREDICTIONS, files_in_parts, hold_the_middle
from tests.e2e.stack import SIGHTLINE, Stack, kill, wait_until
from tests.e2e.test_log_copy import answers


def test_a_damaged_read_model_is_found_while_the_stack_runs_and_mended_while_it_stands(
    log_options: tuple[str, ...], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    files = generate(tmp_path / "files", seed=13, images=40)
    with Stack(data, *log_options) as stack:
        imported = stack.json(*files.arguments("rebuilt"), "--wait")
        run_id = imported["run_id"]
        before = answers(stack, run_id)
        code, done = rebuild(data, "--compare", *log_options)
        assert (code, done["equal"]) == (0, True)
        assert done["services_running"]

        damage(data, run_id)
        code, done = rebuild(data, "--compare", *log_options)
        assert (code, done["equal"]) == (3, False)
        assert [each["collection"] for each in done["collections"] if each["differences"]] == ["run_rows"]

        refused = run(data, "--swap", *log_options)
        assert refused.returncode == 2
        assert "stop it" in refused.stderr

    process = begin(data, "--swap", *log_options)
    wait_until(lambda: started(data), 60)
    kill(process.pid)
    process.wait()
    wait_until(lambda: not started(data), 60)
    code, done = rebuild(data, "--swap", *log_options)
    assert (code, done["current"]) == (0, "sightline_g2")

    with Stack(data, *log_options) as stack:
        assert answers(stack, run_id) == before
        assert_equal_to_pycocotools(stack, run_id, files)
        assert stack.get(f"/v1/imports/{imported['job']}")["measured"]
        again = stack.json(*files.arguments("later"), "--wait")
        assert_equal_to_pycocotools(stack, again["run_id"], files)
        code, done = rebuild(data, "--compare", *log_options)
        assert (code, done["equal"]) == (0, True), done
    code, done = rebuild(data, "--drop-old", *log_options)
    assert (code, done["dropped"]) == (0, ["sightline", "sightline_g3"])


def test_beside_three_metrics_processes_while_an_import_flows(tmp_path: Path) -> None:
    """Compared while predictions come, swapped in when they have: the numbers are those of the import."""
    data = tmp_path / "data"
    files = files_in_parts(tmp_path / "files")
    with Stack(data, "--metrics-processes", "3") as stack, Gate(stack, PREDICTIONS, MOST) as gate:
        wait_for_all(stack, "metrics", 3)
        sending = stack.begin(*files.arguments("flowing"), "--wait", "--json", via=gate.url)
        run_id = hold_the_middle(stack, gate)["run_id"]
        with ThreadPoolExecutor(1) as beside:
            comparing = beside.submit(rebuild, data, "--compare")
            gate.open()
            code, done = comparing.result()
        assert (code, done["equal"], done["services_running"]) == (0, True, True), done
        said, explained = sending.communicate(timeout=120)
        assert (sending.returncode, json.loads(said)["run_id"]) == (0, run_id), explained
    code, swapped = rebuild(data, "--swap")
    assert (code, swapped["went_on"], swapped["current"]) == (0, True, done["rebuilt"])
    with Stack(data) as stack:
        assert_equal_to_pycocotools(stack, run_id, files)


def line(data: Path, *options: str) -> tuple[str, ...]:
    return (*SIGHTLINE, "rebuild", "--data-dir", str(data), "--json", *options)


def run(data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line(data, *options), capture_output=True, text=True, timeout=240, env=plain_environment())


def rebuild(data: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and answer."""
    done = run(data, *options)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def begin(data: Path, *options: str) -> subprocess.Popen[bytes]:
    silent = subprocess.DEVNULL
    return subprocess.Popen(line(data, *options), stdout=silent, stderr=silent, env=plain_environment())


def started(data: Path) -> bool:
    """Whether the private MongoDB listens."""
    try:
        with pymongo.MongoClient[dict[str, object]](
            running_url(data / "mongo"), serverSelectionTimeoutMS=200
        ) as client:
            client.admin.command("ping")
    except PyMongoError:
        return False
    return True


def damage(data: Path, run_id: str) -> None:
    """Lose what a run says of a row."""
    with pymongo.MongoClient[dict[str, object]](running_url(data / "mongo")) as client:
        assert client["sightline"]["run_rows"].find_one_and_delete({"run_id": run_id}) is not None
