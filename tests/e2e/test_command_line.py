"""The catalog and NDJSON from the command line, against a real stack."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.data import assert_answers_equal_pycocotools, generate, write
from tests.e2e.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack") / "data") as stack:
        yield stack


def line(key: str, **more: Any) -> str:
    return json.dumps({"dataRow": {"globalKey": key}, **more}) + "\n"


def box(left: float) -> dict[str, float]:
    return {"left": left, "top": 20, "width": 30, "height": 40}


@pytest.fixture
def files(tmp_path: Path) -> tuple[object, ...]:
    """Options that name files of rows, truth and predictions; one prediction has no row."""
    rows, truth, predictions = (tmp_path / f"{name}.ndjson" for name in ("rows", "truth", "predictions"))
    rows.write_text('{"global_key": "a.jpg", "width": 640, "height": 480}\n{"global_key": "b.jpg"}\n')
    truth.write_text(line("a.jpg", name="car", bbox=box(10)) + line("b.jpg", empty=True))
    found = [
        line("a.jpg", name="car", bbox=box(11), confidence=0.9),
        line("nowhere.jpg", name="car", bbox=box(11), confidence=0.9),
        line("b.jpg", name="car", bbox=box(11), confidence=0.8),
    ]
    predictions.write_text("".join(found))
    return "--rows", rows, "--ground-truth", truth, "--predictions", predictions


def test_lines_become_a_measured_run(stack: Stack, files: tuple[object, ...]) -> None:
    named = ("--dataset", "lines", "--model", "lines", "--run", "lines")
    refused = stack.run("import", "ndjson", *files, *named)
    assert refused.returncode == 2
    assert "--class" in refused.stderr
    done = stack.run("import", "ndjson", *files, *named, "--class", "car", "--wait", "--strict", "--json")
    assert done.returncode == 3
    answer = json.loads(done.stdout)
    assert (answer["dataset_version"], answer["accepted"], answer["rejected"]) == (1, 2, 1)
    assert {name: each["accepted"] for name, each in answer["imports"].items()} == {
        "rows": 2,
        "truth": 2,
        "predictions": 2,
    }
    total = stack.json("metrics", "lines")["total"]
    assert [total[f"{name}_count"] for name in ("true_positive", "false_positive", "false_negative")] == [1, 1, 0]
    [error] = [json.loads(each) for each in stack.run("errors", answer["job"], "--json").stdout.splitlines()]
    assert (error["number"], error["code"]) == (2, "unknown_row")
    listed = stack.json("imports", "list", "--dataset", "lines")["items"]
    assert [each["name"] for each in listed] == ["predictions.ndjson", "truth.ndjson", "rows.ndjson"]
    assert [each["job"] for each in listed] == [each["job"] for each in reversed(answer["imports"].values())]
    assert stack.json("imports", "show", answer["job"]) == {**listed[0], "rejections": [error]}

    truth = stack.run("export", "ground-truth", "lines@1").stdout
    assert list(map(json.loads, truth.splitlines())) == [
        {"dataRow": {"globalKey": "a.jpg"}, "name": "car", "bbox": box(10)},
        {"dataRow": {"globalKey": "b.jpg"}, "empty": True},
    ]

    # Only the last two again: nothing is said twice; and truth of a committed version never changes.
    stack.json("import", "ndjson", *files[-2:], *named, "--wait")
    assert stack.json("metrics", "lines")["total"] == total
    assert stack.run("import", "ndjson", *files[2:], *named).returncode == 2


def test_things_are_made_changed_and_deleted(stack: Stack) -> None:
    stack.json("ontologies", "create", "nouns", "car")
    assert len(stack.json("ontologies", "add-classes", "nouns", "car", "bus")["classes"]) == 2
    dataset = stack.json("datasets", "create", "nouns", "--ontology", "nouns")["dataset_id"]
    assert stack.json("rows", "add", "a.jpg", "b/c.jpg", "--dataset", "nouns", "--split", "test")["accepted"] == 2
    assert stack.json("rows", "get", "b/c.jpg", "--dataset", dataset)["split"] == "test"
    stack.json("models", "create", "nouns", "--ontology", "nouns")
    run = ("runs", "create", "first", "--model", "nouns", "--dataset", "nouns", "--config", '{"epochs": 12}')
    made = stack.json(*run)
    assert (made["config"], made["dataset_version"]) == ({"epochs": 12}, 1)
    assert stack.json("datasets", "commit", "nouns")["version"] == 1
    assert stack.json("runs", "rename", "first", "second")["name"] == "second"
    assert stack.json("runs", "seal", "second")["state"] == "sealed"
    assert stack.json("runs", "reopen", "second")["state"] == "open"
    assert [each["name"] for each in stack.json("runs", "list", "--model", "nouns")["items"]] == ["second"]
    assert stack.json("datasets", "show", "nouns")["versions"][0]["version"] == 1

    assert stack.run("datasets", "delete", "nouns").returncode == 2
    assert stack.run("ontologies", "delete", "nouns", "--yes").returncode == 2, "a dataset has it"
    stack.json("rows", "delete", "a.jpg", "--dataset", "nouns", "--yes")
    assert [row["global_key"] for row in stack.json("rows", "list", "--dataset", "nouns")["items"]] == ["b/c.jpg"]
    assert stack.json("datasets", "delete", "nouns", "--yes")["deleted_runs"] == 1
    stack.json("models", "delete", "nouns", "--yes")
    stack.json("ontologies", "delete", "nouns", "--yes")
    assert stack.run("datasets", "show", "nouns").returncode == 1


def test_what_is_exported_is_what_was_imported(stack: Stack, tmp_path: Path) -> None:
    files = generate(tmp_path / "files", seed=5, images=30)
    first = stack.json(*files.arguments("exported"), "--wait")
    lines = tmp_path / "first.ndjson"
    stack.run("export", "predictions", first["run_id"], "--output", lines)
    again = ("--dataset", "exported", "--model", "exported", "--run", "again", "--predictions", lines)
    second = stack.json("import", "ndjson", *again, "--wait", "--strict")
    assert second["accepted"] == len(files.results)
    assert stack.json("metrics", "again")["coco"] == stack.json("metrics", first["run_id"])["coco"]
    assert stack.run("export", "predictions", "again").stdout == lines.read_text(), "the same documents"

    truth_lines = tmp_path / "truth.ndjson"
    said = stack.run("export", "ground-truth", "exported@1", "--output", truth_lines)
    assert '"iscrowd":1' in truth_lines.read_text(), said.stderr
    sent = stack.json("import", "ndjson", "--dataset", "exported", "--ground-truth", truth_lines, "--strict", "--wait")
    assert sent["rejected"] == 0
    assert stack.run("export", "ground-truth", "exported").stdout == truth_lines.read_text(), "areas and crowds, too"

    truth, results = tmp_path / "truth.json", tmp_path / "results.json"
    stack.run("export", "ground-truth", "exported@1", "--format", "coco", "--output", truth)
    stack.run("export", "predictions", "again", "--format", "coco", "--output", results)
    out = write(tmp_path / "out", json.loads(truth.read_text()), json.loads(results.read_text()))
    assert out.expected_numbers == files.expected_numbers
    assert_answers_equal_pycocotools(stack, second["run_id"], out)

    some = stack.run("export", "predictions", "again", "--min-confidence", "0.9", "--format", "coco").stdout
    assert len(json.loads(some)) == sum(result["score"] >= 0.9 for result in files.results)
    assert stack.run("export", "ground-truth", "exported@7", "--output", tmp_path / "none").returncode == 1
    assert not list(tmp_path.glob("none*"))
