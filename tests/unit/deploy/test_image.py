"""What deploy/Dockerfile promises, and the lock that it installs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
_PIN = re.compile(r"^([a-z0-9._-]+)==([^ \\;]+)( ; [^\\]+)?", re.MULTILINE)
NOT_FOR_SERVICES = {"fiftyone-db", "pytest", "ruff", "basedpyright", "scikit-learn", "pycocotools", "hatchling"}


def pins(lock: str) -> set[tuple[str, str]]:
    """Names and versions."""
    return {(name, version) for name, version, _ in _PIN.findall((ROOT / lock).read_text())}


def test_the_image_gets_versions_that_were_tested() -> None:
    assert pins("deploy/requirements.lock") <= pins("requirements.lock")


def test_the_image_gets_only_what_services_need() -> None:
    names = {name for name, _ in pins("deploy/requirements.lock")}

    assert {"aiokafka", "motor", "numba", "fastapi", "grpcio"} <= names
    assert not {name for name in names if any(name.startswith(other) for other in NOT_FOR_SERVICES)}


def test_every_package_is_known_by_its_hash_and_by_no_index() -> None:
    lock = (ROOT / "deploy" / "requirements.lock").read_text()

    assert "index-url" not in lock
    for package in re.split(r"\n(?=[a-z0-9])", lock.split("\n", 2)[2]):
        assert "--hash=sha256:" in package, package.split()[0]
    assert "--require-hashes" in DOCKERFILE


def test_the_image_runs_as_nobody_special() -> None:
    users = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)

    assert users == [("10001", "10001")]


def test_it_builds_without_fetching_another_front_end() -> None:
    assert "# syntax=" not in DOCKERFILE
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"python:3.11-slim-trixie"}


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in allowed, source


def test_the_entry_point_is_a_shell_script_that_parses() -> None:
    subprocess.run(["sh", "-n", ROOT / "deploy" / "entrypoint.sh"], check=True)
