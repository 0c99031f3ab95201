"""Kafka for tests: one server for the whole run, topics of one's own for each test.

`SIGHTLINE_TEST_KAFKA` names a cluster to use; otherwise it is started in a container where `docker info` succeeds, else
by this machine's Java with what Maven brings.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from tests.kafka import shared
from tests.kafka.jars import KafkaUnavailable
from tests.kafka.server import KafkaServer, running_cluster, running_kafka
from tests.kafka.topics import delete_all

_RUN = "SIGHTLINE_TEST_RUN"
_SKIPPED = "Kafka tests are skipped: "


@pytest.fixture(scope="session")
def kafka_bootstrap() -> str:
    """The address of a Kafka that all tests of the run share: use `kafka_prefix` for what you make there."""
    if named := os.environ.get("SIGHTLINE_TEST_KAFKA"):
        return named
    process, _, directory = os.environ[_RUN].partition(":")
    try:
        return shared.bootstrap_of(Path(directory), int(process))
    except KafkaUnavailable as error:
        return do_without(error)


@pytest.fixture
async def kafka_prefix(kafka_bootstrap: str) -> AsyncIterator[str]:
    """What the names of a test's topics and groups begin with; whatever does is deleted afterwards."""
    prefix = f"test-{uuid.uuid4().hex[:8]}-"
    yield prefix
    await delete_all(kafka_bootstrap, prefix)


@pytest.fixture
def start_kafka() -> Iterator[Callable[[], KafkaServer]]:
    """Starts a broker that a test has for itself, to stop, kill or hold it."""
    with ExitStack() as stack:

        def start() -> KafkaServer:
            try:
                return stack.enter_context(running_kafka())
            except KafkaUnavailable as error:
                return do_without(error)

        yield start


@pytest.fixture
def kafka_cluster() -> Iterator[list[KafkaServer]]:
    """Three brokers that a test has for itself, one cluster."""
    with ExitStack() as stack:
        try:
            brokers = stack.enter_context(running_cluster(3))
        except KafkaUnavailable as error:
            do_without(error)
        yield brokers


def do_without(error: KafkaUnavailable) -> NoReturn:
    """Skip, or fail where all tests have to run."""
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"Kafka tests can't run, and CI runs all tests: {error}", pytrace=False)
    pytest.skip(f"{_SKIPPED}{error}")


# ---- one server for all workers of a run


def pytest_configure(config: pytest.Config) -> None:
    """Where the run's workers find each other: they inherit it."""
    if not hasattr(config, "workerinput"):
        os.environ[_RUN] = f"{os.getpid()}:{tempfile.mkdtemp(prefix='sightline-tests-')}"


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what the run started, also after Ctrl-C. What kills this process too is noticed by the server's keeper."""
    if not hasattr(config, "workerinput") and _RUN in os.environ:
        directory = Path(os.environ.pop(_RUN).partition(":")[2])
        shared.end(directory)
        shutil.rmtree(directory, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what did not run."""
    reasons = [str(report.longrepr[-1]) for report in terminalreporter.stats.get("skipped", ())]
    missing = [reason.partition(_SKIPPED)[2] for reason in reasons if _SKIPPED in reason]
    if missing:
        terminalreporter.write_line(f"{len(missing)} KAFKA TESTS DID NOT RUN: {missing[0]}", red=True, bold=True)
