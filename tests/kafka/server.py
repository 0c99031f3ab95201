"""A real Apache Kafka of one's own, on 127.0.0.1: one broker that is its own controller, or several that are a cluster.

    with running_kafka() as kafka:
        ...  # kafka.bootstrap

A broker dies with the process that started it, and comes back on the same port with the same data after `kill` and
`start`.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from sightline.stack import tether
from tests.kafka.jars import jars, java

START_SECONDS = 60.0
STOP_SECONDS = 30.0

_POLL_SECONDS = 0.02
_SCRATCH = "sightline-kafka-of-"
_PORTS = range(20_000, 32_000)
STARTED = "Kafka Server started"
_LOGGING = Path(__file__).parent / "log4j2.properties"
_QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_FAST = ("-XX:+UseG1GC",)
FOR_TESTS = {
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "log.index.size.max.bytes": "65536",
    "log.cleaner.dedupe.buffer.size": "4194304",
    # After kill -9 a broker is let in again when its last session is over.
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "300",
    "num.network.threads": "2",
    "num.io.threads": "4",
}


class KafkaError(Exception):
    """The broker didn't start; the message has the end of what it said."""


@dataclass(frozen=True, slots=True)
class Node:
    """A broker's place in its cluster."""

    id: int
    port: int
    controller: int
    cluster_id: str


def make_nodes(count: int) -> list[Node]:
    """The nodes of a new cluster, each with free ports."""
    cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    ports = free_ports(2 * count)
    return [Node(i + 1, ports[2 * i], ports[2 * i + 1], cluster_id) for i in range(count)]


def copies(brokers: int) -> dict[str, str]:
    """How often so many brokers keep what they need themselves."""
    replicas, in_sync = min(brokers, 3), min(brokers, 2)
    return {
        "offsets.topic.replication.factor": str(replicas),
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(in_sync),
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": str(in_sync),
    }


class KafkaServer:
    """A broker that may be started, stopped, killed and held, again and again."""

    def __init__(
        self,
        directory: Path,
        *,
        heap_mb: int = 512,
        for_speed: bool = False,
        cluster: Sequence[Node] = (),
        index: int = 0,
    ) -> None:
        """Choose ports and format its data.

        `for_speed`: what is measured wants Java's slow compiler too. `cluster`: this is one of several nodes.
        """
        self.directory = directory.resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.cluster = cluster or make_nodes(1)
        self.node = self.cluster[index]
        self.port = self.node.port
        self._options = (f"-Xmx{heap_mb}m", *(_FAST if for_speed else _QUICK), f"-Dlog4j2.configurationFile={_LOGGING}")
        self._process: subprocess.Popen[bytes] | None = None
        self._log_begin = 0
        self._java = java()
        self._classpath = f"{jars()}/*"
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in self.properties.items()))
        self._format()

    @property
    def bootstrap(self) -> str:
        """How to reach it."""
        return f"127.0.0.1:{self.port}"

    @property
    def properties(self) -> Mapping[str, str]:
        """Its `server.properties`."""
        node = self.node
        return {
            **FOR_TESTS,
            **copies(len(self.cluster)),
            "process.roles": "broker,controller",
            "node.id": str(node.id),
            "controller.quorum.voters": ",".join(f"{each.id}@127.0.0.1:{each.controller}" for each in self.cluster),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{node.controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.directory / "data"),
        }

    @property
    def log(self) -> Path:
        """What it says."""
        return self.directory / "kafka.log"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running.pid

    def start(self, timeout: float = START_SECONDS) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        self.wait(timeout)

    def launch(self) -> None:
        """Start it. Tests with an event loop then `await asyncio.to_thread(server.wait)`.

        Not in a thread: the kernel ends it together with the thread that started it.
        """
        self._log_begin = self.log.stat().st_size if self.log.exists() else 0
        tie = (sys.executable, tether.__file__, str(os.getpid()))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                (*tie, *self._command("kafka.Kafka", str(self._properties))),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, timeout: float = START_SECONDS) -> None:
        """Wait until this process, and no other, listens on the port, has joined its cluster, and answers."""
        deadline = time.monotonic() + timeout
        while not (self._listens() and self._has_started() and _answers(self.port)):
            if (code := self._running.poll()) is not None:
                raise KafkaError(f"Kafka ended with exit code {code}. It said:\n{self._end_of_log()}")
            if time.monotonic() > deadline:
                self.kill()
                raise KafkaError(f"Kafka doesn't answer after {timeout:g} s. It said:\n{self._end_of_log()}")
            time.sleep(_POLL_SECONDS)

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """SIGTERM, and wait until it has put its files in order."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._running.send_signal(signal.SIGCONT)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise KafkaError("Kafka was not started")
        return self._process

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    def _command(self, *arguments: str) -> tuple[str, ...]:
        return (self._java, *self._options, "-cp", self._classpath, *arguments)

    def _format(self) -> None:
        if (self.directory / "data").exists():
            return
        command = self._command(
            "kafka.tools.StorageTool", "format", f"--cluster-id={self.node.cluster_id}", "-c", str(self._properties)
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KafkaError(f"Kafka's data can't be made. It said:\n{done.stdout}{done.stderr}")

    def _listens(self) -> bool:
        try:
            connections = psutil.Process(self._running.pid).net_connections("inet")
        except psutil.Error:
            return False
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == self.port for each in connections)

    def _has_started(self) -> bool:
        with self.log.open(errors="replace") as log:
            log.seek(self._log_begin)
            return STARTED in log.read()

    def _end_of_log(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


@contextlib.contextmanager
def running_kafka(directory: Path | None = None, **options: bool | int) -> Generator[KafkaServer]:
    """A started broker, gone afterwards; its data too, where no directory is named."""
    with contextlib.ExitStack() as stack:
        if directory is None:
            directory = stack.enter_context(_scratch())
        server = KafkaServer(directory, **options)  # pyright: ignore[reportArgumentType]
        stack.callback(server.kill)
        server.start()
        yield server


@contextlib.contextmanager
def running_cluster(brokers: int = 3, *, heap_mb: int = 256) -> Generator[list[KafkaServer]]:
    """Several started brokers that are one cluster, gone afterwards with their data."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(_scratch())
        nodes = make_nodes(brokers)
        servers = [
            KafkaServer(directory / str(node.id), heap_mb=heap_mb, cluster=nodes, index=i)
            for i, node in enumerate(nodes)
        ]
        for server in servers:
            stack.callback(server.kill)
            server.launch()
        for server in servers:
            server.wait()
        yield servers


@contextlib.contextmanager
def _scratch() -> Generator[Path]:
    """A directory until the end; one that a killed process left behind is removed by the next."""
    root = Path(memory() or tempfile.gettempdir())
    for left in root.glob(f"{_SCRATCH}*-*"):
        process = left.name.removeprefix(_SCRATCH).partition("-")[0]
        if process.isdigit() and not psutil.pid_exists(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-", dir=root) as directory:
        yield Path(directory)


def memory() -> str | None:
    """A directory that doesn't wait for a disk, where there is one with room."""
    shm = Path("/dev/shm")
    return str(shm) if shm.is_dir() and shutil.disk_usage(shm).free > 4 << 30 else None


def _answers(port: int) -> bool:
    """Whether Kafka's protocol is spoken there: ask for the versions of its API."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = connection.recv(10, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(head) == 10 and struct.unpack(">iih", head)[1:] == (1, 0)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on.

    Below the range from which connections get theirs: while the broker is down, no client that tries to reach it may be
    given its port.
    """
    ports: list[int] = []
    with contextlib.ExitStack() as stack:
        for port in random.sample(_PORTS, len(_PORTS)):
            probe = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise KafkaError("no free port on 127.0.0.1")
