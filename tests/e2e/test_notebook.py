"""The notebook that newcomers are given: it runs to its end against a running stack, and again, and is kept clean."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from sightline import Client
from tests.e2e.stack import Stack

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"


def cells() -> list[Any]:
    return [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]


def run_all(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_URL", stack.url)
    NotebookClient(nbformat.read(NOTEBOOK, as_version=4), timeout=120, kernel_name="python3").execute()


def test_it_goes_through_the_steps_and_may_be_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Stack(tmp_path / "data") as stack, Client(stack.url) as client:
        run_all(stack, monkeypatch)
        run_all(stack, monkeypatch)
        totals = [run.metrics(iou=0.5, confidence=0.4)["total"] for run in client.runs()]
    assert len(totals) == 2
    assert totals[0] == totals[1]
    assert 0.5 < totals[0]["f1"] < 1


def test_it_is_kept_without_what_it_printed() -> None:
    assert all(not cell.outputs and cell.execution_count is None for cell in cells())
