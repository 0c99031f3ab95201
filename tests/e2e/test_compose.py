"""docker-compose.yml, built and started, where there is a Docker to do it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.data import assert_equal_to_pycocotools, generate
from tests.e2e.stack import Stack, wait_until

pytestmark = pytest.mark.timeout(1800)

ROOT = Path(__file__).parents[2]
UP_SECONDS = 1200
PORT = 8790


def docker_problem() -> str | None:
    """What keeps Docker Compose from being used; None: nothing."""
    if shutil.which("docker") is None:
        return "no docker on PATH"
    for command in (("docker", "info"), ("docker", "compose", "version")):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            return f"`{' '.join(command)}` says {(done.stderr or done.stdout).strip()[:200]!r}"
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            return f"port {PORT} is in use"
    return None


class Composed(Stack):
    """The stack of the compose file, under a project name of its own."""

    def __init__(self, log: Path) -> None:
        super().__init__(log)
        self.port = PORT
        self.url = f"http://127.0.0.1:{PORT}"
        self._project = f"sightline-test-{uuid.uuid4().hex[:8]}"

    def compose(self, *arguments: str) -> str:
        command = ("docker", "compose", "--project-name", self._project, *arguments)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=UP_SECONDS)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def up(self, *options: str) -> None:
        self.compose("up", "--detach", "--wait", *options)

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "--quiet", service).split()

    def said(self, most: int = 6_000) -> str:
        return self.compose("logs", "--no-color", "--tail", "100")[-most:]


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    if problem := docker_problem():
        pytest.skip(f"NOT TRIED: docker-compose.yml, since {problem}")
    stack = Composed(tmp_path_factory.mktemp("compose") / "stack")
    try:
        stack.up("--build")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans")


def test_numbers_are_those_of_pycocotools(composed: Composed, tmp_path: Path) -> None:
    files = generate(tmp_path, seed=41)

    imported = composed.json(*files.arguments("one process"), "--wait")

    assert_equal_to_pycocotools(composed, imported["run_id"], files)


def test_three_metrics_processes_share_the_work(composed: Composed, tmp_path: Path) -> None:
    composed.up("--scale", "metrics=3")
    assert len(composed.containers("metrics")) == 3
    files = generate(tmp_path, seed=42)

    imported = composed.json(*files.arguments("three processes"), "--wait")

    assert_equal_to_pycocotools(composed, imported["run_id"], files)


def test_all_is_there_after_everything_was_killed(composed: Composed, tmp_path: Path) -> None:
    files = generate(tmp_path, seed=43)
    imported = composed.json(*files.arguments("killed"), "--wait")

    composed.compose("kill")
    composed.up()

    assert_equal_to_pycocotools(composed, imported["run_id"], files)


def test_only_loopback_reaches_it_and_only_under_its_names(composed: Composed) -> None:
    published = json.loads(composed.compose("ps", "--format", "json", "query").splitlines()[0])["Publishers"]

    assert {each["URL"] for each in published if each["PublishedPort"]} == {"127.0.0.1"}
    assert httpx.get(f"{composed.url}/v1/model-runs", headers={"Host": "elsewhere.example"}).status_code == 403


def test_a_service_stops_cleanly(composed: Composed) -> None:
    (container,) = composed.containers("ingest")

    composed.compose("stop", "ingest")

    code = subprocess.run(
        ("docker", "inspect", "--format", "{{.State.ExitCode}}", container), capture_output=True, text=True, check=True
    )
    assert code.stdout.strip() == "0", "it was killed after its grace period"
    composed.up()
    wait_until(composed.is_ready, 120)
