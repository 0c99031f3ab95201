"""Every command has an example in its help, which is a command line that is understood."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from sightline.cli.app import app

FILES = ("instances_val.json", "results.json", "rows.ndjson", "truth.ndjson", "predictions.ndjson")


def commands(command: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """All commands that do something, with the words that name them."""
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *path, name)
    if not hasattr(command, "commands"):
        yield " ".join(path), command


def examples(command: Any) -> list[list[str]]:
    """The command lines in a command's help."""
    blocks = re.findall(r"```\n(.*?)```", command.help, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line.partition(" > ")[0]) for line in lines]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The commands, none of which does anything."""
    for name in FILES:
        (tmp_path / name).touch()
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    tree = get_command(app)
    for _, command in commands(tree):
        command.callback = lambda **_: None
    return tree


def test_every_command_has_an_example_that_is_understood(tree: Any) -> None:
    found = list(commands(tree))
    assert len(found) > 40
    for name, command in found:
        assert examples(command), name
        for program, *words in examples(command):
            assert program == "sightline"
            if name != "rows run":  # it is `rows RUN`
                assert shlex.join(words).startswith(name), name
            tree.main(args=words, standalone_mode=False)
