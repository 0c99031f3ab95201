"""Nouns on the command line, against a server in memory: what is asked, printed and refused."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from sightline.cli import options
from sightline.cli.app import app
from sightline.cli.outcome import Exit, Stop
from sightline.client import Client

DATASET = {"dataset_id": "ds_1", "name": "pets", "ontology_id": "ont_1", "draft": 3}
RUN = {
    "run_id": "run_1",
    "name": "first",
    "model_id": "mdl_1",
    "dataset_id": "ds_1",
    "dataset_version": 1,
    "created_unix_ms": 0,
}

MODEL = {"model_id": "mdl_1", "name": "yolo", "ontology_id": "ont_1"}
CONFIG = {"run_config_id": "cfg_1", "name": "nightly", "config": {"epochs": 12}}

JOB = {
    "job": "imp_1",
    "name": "epoch 12.ndjson",
    "state": "FAILED",
    "format": "ndjson",
    "mode": None,
    "accepted": 7,
    "rejected": 2,
    "measured": False,
    "failure": "the upload broke off: send the file again",
    "warnings": {"zero_size": 0, "outside_picture": 3},
    "progress": {"bytes": 4096, "place": 9},
    "dataset_id": "ds_1",
    "run_id": "run_1",
    "begun_unix_ms": 0,
    "ended_unix_ms": 1,
}

PROJECT = {"project_id": "default", "name": "us", "description": "", "current": True}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A server with one dataset and one run; what it is asked."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path}")
        named = request.url.params.get("name")
        match seen[-1]:
            case "GET /v1/datasets":
                return httpx.Response(200, json={"items": [DATASET] if named in (None, "pets") else []})
            case "GET /v1/datasets/ds_1":
                return httpx.Response(200, json=DATASET)
            case "GET /v1/model-runs":
                return httpx.Response(200, json={"items": [RUN] if named in (None, "first") else []})
            case "GET /v1/imports":
                said = dict(request.url.params)
                fits = said.get("state") in (None, "FAILED") and said.get("run_id") in (None, "run_1")
                return httpx.Response(200, json={"items": [JOB] if fits else []})
            case "GET /v1/imports/imp_1":
                return httpx.Response(200, json={**JOB, "rejections": [{"number": 2, "code": "unknown_row"}]})
            case "GET /v1/projects/default":
                return httpx.Response(200, json=PROJECT)
            case "GET /v1/projects":
                return httpx.Response(200, json={"items": [PROJECT] if named in (None, "us") else []})
            case "POST /v1/projects":
                return httpx.Response(201, json={**PROJECT, **json.loads(request.read()), "current": False})
            case "PATCH /v1/projects/default":
                return httpx.Response(200, json={**PROJECT, **json.loads(request.read())})
            case "GET /v1/run-configs":
                return httpx.Response(200, json={"items": [CONFIG] if named in (None, "nightly") else []})
            case "GET /v1/models":
                return httpx.Response(200, json={"items": [MODEL]})
            case "POST /v1/model-runs" | "POST /v1/run-configs":
                sent = json.loads(request.read())
                seen[-1] += f" {sent.get('run_config_id')}"
                return httpx.Response(201, json={"run_config_id": "cfg_2", **sent, **RUN})
            case "GET /v1/imports/imp_1/errors":
                lines = [
                    {"number": 2, "code": "unknown_row", "message": "Why."},
                    {"number": 5, "code": "x", "message": ""},
                ]
                return httpx.Response(200, text="".join(json.dumps(line) + "\n" for line in lines))
            case "PATCH /v1/datasets/ds_1/data-rows/a.jpg":
                seen[-1] += f" {request.read().decode()}"
                return httpx.Response(200, json={"dataset_id": "ds_1", "global_key": "a.jpg"})
            case "PATCH /v1/model-runs/run_1":
                seen[-1] += f" {request.read().decode()}"
                return httpx.Response(200, json=RUN)
            case "DELETE /v1/datasets/ds_1" | "DELETE /v1/datasets/ds_1/versions/1":
                return httpx.Response(200, json={"dataset_id": "ds_1", "deleted_runs": 2})
            case _:
                return httpx.Response(200, json={"items": []})

    def connect(_url: str | None) -> Client:
        return Client("http://test", retries=0, transport=httpx.MockTransport(answer))

    monkeypatch.setattr(options, "connect", connect)
    return seen


def run(*arguments: str, **more: Any) -> Any:
    return CliRunner().invoke(app, list(arguments), **more)


@pytest.mark.usefixtures("asked")
def test_an_empty_list_says_what_makes_one() -> None:
    done = run("ontologies", "list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "sightline ontologies create" in done.stderr
    assert json.loads(run("ontologies", "list", "--json").stdout) == {"items": []}


@pytest.mark.usefixtures("asked")
def test_runs_alone_lists_them() -> None:
    for command in (("runs", "--json"), ("runs", "list", "--json")):
        assert json.loads(run(*command).stdout)["items"][0]["run_id"] == "run_1"


def test_rows_of_a_run_are_asked_for_by_its_name_alone(asked: list[str]) -> None:
    for command in (("rows", "first", "--limit", "5"), ("rows", "--limit", "5", "first"), ("rows", "run", "first")):
        asked.clear()
        assert run(*command).exit_code == 0
        assert asked == ["GET /v1/model-runs", "GET /v1/model-runs/run_1/rows"]
    asked.clear()
    assert run("rows", "list", "--dataset", "pets").exit_code == 0
    assert asked[-1] == "GET /v1/datasets/ds_1/data-rows"


def test_nothing_is_deleted_without_yes_where_nobody_can_be_asked(asked: list[str]) -> None:
    done = run("datasets", "delete", "pets")
    assert isinstance(done.exception, Stop)
    assert done.exception.code == Exit.REFUSED
    assert not any(each.startswith("DELETE") for each in asked)
    assert json.loads(run("datasets", "delete", "pets", "--yes", "--json").stdout)["deleted_runs"] == 2
    assert run("datasets", "delete", "pets", "--version", "1", "-y").exit_code == 0
    assert asked[-1] == "DELETE /v1/datasets/ds_1/versions/1"


@pytest.mark.usefixtures("asked")
def test_imports_are_listed_and_shown() -> None:
    listed = run("imports", "list", "--run", "first", "--state", "failed").stdout
    assert "epoch 12.ndjson" in listed
    assert "FAILED" in listed
    assert json.loads(run("imports", "list", "--json").stdout) == {"items": [JOB]}
    none = run("imports", "list", "--state", "RUNNING")
    assert (none.exit_code, none.stdout, "no such imports" in none.stderr) == (0, "", True)

    shown = run("imports", "show", "imp_1")
    assert "send the file again" in shown.stdout
    assert "outside picture" in shown.stdout
    assert "zero size" not in shown.stdout
    assert "sightline errors imp_1" in shown.stderr
    assert json.loads(run("imports", "show", "imp_1", "--json").stdout)["rejections"][0]["number"] == 2


@pytest.mark.usefixtures("asked")
def test_errors_of_an_import_are_a_table_or_lines() -> None:
    assert "unknown_row" in run("errors", "imp_1").stdout
    lines = [json.loads(line) for line in run("errors", "imp_1", "--json").stdout.splitlines()]
    assert [line["number"] for line in lines] == [2, 5]


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("datasets", "show", "nope"), Exit.FAILURE),
        (("import", "ndjson", "--dataset", "pets"), Exit.REFUSED),
        (("import", "ndjson", "--dataset", "pets", "--predictions", __file__), Exit.REFUSED),
        (("import", "ndjson", "--dataset", "pets", "--rows", __file__, "--model", "m"), Exit.REFUSED),
        (("runs", "create", "r", "--model", "m", "--dataset", "d", "--config", "{"), Exit.REFUSED),
        (("runs", "create", "r", "--model", "m", "--dataset", "d", "--config", "[]"), Exit.REFUSED),
        (
            ("runs", "create", "r", "--model", "m", "--dataset", "d", "--config", "{}", "--config-name", "c"),
            Exit.REFUSED,
        ),
        (("runs", "create", "r", "--model", "m", "--dataset", "d", "--config", '{"a": NaN}'), Exit.REFUSED),
        (("rows", "add", "a", "--dataset", "pets", "--metadata", "light"), Exit.REFUSED),
        (("configs", "create", "c", "--config", "[]"), Exit.REFUSED),
        (("configs", "delete", "nightly"), Exit.REFUSED),
        (("configs", "show", "nope"), Exit.FAILURE),
        (("projects", "show", "nope"), Exit.FAILURE),
    ],
)
def test_what_cannot_be_done_has_its_exit_code(arguments: tuple[str, ...], code: Exit) -> None:
    done = run(*arguments)
    assert isinstance(done.exception, Stop)
    assert done.exception.code == code


def test_a_project_is_named_by_id_or_name(asked: list[str]) -> None:
    for named in ("default", "us"):
        said = run("projects", "describe", named, "all of it", "--json")
        assert json.loads(said.stdout)["description"] == "all of it"
        assert asked[-1] == "PATCH /v1/projects/default"
    assert json.loads(run("projects", "list", "--json").stdout)["items"] == [PROJECT]


@pytest.mark.usefixtures("asked")
def test_a_new_project_is_not_the_one_that_commands_write_to() -> None:
    made = run("projects", "create", "night shift", "--description", "after ten")
    assert "night shift" in made.stdout
    assert "current project" in made.stderr


def test_a_run_takes_a_saved_config_by_its_name(asked: list[str]) -> None:
    done = run("runs", "create", "r", "--model", "yolo", "--dataset", "pets", "--config-name", "nightly", "--json")
    assert done.exit_code == 0, done.exception
    assert asked[-1] == "POST /v1/model-runs cfg_1"


@pytest.mark.usefixtures("asked")
def test_a_config_comes_from_the_line_a_file_or_stdin(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"epochs": 12}')
    for config, more in (('{"epochs": 12}', {}), (f"@{file}", {}), ("@-", {"input": file.read_text()})):
        done = run("configs", "create", "c", "--config", config, "--json", **more)
        assert json.loads(done.stdout)["config"] == {"epochs": 12}


def test_completion_is_silent_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_URL", "http://127.0.0.1:1")
    assert options.completing("model-runs")("ep") == []


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (
            ("--width", "7", "--clear", "height", "--clear", "asset_url"),
            {"height": None, "asset_url": None, "width": 7},
        ),
        (("--metadata", "light=dusk", "--split", "test"), {"split": "test", "metadata": {"light": "dusk"}}),
    ],
)
def test_a_row_is_changed_in_what_is_said_alone(asked: list[str], said: tuple[str, ...], sent: object) -> None:
    done = CliRunner().invoke(app, ["rows", "change", "a.jpg", "--dataset", "pets", *said])
    assert done.exit_code == 0, done.output
    assert json.loads(asked[-1].removeprefix("PATCH /v1/datasets/ds_1/data-rows/a.jpg ")) == sent


def test_a_change_of_nothing_or_of_no_field_is_refused(asked: list[str]) -> None:
    for said in ((), ("--clear", "name")):
        done = CliRunner().invoke(app, ["rows", "change", "a.jpg", "--dataset", "pets", *said])
        assert done.exit_code != 0
    assert asked == []


@pytest.mark.parametrize(("config", "sent"), [('{"epochs": 13}', {"epochs": 13}), ("null", None)])
def test_a_run_gets_another_config_or_none(asked: list[str], config: str, sent: object) -> None:
    done = CliRunner().invoke(app, ["runs", "change", "first", "--config", config])
    assert done.exit_code == 0, done.output
    assert json.loads(asked[-1].removeprefix("PATCH /v1/model-runs/run_1 ")) == {"config": sent}
