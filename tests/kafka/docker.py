"""Apache Kafka in a container, for machines with a Docker engine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Generator

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from tests.kafka.jars import VERSION
from tests.kafka.server import FOR_TESTS, START_SECONDS, STARTED, copies, free_ports

IMAGE = f"apache/kafka:{VERSION}"


def engine_answers() -> bool:
    """Whether `docker info` succeeds, of an engine on this machine."""
    program = shutil.which("docker")
    if program is None or not os.environ.get("DOCKER_HOST", "unix:").startswith("unix:"):
        return False
    try:
        return not subprocess.run([program, "info"], capture_output=True, check=False, timeout=20).returncode
    except subprocess.TimeoutExpired:
        return False


@contextlib.contextmanager
def kafka_in_docker() -> Generator[str]:
    """A broker in a container, gone afterwards: its address. The port is chosen here, since the broker must name it."""
    (port,) = free_ports(1)
    container = DockerContainer(IMAGE)
    container.ports["9092/tcp"] = ("127.0.0.1", port)  # pyright: ignore[reportArgumentType]  # as docker-py has it
    container.waiting_for(LogMessageWaitStrategy(STARTED).with_startup_timeout(int(START_SECONDS)))
    for name, value in _properties(port).items():
        container.with_env("KAFKA_" + name.replace(".", "_").upper(), value)
    with container:
        yield f"127.0.0.1:{port}"


def _properties(port: int) -> dict[str, str]:
    return {
        **FOR_TESTS,
        **copies(1),
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": "1@localhost:9093",
        "controller.listener.names": "CONTROLLER",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
