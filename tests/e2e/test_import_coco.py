"""COCO files through a real stack: every number equals pycocotools', whatever happened before.

On Kafka, and with several processes of each service: `test_several_processes.py`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.data import Files, assert_equal_to_pycocotools, generate, write
from tests.e2e.stack import Stack


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("coco")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack") / "data") as stack:
        yield stack


@pytest.fixture(scope="module")
def files(folder: Path) -> Files:
    return generate(folder / "files", seed=3, images=40)


def half_of(files: Files, folder: Path) -> Files:
    return write(folder, files.truth, files.results[::2])


def with_other_truth(files: Files, folder: Path) -> Files:
    return write(folder, {**files.truth, "annotations": files.truth["annotations"][1:]}, files.results)


def test_numbers_are_those_of_pycocotools_however_often_it_is_sent(stack: Stack, files: Files) -> None:
    first = stack.json(*files.arguments("plain"), "--wait")
    assert list(first) == [
        *("project_id", "dataset_id", "dataset_version", "model_id", "run_id", "job", "accepted", "rejected")
    ]
    assert (first["accepted"], first["rejected"]) == (len(files.results), 0)
    assert_equal_to_pycocotools(stack, first["run_id"], files)

    again = stack.json(*files.arguments("plain"), "--wait")
    assert {**again, "job": None} == {**first, "job": None}
    assert_equal_to_pycocotools(stack, first["run_id"], files)
    assert stack.get(f"/v1/imports/{again['job']}")["measured"] is True


def test_what_is_sent_replaces_what_the_run_said(stack: Stack, files: Files, tmp_path: Path) -> None:
    first = stack.json(*files.arguments("replaced"), "--wait")
    half = half_of(files, tmp_path / "half")
    assert stack.json(*half.arguments("replaced"), "--wait")["run_id"] == first["run_id"]
    assert_equal_to_pycocotools(stack, first["run_id"], half)


def test_other_truth_is_refused_under_the_run_and_the_next_version_otherwise(
    stack: Stack, files: Files, tmp_path: Path
) -> None:
    first = stack.json(*files.arguments("truth"), "--wait")
    other = with_other_truth(files, tmp_path / "other")

    refused = stack.run(*other.arguments("truth"), "--wait")
    assert refused.returncode == 2
    assert "another name for the run" in refused.stderr
    assert len(stack.get(f"/v1/datasets/{first['dataset_id']}/versions")["items"]) == 1
    assert_equal_to_pycocotools(stack, first["run_id"], files)

    told = stack.run(*other.arguments("truth", run="on the next"), "--wait")
    assert told.returncode == 0, told.stderr
    assert "version 2" in told.stderr
    second = stack.json(*other.arguments("truth", run="on the next"), "--wait")
    assert (second["dataset_id"], second["dataset_version"]) == (first["dataset_id"], 2)
    assert_equal_to_pycocotools(stack, second["run_id"], other)
    assert_equal_to_pycocotools(stack, first["run_id"], files)

    third = stack.json(*files.arguments("truth", run="on the first"), "--wait")
    assert third["dataset_version"] == 1
    assert_equal_to_pycocotools(stack, third["run_id"], files)


def test_bad_items_are_told_and_the_others_go_through(stack: Stack, files: Files, tmp_path: Path) -> None:
    some = files.results[0]
    bad = [
        {**some, "score": 1.5},
        {**some, "image_id": 10**9},
        {**some, "category_id": 10**6},
        {**some, "bbox": [1, 2, 3]},
        {**some, "bbox": [0, 0, -4, 4]},
        "not a result",
    ]
    mixed = write(tmp_path / "mixed", files.truth, [*bad[:3], *files.results, *bad[3:]])
    done = stack.run(*mixed.arguments("mixed"), "--wait")
    assert done.returncode == 0, done.stderr
    assert f"{len(bad)} items of the predictions were rejected" in done.stderr
    assert "Traceback" not in done.stderr

    strictly = stack.run(*mixed.arguments("mixed"), "--wait", "--strict", "--json")
    assert strictly.returncode == 3
    answer = stack.json(*mixed.arguments("mixed"), "--wait")
    assert (answer["accepted"], answer["rejected"]) == (len(files.results), len(bad))
    assert_equal_to_pycocotools(stack, answer["run_id"], files)
    errors = stack.get(f"/v1/imports/{answer['job']}")["rejections"]
    assert len(errors) == len(bad)
    assert all(error["code"] and error["message"] and error["where"] for error in errors)


def test_truth_with_a_bad_annotation_is_a_version_like_others(stack: Stack, files: Files, tmp_path: Path) -> None:
    bad = {**files.truth["annotations"][0], "bbox": [0, 0, -1, 5]}
    flawed = write(
        tmp_path / "flawed", {**files.truth, "annotations": [bad, *files.truth["annotations"][1:]]}, files.results
    )
    first = stack.json(*flawed.arguments("flawed"), "--wait")
    assert stack.json(*flawed.arguments("flawed"), "--wait")["run_id"] == first["run_id"]
    assert stack.run(*flawed.arguments("flawed", run="strictly"), "--strict").returncode == 0, (
        "nothing was rejected now"
    )

    whole = stack.json(*files.arguments("flawed", run="whole"), "--wait")
    assert whole["dataset_version"] == 2
    assert_equal_to_pycocotools(stack, whole["run_id"], files)

    worse = write(tmp_path / "worse", {**flawed.truth, "annotations": flawed.truth["annotations"][:-1]}, files.results)
    told = stack.run(*worse.arguments("flawed", run="worse"), "--strict")
    assert told.returncode == 3, told.stderr
    assert "keep the truth they had" in told.stderr


def test_a_name_of_two_runs_is_refused_with_their_ids(stack: Stack, files: Files) -> None:
    ids = [
        stack.json(*files.arguments("twice", model=model, run="same name"), "--wait")["run_id"]
        for model in ("one model", "other model")
    ]
    asked = stack.run("metrics", "same name")
    assert asked.returncode == 2
    assert all(run_id in asked.stderr for run_id in ids)
    assert stack.run("metrics", "no such run").returncode == 1


def test_every_command_has_a_table_and_json(stack: Stack, files: Files) -> None:
    stack.json(*files.arguments("shown"), "--wait")
    commands = [
        ("runs",),
        ("metrics", "shown"),
        ("metrics", "shown", "--confidence", "1"),
        ("rows", "shown"),
        ("status",),
    ]
    for command in commands:
        table = stack.run(*command)
        assert table.returncode == 0, table.stderr
        assert table.stdout.strip()
        assert stack.json(*command)
