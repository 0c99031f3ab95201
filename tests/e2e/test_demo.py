"""`ONCE=1 make demo`: both runs measured as a notebook measures them, and nothing left behind."""

import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console

from examples.digits.build import build
from examples.digits.show import averages, comparison
from sightline.evaluation import evaluate
from tests.e2e.environment import plain_environment
from tests.e2e.stack import free_port


def test_the_demo_shows_what_a_notebook_shows_and_leaves_nothing(tmp_path: Path) -> None:
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
    assert _expected(tmp_path / "again") in demo.stdout
    assert list(scratch.iterdir()) == []


def _expected(folder: Path) -> str:
    files = build(folder)
    truth = files.truth.read_bytes()
    runs = {name: evaluate(truth, files.predictions(name).read_bytes()).metrics() for name in ("v1", "v2")}
    console = Console(file=StringIO(), width=80, highlight=False)
    console.print(comparison(runs), "", averages(runs))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
