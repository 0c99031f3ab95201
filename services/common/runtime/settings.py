"""Settings of a service, from the environment: `SIGHTLINE_` and the field's name in capitals."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

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
    row_partitions: int = Field(
        default=DEFAULT_ROW_PARTITIONS, ge=1, le=1024, description="fixed when the topics are made"
    )

    host: str = Field(default="127.0.0.1", description="address to listen on; only loopback until there are API keys")
    port: int = Field(default=0, ge=0, le=65535, description="HTTP port; 0 takes a free one")
    grpc_port: int = Field(default=0, ge=0, le=65535, description="gRPC port of the query service; 0 takes a free one")

    ingest_url: str = Field(default="", description="where the query service passes writes on to")
    metrics_url: str = Field(default="", description="where the query service asks whether metrics is ready")

    data_dir: Path = Field(default=Path("data"), description="folder for what a service spills to disk")
    asset_root: Path | None = Field(default=None, description="the only folder from which local assets are served")

    upload_max_bytes: int = Field(default=64 * GIB, description="largest upload, unpacked")
    columns_max_bytes: int = Field(default=4 * GIB, description="memory for columns before the least recently used go")

    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("host")
    @classmethod
    def _only_loopback(cls, host: str) -> str:
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise ValueError(
                f"refusing to listen on {host}: without authentication only loopback addresses are allowed"
            )
        return host
