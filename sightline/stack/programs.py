"""Which processes a stack is made of, and what each is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from sightline.mongod import Mongod
from sightline.stack.keeper import Program
from sightline.stack.options import Options
from sightline.stack.ports import free_ports

_TUNABLE = frozenset(
    f"SIGHTLINE_{name}"
    for name in ("LOG_LEVEL", "LOG_FORMAT", "ROW_PARTITIONS", "UPLOAD_MAX_BYTES", "COLUMNS_MAX_BYTES")
)
"""What an environment may say to the services of `up`. All else of SIGHTLINE_* is about another stack."""


def mongod_program(mongod: Mongod) -> Program:
    """The private MongoDB."""
    return Program("mongod", mongod.command, os.environ, mongod.directory, grace=3.0, explain=mongod.failure)


def initiation(mongo_url: str) -> tuple[str, ...]:
    """The command that makes the replica set, or finds it made, and ends when it takes writes."""
    return _python("services.common.readmodel.initiate", mongo_url)


def service_programs(options: Options, mongo_url: str, grpc_port: int) -> list[Program]:
    """The services, each told where the others are."""
    ingest, *metrics = free_ports(options.host, 1 + options.metrics_processes)
    common = {
        "SIGHTLINE_MONGO_URL": mongo_url,
        "SIGHTLINE_LOG_PATH": str(options.log_path),
        "SIGHTLINE_HOST": options.host,
    }
    if options.asset_root is not None:
        common["SIGHTLINE_ASSET_ROOT"] = str(options.asset_root)
    upstream = {
        "SIGHTLINE_INGEST_URL": options.url_of(ingest),
        "SIGHTLINE_METRICS_URL": options.url_of(metrics[0]),
        "SIGHTLINE_GRPC_PORT": str(grpc_port),
    }
    programs = [_service(options, "ingest", "ingest", common | _port(ingest))]
    for number, port in enumerate(metrics, start=1):
        name = "metrics" if len(metrics) == 1 else f"metrics-{number}"
        programs.append(_service(options, "metrics", name, common | _port(port)))
    programs.append(_service(options, "query", "query", common | upstream | _port(options.port)))
    return programs


def _service(options: Options, module: str, name: str, told: dict[str, str]) -> Program:
    directory = options.data_dir / name
    directory.mkdir(exist_ok=True)
    environment = clean_environment(os.environ) | told | {"SIGHTLINE_DATA_DIR": str(directory)}
    return Program(name, _python(f"services.{module}"), environment, directory)


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a service gets of our environment: nothing that would make it another than it is elsewhere."""
    kept = {
        name: value
        for name, value in environ.items()
        if name in _TUNABLE or not (name.startswith(("SIGHTLINE_", "PYTHON")) or name.lower().endswith("_proxy"))
    }
    defaults = {
        "SIGHTLINE_LOG_FORMAT": "console",
        # The services do no linear algebra: its threads would only cost memory.
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return defaults | kept


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    # -P: a folder called `services` where somebody happens to stand is none of ours.
    return (sys.executable, "-P", "-m", module, *arguments)


def _port(port: int) -> dict[str, str]:
    return {"SIGHTLINE_PORT": str(port)}
