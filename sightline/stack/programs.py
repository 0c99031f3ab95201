"""Which processes a stack is made of, and what each is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from sightline.mongod import Mongod
from sightline.stack.keeper import Program
from sightline.stack.options import Options, is_loopback
from sightline.stack.ports import free_ports

_TUNABLE = frozenset(
    f"SIGHTLINE_{name}"
    for name in (
        "LOG_LEVEL",
        "LOG_FORMAT",
        "ROW_PARTITIONS",
        "UPLOAD_MAX_BYTES",
        "UPLOAD_MAX_LINES",
        "UPLOAD_IDLE_SECONDS",
        "COLUMNS_MAX_BYTES",
    )
)
"""What an environment may say to the services of `up`. All else of SIGHTLINE_* is about another stack."""
_KAFKA = "SIGHTLINE_KAFKA_"
"""What begins so is passed on too, where `up` is told to use Kafka."""


def mongod_program(mongod: Mongod) -> Program:
    """The private MongoDB."""
    return Program("mongod", mongod.command, os.environ, mongod.directory, grace=3.0, explain=mongod.failure)


def initiation(mongo_url: str) -> tuple[str, ...]:
    """The command that makes the replica set, or finds it made, and ends when it takes writes."""
    return _python("services.common.readmodel.initiate", mongo_url)


@dataclass(frozen=True, slots=True)
class Services:
    """The programs of all services, and the addresses of each service's processes, by its name."""

    programs: list[Program]
    urls: dict[str, list[str]]


def services(options: Options, mongo_url: str, grpc_port: int) -> Services:
    """The services, each process told where the others are."""
    counts = {
        "ingest": options.ingest_processes,
        "metrics": options.metrics_processes,
        "query": options.query_processes,
    }
    free = iter(free_ports(options.host, sum(counts.values())))
    ports = {name: list(islice(free, count)) for name, count in counts.items()}
    several_queries = options.query_processes > 1
    if not several_queries:
        ports["query"] = [options.port]
    urls = {name: [options.url_of(port) for port in mine] for name, mine in ports.items()}
    common = {
        "SIGHTLINE_MONGO_URL": mongo_url,
        "SIGHTLINE_LOG_PATH": str(options.log_path),
        "SIGHTLINE_HOST": options.host,
        **kafka_environment(options, os.environ),
    }
    if options.mongo_database is not None:
        common["SIGHTLINE_MONGO_DATABASE"] = options.mongo_database
    if options.asset_root is not None:
        common["SIGHTLINE_ASSET_ROOT"] = str(options.asset_root)
    told = {"ingest": common, "metrics": common, "query": common | _front(options, urls, grpc_port)}
    programs = [
        _service(options, name, name if len(mine) == 1 else f"{name}-{number}", told[name] | _port(port))
        for name, mine in ports.items()
        for number, port in enumerate(mine, start=1)
    ]
    return Services(programs, urls)


def _front(options: Options, urls: Mapping[str, Sequence[str]], grpc_port: int) -> dict[str, str]:
    """What query alone is told."""
    addresses = {f"SIGHTLINE_{name.upper()}_URL": ",".join(mine) for name, mine in urls.items()}
    shared = {"SIGHTLINE_SHARED_PORT": str(options.port)} if options.query_processes > 1 else {}
    return {**addresses, **shared, "SIGHTLINE_GRPC_PORT": str(grpc_port)}


def kafka_environment(options: Options, environ: Mapping[str, str]) -> dict[str, str]:
    """What services are told of Kafka: what the environment says, and above it the options.

    Brokers on this machine fail together: there one replica is as good as three, unless told otherwise.
    """
    if options.kafka is None:
        return {}
    told = {name: _from_anywhere(name, value) for name, value in environ.items() if name.startswith(_KAFKA)}
    told[f"{_KAFKA}BOOTSTRAP_SERVERS"] = options.kafka
    if options.kafka_topic_prefix is not None:
        told[f"{_KAFKA}TOPIC_PREFIX"] = options.kafka_topic_prefix
    replicas = options.kafka_replication_factor
    if replicas is None and _all_here(options.kafka) and f"{_KAFKA}REPLICATION_FACTOR" not in told:
        replicas = 1
    if replicas is not None:
        told[f"{_KAFKA}REPLICATION_FACTOR"] = str(replicas)
        told.setdefault(f"{_KAFKA}MIN_INSYNC_REPLICAS", str(min(replicas, 2)))
    return told


def _all_here(brokers: str) -> bool:
    return all(is_loopback(urlsplit(f"//{broker.strip()}").hostname or "") for broker in brokers.split(","))


def _from_anywhere(name: str, value: str) -> str:
    """A file by its whole path: services run in folders of their own."""
    return str(Path(value).absolute()) if name.endswith("_FILE") and value else value


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
        # A heap for each of the driver's many threads is memory that none of them gives back.
        "MALLOC_ARENA_MAX": "2",
        "PYTHONUNBUFFERED": "1",
    }
    return defaults | kept


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    # -P: a folder called `services` where somebody happens to stand is none of ours.
    return (sys.executable, "-P", "-m", module, *arguments)


def _port(port: int) -> dict[str, str]:
    return {"SIGHTLINE_PORT": str(port)}
