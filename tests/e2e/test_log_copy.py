"""A log that was copied is a log to work with; the read model of the first one is refused on it."""

from __future__ import annotations

import contextlib
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from tests.e2e.data import THRESHOLDS, assert_equal_to_pycocotools, generate
from tests.e2e.environment import plain_environment
from tests.e2e.stack import SIGHTLINE, Stack, free_port, wait_until
from tests.integration.ops.commands import copied, copy


@pytest.fixture
def databases(mongo_url: str) -> Iterator[tuple[str, str]]:
    """Names of two databases that nobody else uses."""
    names = tuple(f"sightline_test_{uuid.uuid4().hex[:12]}" for _ in range(2))
    yield names[0], names[1]
    with MongoClient[dict[str, object]](mongo_url) as client:
        for name in names:
            client.drop_database(name)


def test_a_stack_on_a_copy_says_what_the_first_one_said(
    tmp_path: Path, mongo_url: str, databases: tuple[str, str], kafka_bootstrap: str, kafka_prefix: str
) -> None:
    old, new = databases
    files = generate(tmp_path / "files", seed=11, images=40)
    target = f"kafka://{kafka_bootstrap}/{kafka_prefix}"
    options = ("--kafka", kafka_bootstrap, "--kafka-topic-prefix", kafka_prefix)

    with Stack(tmp_path / "first", "--mongo", mongo_url, "--mongo-database", old) as stack:
        run_id = stack.json(*files.arguments("copied"), "--wait")["run_id"]
        before = answers(stack, run_id)
        refused = copy(tmp_path / "first", target)
        assert refused.returncode == 2
        assert stack.url in refused.stderr
    assert copied(tmp_path / "first", target)["records"] > 0

    told = said_by_up(tmp_path / "copy", "made from the log", *options, "--mongo", mongo_url, "--mongo-database", old)
    assert "--mongo-database NEW_NAME" in told

    with Stack(tmp_path / "copy", *options, "--mongo", mongo_url, "--mongo-database", new) as stack:
        wait_until(lambda: measured(stack, run_id, before), 60)
        assert answers(stack, run_id) == before
        assert_equal_to_pycocotools(stack, run_id, files)
        again = stack.json(*files.arguments("copied"), "--wait")
        assert (again["run_id"], again["rejected"]) == (run_id, 0)
        assert_equal_to_pycocotools(stack, run_id, files)


def answers(stack: Stack, run_id: str) -> list[object]:
    """What is said of a run, without what tells when."""
    found = [stack.get(f"/v1/model-runs/{run_id}/metrics", iou=iou, confidence=least) for iou, least in THRESHOLDS]
    return [{name: answer[name] for name in ("coco", "total", "classes")} for answer in found]


def measured(stack: Stack, run_id: str, before: list[object]) -> bool:
    done = stack.run("metrics", run_id, "--json")
    return done.returncode == 0 and answers(stack, run_id) == before


def said_by_up(data: Path, words: str, *options: str) -> str:
    """What a stack says that can't go on."""
    said = data.with_suffix(".refused")
    command = (*SIGHTLINE, "up", "--data-dir", str(data), "--port", str(free_port()), *options)
    with said.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=plain_environment())
    try:
        wait_until(lambda: words in " ".join(said.read_text().split()) or process.poll() is not None, 60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        process.wait(60)
    return said.read_text()
