"""`import coco` against a server in memory: what is written, in which order, and what is not."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from sightline.cli import coco
from sightline.cli.coco import Imported, Wanted, import_files
from sightline.cli.find import find_run
from sightline.cli.outcome import Exit, Stop
from sightline.client import Client, SightlineError
from tests.unit.cli.fake_server import FakeServer

TRUTH: dict[str, Any] = {
    "images": [{"id": 7, "file_name": "a.jpg", "width": 10, "height": 10}],
    "annotations": [{"id": 0, "image_id": 7, "category_id": 3, "bbox": [1, 1, 4, 4], "area": 16, "iscrowd": 0}],
    "categories": [{"id": 3, "name": "cat"}],
}
RESULTS = [{"image_id": 7, "category_id": 3, "bbox": [1, 1, 4, 4], "score": 0.5}]
FIRST_IMPORT = [
    "POST ontologies",
    "POST datasets",
    "POST datasets/*/ground-truth:import",
    "POST datasets/*/versions:commit",
    "POST models",
    "POST model-runs",
    "POST model-runs/*/predictions:import",
]


class Steps:
    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Generator[Callable[[int], None]]:
        yield lambda done: None

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coco.time, "sleep", lambda _seconds: None)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    truth, results = tmp_path / "gt.json", tmp_path / "dt.json"
    truth.write_text(json.dumps(TRUTH))
    results.write_text(json.dumps(RESULTS))
    return Wanted(truth, results, "pets", "model", "run")


def send(server: FakeServer, wanted: Wanted, steps: Steps, *, wait: bool = False) -> Imported:
    with Client("http://test", retries=0, transport=server.transport()) as client:
        return import_files(client, wanted, steps, wait=wait)


def with_other_truth(wanted: Wanted, **changes: object) -> Wanted:
    path = wanted.ground_truth.with_name("other.json")
    path.write_text(json.dumps({**TRUTH, "annotations": [], **changes}))
    return replace(wanted, ground_truth=path)


def problem(status: int, slug: str, **more: object) -> httpx.Response:
    return httpx.Response(status, json={"type": f"https://sightline.dev/problems/{slug}", "title": slug, **more})


def test_makes_what_is_missing_and_answers_with_the_ids(server: FakeServer, wanted: Wanted, steps: Steps) -> None:
    done = send(server, wanted, steps)
    assert server.writes == FIRST_IMPORT
    assert done.answer() == {
        "project_id": "default",
        "dataset_id": "ds_0",
        "dataset_version": 1,
        "model_id": "mdl_0",
        "run_id": "run_0",
        "job": "imp_1",
        "accepted": 1,
        "rejected": 0,
    }
    assert server.ontologies[0]["classes"] == [{"name": "cat", "kind": "box"}]
    assert steps.notes == []


def test_the_same_again_sends_only_predictions(server: FakeServer, wanted: Wanted, steps: Steps) -> None:
    send(server, wanted, steps)
    server.writes.clear()
    send(server, wanted, steps)
    assert server.writes == ["POST model-runs/*/predictions:import"]


def test_other_truth_under_the_run_is_refused_before_anything_is_written(
    server: FakeServer, wanted: Wanted, steps: Steps
) -> None:
    send(server, wanted, steps)
    server.writes.clear()
    with pytest.raises(Stop) as refused:
        send(server, with_other_truth(wanted), steps)
    assert refused.value.code == Exit.REFUSED
    with pytest.raises(Stop):
        send(server, replace(wanted, dataset="another dataset"), steps)
    assert server.writes == []


def test_other_truth_makes_the_next_version_and_says_so(server: FakeServer, wanted: Wanted, steps: Steps) -> None:
    send(server, wanted, steps)
    more = {"categories": [*TRUTH["categories"], {"id": 9, "name": "dog"}]}
    done = send(server, replace(with_other_truth(wanted, **more), run="second"), steps)
    assert done.run.dataset_version == 2
    assert "version 2" in steps.notes[0]
    assert [each["name"] for each in server.ontologies[0]["classes"]] == ["cat", "dog"]
    assert send(server, replace(wanted, run="third"), steps).run.dataset_version == 1


def test_a_model_is_measured_on_several_datasets(server: FakeServer, wanted: Wanted, steps: Steps) -> None:
    send(server, wanted, steps)
    done = send(server, replace(wanted, dataset="another", run="on another"), steps)
    assert done.run.model_id == "mdl_0"
    assert [each["ontology_id"] for each in server.datasets] == ["ont_0", "ont_0"]


def test_a_model_and_a_dataset_of_different_ontologies_are_refused(
    server: FakeServer, wanted: Wanted, steps: Steps
) -> None:
    send(server, wanted, steps)
    send(server, replace(wanted, dataset="another", model="another"), steps)
    server.writes.clear()
    with pytest.raises(Stop) as refused:
        send(server, replace(wanted, dataset="another", run="new"), steps)
    assert refused.value.code == Exit.REFUSED
    assert server.writes == []


def test_truth_without_the_digest_of_a_finished_import_is_sent_again(
    server: FakeServer, wanted: Wanted, steps: Steps
) -> None:
    server.faults["POST datasets/*/ground-truth:import"] = [httpx.ReadError("the server died")]
    with pytest.raises(SightlineError, match="send the files again"):
        send(server, wanted, steps)
    assert server.versions == []
    done = send(server, wanted, steps)
    assert server.writes == FIRST_IMPORT
    assert done.run.dataset_version == 1


def test_an_import_of_a_dead_process_is_waited_for(server: FakeServer, wanted: Wanted, steps: Steps) -> None:
    server.faults["POST model-runs/*/predictions:import"] = [problem(409, "import-open")] * 3
    send(server, wanted, steps)
    assert len(steps.notes) == 1
    assert "Waiting up to 30 s" in steps.notes[0]


def test_an_import_that_stays_open_is_not_waited_for_for_ever(
    server: FakeServer, wanted: Wanted, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco, "PATIENCE_SECONDS", -1.0)
    server.faults["POST model-runs/*/predictions:import"] = [problem(409, "import-open")]
    with pytest.raises(SightlineError, match="import-open"):
        send(server, wanted, steps)


def test_what_somebody_else_has_just_made_is_taken(server: FakeServer, wanted: Wanted, steps: Steps) -> None:
    server.ontologies.append({"ontology_id": "ont_0", "name": "pets", "classes": [{"name": "dog", "kind": "box"}]})
    server.faults["POST ontologies"] = [problem(409, "name-taken", existing_id="ont_0")]
    send(server, wanted, steps)
    assert server.datasets[0]["ontology_id"] == "ont_0"
    assert [each["name"] for each in server.ontologies[0]["classes"]] == ["dog", "cat"]


def test_equal_truth_that_somebody_else_commits_meanwhile_is_the_version(
    server: FakeServer, wanted: Wanted, steps: Steps
) -> None:
    send(server, wanted, steps)
    versions, server.versions = server.versions, []
    server.writes.clear()

    class CommittedWhileWeWait(list[httpx.Response | Exception]):
        def pop(self, *_: object) -> httpx.Response | Exception:  # type: ignore[override]
            server.versions = versions
            return super().pop()

    waiting = CommittedWhileWeWait([problem(409, "import-open")])
    server.faults["POST datasets/*/ground-truth:import"] = waiting
    assert send(server, replace(wanted, run="second"), steps).run.dataset_version == 1
    assert server.writes == ["POST model-runs", "POST model-runs/*/predictions:import"]


def test_truth_of_somebody_else_in_our_version_is_noticed(server: FakeServer, wanted: Wanted, steps: Steps) -> None:
    def commit() -> tuple[int, dict[str, Any]]:
        server.versions.append({"version": 1, "truth_digest": "of somebody else"})
        return 200, server.versions[-1]

    server._commit = commit  # type: ignore[method-assign]
    with pytest.raises(SightlineError, match="somebody else"):
        send(server, wanted, steps)
    assert server.runs == []


def test_waits_until_measured_also_over_a_restart(server: FakeServer, wanted: Wanted, steps: Steps) -> None:
    server.measured_after = 4
    server.faults["GET imports/*"] = [httpx.ConnectError("down"), problem(503, "starting"), httpx.ReadError("died")]
    send(server, wanted, steps, wait=True)
    assert server.measured_after < 0


def test_rejected_items_are_told_with_the_first_reasons(server: FakeServer, wanted: Wanted, steps: Steps) -> None:
    send(server, wanted, steps)
    server.rejections = [
        {"number": n, "code": "bad_box", "message": "It has no width.", "where": f"[{n}]"} for n in range(9)
    ]
    done = send(server, wanted, steps)
    assert done.rejections == 9
    assert steps.notes[0] == "9 items of the predictions were rejected:"
    assert len(steps.notes) == 7
    assert "errors" in steps.notes[-1]


def test_a_name_of_several_runs_ends_with_their_ids(server: FakeServer) -> None:
    for number in range(2):
        server.runs.append(
            {"run_id": f"run_{number}", "name": "same", "model_id": "m", "dataset_id": "d", "dataset_version": 1}
        )
    with Client("http://test", retries=0, transport=server.transport()) as client:
        with pytest.raises(Stop, match="run_0, run_1") as refused:
            find_run(client, "same")
        assert refused.value.code == Exit.REFUSED
        assert find_run(client, "run_1").run_id == "run_1"
        with pytest.raises(Stop) as absent:
            find_run(client, "run_9")
        assert absent.value.code == Exit.FAILURE
