"""Tables on narrow terminals, and names that look like markup."""

import pytest
from rich.console import Console

from sightline.cli import tables
from sightline.cli.tables import Table


def printed(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str) -> list[str]:
    monkeypatch.setattr(tables, "stdout", lambda: Console(width=width, highlight=False))
    table = Table(("Run", "Id"), ("mAP", "mAP 50"), ("Created",), spare=("Created", "mAP 50"))
    table.add(name, "run_6qzfr3kr5kl7nbea", "0.6416", "0.8020", "2026-11-21 07:16")
    table.print()
    said = capsys.readouterr()
    return [*said.out.splitlines(), said.err]


def test_whole_columns_are_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = printed(80, monkeypatch, capsys, "epoch 12")
    assert wide[0].split() == ["Run", "Id", "mAP", "mAP", "50", "Created"]
    assert wide[-1] == ""
    heading, row, said = printed(40, monkeypatch, capsys, "epoch 12")
    assert heading.split() == ["Run", "Id", "mAP"]
    assert row.split() == ["epoch", "12", "run_6qzfr3kr5kl7nbea", "0.6416"]
    assert "Created, mAP 50" in said


def test_what_is_long_is_folded_not_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Created" in printed(90, monkeypatch, capsys, "very " * 20)[0]


def test_names_are_no_markup(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "[red]x[/] :smile:" in printed(80, monkeypatch, capsys, "[red]x[/] :smile:")[1]
