"""Which Kafka the log lies on, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """A Kafka cluster, and how to be let in."""

    bootstrap_servers: str
    """`HOST:PORT`, comma separated."""
    topic_prefix: str = ""
    """Put before the name of every topic and group, so that several Sightlines may share a cluster."""
    replication_factor: int = 3
    min_insync_replicas: int = 2
    security_protocol: str = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    sasl_mechanism: str = ""
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."""
    sasl_username: str = ""
    sasl_password_file: Path | None = None
    """The password alone; a file, so that it stands in no environment."""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
