"""What an error says to do next is a command that there is."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightline.cli import app as commands
from sightline.cli import options
from sightline.client import Client
from sightline.domain import steps

HINTS = sorted(step.command for step in vars(steps).values() if isinstance(step, steps.Step))


class _UnderstoodError(Exception):
    pass


def _connect(_url: str | None) -> Client:
    raise _UnderstoodError


@pytest.mark.parametrize("hint", HINTS)
def test_a_hint_is_a_command_with_its_arguments(hint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(options, "connect", _connect)
    monkeypatch.setattr(commands, "connect", _connect)
    file = tmp_path / "rows.ndjson"
    file.touch()
    name, *arguments = hint.replace("FILE", str(file)).replace("JSON", "{}").split()
    result = CliRunner().invoke(commands.app, arguments)
    assert name == "sightline"
    assert isinstance(result.exception, _UnderstoodError), result.output


def test_each_step_has_a_hint() -> None:
    assert len(HINTS) >= len(steps.STEPS)
