"""Apache Kafka's jars: fetched once by Maven into a cache outside the repository, and checked against `jars.sha256`.

`python -m tests.kafka.jars` fetches what is missing and prints where it is. After a change of `pom.xml`, pin anew what
Maven brings: `python -m tests.kafka.jars --pin`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

VERSION = "4.3.1"
JAVA_WANTED = 17
FETCH_SECONDS = 600

_HERE = Path(__file__).parent
_POM = _HERE / "pom.xml"
_LIST = _HERE / "jars.sha256"


class KafkaUnavailable(Exception):
    """This machine can't get or run Apache Kafka; the message says what to install."""


class WrongJars(Exception):
    """The jars are not those of the list."""


def jars(cache: Path | None = None) -> Path:
    """The directory with all jars of Kafka's server, each as it was pinned; fetched where there is none that fits."""
    cache = cache or cache_directory()
    pinned = read_list()
    cache.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{cache}.lock"):
        if not cache.exists():
            _fetch_into(cache, pinned)
        try:
            verify(cache, pinned)
        except WrongJars as error:
            print(f"{error}; fetching them again", file=sys.stderr)  # noqa: T201
            _fetch_into(cache, pinned)
    return cache


def cache_directory() -> Path:
    """Where the jars are kept: `SIGHTLINE_TEST_CACHE`, else the user's cache."""
    if named := os.environ.get("SIGHTLINE_TEST_CACHE"):
        root = Path(named)
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightline"
    return root / f"kafka-{VERSION}"


def read_list(path: Path = _LIST) -> dict[str, str]:
    """Name and SHA-256 of each jar, from what `sha256sum` writes."""
    pairs = (line.split() for line in path.read_text().splitlines() if line.strip())
    return {name.lstrip("*"): digest for digest, name in pairs}


def verify(directory: Path, pinned: Mapping[str, str]) -> None:
    """Refuse a directory that doesn't hold exactly the pinned files."""
    found = _digests(directory)
    complaints = {
        "missing": sorted(pinned.keys() - found.keys()),
        "not on the list": sorted(found.keys() - pinned.keys()),
        "with other contents": sorted(name for name in found.keys() & pinned.keys() if found[name] != pinned[name]),
    }
    if said := "; ".join(f"{what}: {', '.join(names)}" for what, names in complaints.items() if names):
        raise WrongJars(f"the jars in {directory} are not those of {_LIST.name} ({said})")


def java() -> str:
    """The program `java`, new enough for Kafka."""
    program = shutil.which("java")
    if program is None:
        raise KafkaUnavailable(f"install Java {JAVA_WANTED} or newer (Debian: openjdk-17-jre-headless)")
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < JAVA_WANTED:
        raise KafkaUnavailable(f"install Java {JAVA_WANTED} or newer: {program} is {said.partition(chr(10))[0]!r}")
    return program


def _digests(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.iterdir())}


def _fetch_into(cache: Path, pinned: Mapping[str, str]) -> None:
    """Put checked jars in place, whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=f"{cache.name}-", dir=cache.parent) as scratch:
        new = Path(scratch, "jars")
        _run_maven(new)
        verify(new, pinned)
        if cache.exists():
            cache.rename(Path(scratch, "old"))
        new.rename(cache)


def _run_maven(directory: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailable("install Maven, which fetches Apache Kafka (Debian: maven)")
    goal = ("dependency:copy-dependencies", f"-DoutputDirectory={directory}")
    command = (maven, "-q", "-B", "-f", str(_POM), *goal)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise KafkaUnavailable(f"Maven has not brought Apache Kafka in {FETCH_SECONDS} s: is it online?") from error
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[:10])
        raise KafkaUnavailable(f"Maven can't fetch Apache Kafka; does it reach its repository? It said:\n{said}")


def _pin() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        new = Path(scratch, "jars")
        _run_maven(new)
        _LIST.write_text("".join(f"{digest}  {name}\n" for name, digest in _digests(new).items()))


if __name__ == "__main__":
    if sys.argv[1:] == ["--pin"]:
        _pin()
    print(jars())  # noqa: T201
