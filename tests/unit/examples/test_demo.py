"""The demo around its data: the tables, the port, a stack that doesn't start, and uploads that can be repeated."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from examples.digits.build import Recipe, build
from examples.digits.handwriting import NAMES
from examples.digits.local_stack import HOST, LocalStack, StackError, choose_port
from examples.digits.show import averages, comparison
from sightline.evaluation import evaluate


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def printed(*things: object, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width)
    for thing in things:
        console.print(thing)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_tables_fit_a_narrow_terminal_and_tell_the_difference(tmp_path: Path) -> None:
    files = build(tmp_path, Recipe(training=12, validation=3, test=3))
    truth = files.truth.read_bytes()
    runs = {name: evaluate(truth, files.predictions(name).read_bytes()).metrics() for name in ("v1", "v2")}
    text = printed(comparison(runs), averages(runs))
    assert "…" not in text
    assert all(name in text for name in (*NAMES, "all classes", "support", "Precision", "Recall", "F1", "mAP 50"))
    better = 100 * ((runs["v2"]["total"]["f1"] or 0) - (runs["v1"]["total"]["f1"] or 0))
    assert f"{better:+.1f}".replace("-", "−") in text


def test_undefined_is_a_dash() -> None:
    nothing = {"precision": None, "recall": 0.5, "f1": None, "support": 2}
    answer = {"total": nothing, "classes": dict.fromkeys(NAMES, nothing)}
    text = printed(comparison({"v1": answer, "v2": answer}))
    assert "–" in text
    assert "nan" not in text.lower()


def test_a_port_that_was_asked_for_is_taken_or_refused(taken: int) -> None:
    with pytest.raises(StackError, match="something else listens"):
        choose_port(str(taken))
    for nonsense in ("0", "65536", "http", "-1", ""):
        with pytest.raises(StackError, match="is no port"):
            choose_port(nonsense)


def test_without_a_wish_the_port_is_free() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, choose_port(None)))


def test_a_stack_that_ends_says_why(tmp_path: Path) -> None:
    log = tmp_path / "stack.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", "print('no room'); raise SystemExit(2)"], stdout=output)
    with pytest.raises(StackError, match=r"(?s)exit code 2.*no room") as told:
        LocalStack(f"http://{HOST}:1", log, 0, process).wait()
    assert str(log) in str(told.value)
