"""What is wanted of a stack."""

from __future__ import annotations

import ipaddress
import os
import sys
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 8790


class Refused(Exception):
    """The stack can't be started as asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """A stack: where its data lies, where it listens, and what it is made of."""

    data_dir: Path
    port: int = DEFAULT_PORT
    host: str = "127.0.0.1"
    grpc_port: int = 0
    mongo_url: str | None = None
    mongo_database: str | None = None
    kafka: str | None = None
    """Bootstrap servers; None: the embedded log."""
    kafka_topic_prefix: str | None = None
    kafka_replication_factor: int | None = None
    ingest_processes: int = 1
    metrics_processes: int = 1
    query_processes: int = 1
    asset_root: Path | None = None

    @property
    def log_path(self) -> Path:
        """The SQLite file of the embedded log."""
        return self.data_dir / "log.sqlite"

    @property
    def mongo_dir(self) -> Path:
        """Where the private MongoDB keeps its files."""
        return self.data_dir / "mongo"

    @property
    def url(self) -> str:
        """The one origin for people and programs."""
        return self.url_of(self.port)

    def url_of(self, port: int) -> str:
        """The address of a service of the stack."""
        return f"http://{_bracketed(self.host)}:{port}"

    def check(self) -> None:
        """Refuse what isn't safe, and what makes no sense."""
        if not is_loopback(self.host):
            raise Refused(
                f"--host {self.host} isn't loopback: without authentication Sightline serves this machine only"
            )
        if self.kafka is None and (self.kafka_topic_prefix or self.kafka_replication_factor):
            raise Refused(
                "--kafka-topic-prefix and --kafka-replication-factor say how to use Kafka: name it by --kafka"
            )


def default_data_dir() -> Path:
    """Where this platform keeps a user's application data."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "sightline"
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "sightline"


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own, by the way it is written."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
