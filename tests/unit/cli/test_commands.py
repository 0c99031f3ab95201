"""Commands without a server: how they end, what they say, and how fast they are there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightline.cli import outcome, show
from sightline.cli.app import app
from sightline.cli.outcome import Exit, Stop
from sightline.client import ApiError, ConnectionLost, SightlineError, Unreachable
from tests.e2e.environment import plain_environment

NOBODY = "http://127.0.0.1:1"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "sightline", *arguments)
    return subprocess.run(command, capture_output=True, text=True, env=plain_environment(NOBODY), timeout=60)


@pytest.mark.parametrize("command", [("runs",), ("metrics", "some run"), ("rows", "some run"), ("status",)])
def test_no_server_is_one_line_that_says_what_to_type(command: tuple[str, ...]) -> None:
    done = run(*command)
    assert done.returncode == Exit.NO_SERVER
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "sightline up" in done.stderr


def test_truth_from_a_pipe_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "truth.json")
    (results := tmp_path / "results.json").write_text("[]")
    names = ("--dataset", "d", "--model", "m", "--run", "r")
    done = run("import", "coco", "--ground-truth", str(pipe), "--predictions", str(results), *names)
    assert done.returncode == Exit.REFUSED
    assert "can't be a pipe" in done.stderr


def test_help_loads_nothing_heavy() -> None:
    watch = "import sys; from sightline.cli.app import app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "numba", "httpx", "pydantic", "fastapi", "grpc", "motor", "asyncio"}


def test_no_command_loads_compiled_kernels() -> None:
    watch = "import sys; from sightline.cli import coco, find, progress, show; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"numpy", "numba", "pydantic", "fastapi", "grpc", "motor"}


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("sightline ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["metrics", "a run", "--iou", "1.5"],
        ["import", "coco", "--ground-truth", "/no/such/file"],
        ["up", "--host", "0.0.0.0", "--data-dir", "/nonexistent"],
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == Exit.REFUSED
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["runs", "--json"], Exit.NO_SERVER, "sightline up"),
        (["runs", "--nonsense", "--json"], Exit.REFUSED, "--nonsense"),
        (["datasets", "create", "--json"], Exit.REFUSED, "NAME"),
        (["import", "ndjson", "--dataset", "d", "--json"], Exit.REFUSED, "--rows"),
    ],
)
def test_errors_are_json_too(arguments: list[str], code: Exit, said: str) -> None:
    done = run(*arguments)
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["exit_code"], error["problem"]) == (code, code, None)
    assert said in error["message"]
    assert done.stderr == f"sightline: {error['message']}\n"


def test_a_problem_comes_with_its_json_the_id_in_the_way_and_the_command_that_helps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {"title": "taken", "existing_id": "ds_1", "next": {"command": "sightline datasets list"}}

    def fail(**_: object) -> None:
        raise ApiError(409, problem)

    monkeypatch.setattr("sightline.cli.app.app", fail)
    monkeypatch.setattr(sys, "argv", ["sightline", "datasets", "create", "d", "--json"])
    with pytest.raises(SystemExit):
        outcome.main()
    said = capsys.readouterr()
    assert said.err == "sightline: taken (ds_1): `sightline datasets list`\n"
    assert json.loads(said.out)["error"]["problem"] == problem


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Stop(Exit.REJECTED_ITEMS, "some"), Exit.REJECTED_ITEMS),
        (Unreachable(NOBODY), Exit.NO_SERVER),
        (ConnectionLost("gone"), Exit.FAILURE),
        (ApiError(409, {"title": "taken"}), Exit.REFUSED),
        (ApiError(422, {"title": "wrong"}), Exit.REFUSED),
        (ApiError(404, {"title": "absent"}), Exit.FAILURE),
        (ApiError(503, {"title": "busy"}), Exit.FAILURE),
        (SightlineError("hm"), Exit.FAILURE),
        (OSError(28, "No space left on device"), Exit.FAILURE),
        (ZeroDivisionError("by us"), Exit.FAILURE),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(
    error: Exception, code: Exit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr("sightline.cli.app.app", fail)
    with pytest.raises(SystemExit) as ended:
        outcome.main()
    assert ended.value.code == code
    said = capsys.readouterr().err
    assert said.startswith("sightline: ")
    assert len(said.splitlines()) == 1


def test_doctor_reports_as_json(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", "--json", "--data-dir", str(tmp_path / "not there yet")])
    findings = json.loads(done.stdout)["findings"]
    assert {"Python", "MongoDB", "Disk", "Port", "File locks", "Memory"} <= {finding["what"] for finding in findings}
    assert done.exit_code == (1 if any(finding["state"] == "missing" for finding in findings) else 0)
    assert not (tmp_path / "not there yet").exists()


def test_status_of_an_older_server_that_does_not_count_processes(capsys: pytest.CaptureFixture[str]) -> None:
    services = [{"name": "metrics", "ready": True, "problem": None}]
    show.status(NOBODY, {"version": "0", "ready": True, "services": services, "topics": [], "runs": []})
    assert ["metrics", "ready"] in [line.split() for line in capsys.readouterr().out.splitlines()]
