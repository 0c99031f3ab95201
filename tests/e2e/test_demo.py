"""`ONCE=1 make demo`: both runs measured as a notebook measures them, and nothing left behind; the data is worth it."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from examples.digits.build import Files, build
from examples.digits.handwriting import NAMES
from examples.digits.show import averages, comparison
from sightline.evaluation import evaluate
from tests.e2e.environment import plain_environment
from tests.e2e.stack import free_port


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return build(tmp_path_factory.mktemp("digits"))


def test_the_demo_shows_what_a_notebook_shows_and_leaves_nothing(files: Files, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    settings = {"ONCE": "1", "PORT": str(free_port()), "TMPDIR": str(scratch), "COLUMNS": "80"}
    demo = subprocess.run(
        [sys.executable, "-m", "examples.digits.demo"],
        env=plain_environment() | settings,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert demo.returncode == 0, demo.stderr
    assert _expected(files) in demo.stdout
    assert list(scratch.iterdir()) == []


def test_the_second_model_is_clearly_better_and_neither_is_perfect(files: Files) -> None:
    old, new = (measured(files, model)["total"]["f1"] or 0 for model in ("v1", "v2"))
    assert 0.35 < old < new - 0.1
    assert 0.7 < new < 0.98


def test_mistakes_are_found_again_in_the_files(files: Files) -> None:
    truth = json.loads(files.truth.read_text())
    annotations = {one["id"]: one for one in truth["annotations"]}
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    mistakes = json.loads(files.mistakes.read_text())
    assert mistakes
    for mistake in mistakes:
        if mistake["kind"] == "missing box":
            assert mistake["annotation_id"] is None
            continue
        wrong = annotations[mistake["annotation_id"]]
        assert names[wrong["image_id"]] == mistake["file_name"]
        assert NAMES[wrong["category_id"] - 1] == mistake["in_the_truth"]["class"]
        assert wrong["bbox"] == mistake["in_the_truth"]["bbox"]
        assert mistake["on_the_scene"] != mistake["in_the_truth"]


def measured(files: Files, model: str) -> dict[str, Any]:
    """As a notebook measures it."""
    return evaluate(files.truth.read_bytes(), files.predictions(model).read_bytes()).metrics()


def _expected(files: Files) -> str:
    runs = {name: measured(files, name) for name in ("v1", "v2")}
    console = Console(file=StringIO(), width=80, highlight=False)
    console.print(comparison(runs), "", averages(runs))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
