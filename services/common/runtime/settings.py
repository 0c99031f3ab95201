"""Settings of a service, from the environment: `SIGHTLINE_` and the field's name in capitals."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.eventlog.topics import DEFAULT_ROW_PARTITIONS

MIB = 1 << 20
GIB = 1 << 30


class Settings(BaseSettings):
    """Everything that a service can be told."""

    model_config = SettingsConfigDict(env_prefix="SIGHTLINE_", extra="ignore", frozen=True)

    mongo_url: str = Field(
        default="mongodb://127.0.0.1:27017/?replicaSet=sightline", description="MongoDB, a replica set"
    )
    mongo_database: str = Field(default="sightline", description="name of the read model's database")
    log_path: Path = Field(default=Path("data/log.sqlite"), description="file of the embedded log")
    kafka_bootstrap_servers: str = Field(default="", description="HOST:PORT,...; empty: the embedded log")
    kafka_topic_prefix: str = Field(default="", description="put before the names of topics and groups")
    kafka_replication_factor: int = Field(default=3, ge=1, description="of the topics, when they are made")
    kafka_min_insync_replicas: int = Field(default=2, ge=1, description="replicas that must have what was accepted")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    kafka_sasl_username: str = ""
    kafka_sasl_password_file: Path | None = Field(default=None, description="file that holds the password alone")
    kafka_ca_file: Path | None = Field(default=None, description="certificates by which brokers are known")
    kafka_cert_file: Path | None = Field(default=None, description="our certificate, for brokers that ask for one")
    kafka_key_file: Path | None = Field(default=None, description="its key")
    row_partitions: int = Field(
        default=DEFAULT_ROW_PARTITIONS, ge=1, le=1024, description="fixed when the topics are made"
    )

    host: str = Field(default="127.0.0.1", description="address to listen on; only loopback until there are API keys")
    port: int = Field(default=0, ge=0, le=65535, description="HTTP port; 0 takes a free one")
    grpc_port: int = Field(default=0, ge=0, le=65535, description="gRPC port of the query service; 0 takes a free one")
    shared_port: int = Field(
        default=0, ge=0, le=65535, description="a second HTTP port, shared with other processes, as the gRPC port then"
    )
    unauthenticated_network: bool = Field(
        default=False, description="listen on a private network: whoever reaches it may read and write everything"
    )
    allowed_hosts: str = Field(default="", description="names, besides loopback, that clients call this server by")

    ingest_url: str = Field(default="", description="where the query service passes writes on to; several by commas")
    metrics_url: str = Field(default="", description="where the query service asks how metrics is; several by commas")
    query_url: str = Field(default="", description="all processes of the query service, for its status")

    data_dir: Path = Field(default=Path("data"), description="folder for what a service spills to disk")
    asset_root: Path | None = Field(default=None, description="the only folder from which local assets are served")

    upload_max_bytes: int = Field(default=16 * GIB, description="largest upload, unpacked")
    upload_max_lines: int = Field(default=100_000_000, ge=1, description="most lines of an upload of NDJSON")
    upload_idle_seconds: float = Field(default=60, gt=0, description="how long an upload may send nothing")
    columns_max_bytes: int = Field(default=4 * GIB, description="memory for columns before the least recently used go")

    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def hosts(self) -> frozenset[str]:
        """The names of `allowed_hosts`."""
        return frozenset(name.strip().lower() for name in self.allowed_hosts.split(",") if name.strip())

    @property
    def kafka(self) -> KafkaCluster | None:
        """The cluster that the log lies on; None: it is the embedded one."""
        if not self.kafka_bootstrap_servers:
            return None
        return KafkaCluster(
            bootstrap_servers=self.kafka_bootstrap_servers,
            topic_prefix=self.kafka_topic_prefix,
            replication_factor=self.kafka_replication_factor,
            min_insync_replicas=self.kafka_min_insync_replicas,
            security_protocol=self.kafka_security_protocol,
            sasl_mechanism=self.kafka_sasl_mechanism,
            sasl_username=self.kafka_sasl_username,
            sasl_password_file=self.kafka_sasl_password_file,
            ca_file=self.kafka_ca_file,
            cert_file=self.kafka_cert_file,
            key_file=self.kafka_key_file,
        )

    @model_validator(mode="after")
    def _listens_where_it_may(self) -> Self:
        if self.host == "localhost":
            return self
        address = ipaddress.ip_address(self.host)
        if address.is_loopback:
            return self
        if not self.unauthenticated_network:
            raise ValueError(
                f"refusing to listen on {self.host}: without authentication only loopback addresses are allowed. "
                "Inside a private network of containers, where nobody else can connect, "
                "SIGHTLINE_UNAUTHENTICATED_NETWORK=true allows it: whoever reaches the port may then read and write "
                "everything"
            )
        if not (address.is_unspecified or address.is_private):
            raise ValueError(
                f"refusing to listen on {self.host}, a public address: without authentication only loopback and, "
                "by SIGHTLINE_UNAUTHENTICATED_NETWORK, private networks are allowed"
            )
        return self
