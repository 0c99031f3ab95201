"""Where a log lies, from a word of the command line. Kinds of logs are told apart here, and nowhere else in `ops`."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable
from pathlib import Path

from pydantic import ValidationError
from typing_extensions import override

from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.eventlog.looking import Look
from services.common.eventlog.port import EventLog
from services.common.eventlog.sqlite import looking as sqlite_looking
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.ops.refusal import Refusal
from services.common.runtime.settings import Settings
from sightline.stack.claim import Claimed, claim
from sightline.stack.options import Refused

KAFKA = "kafka://"
LOG_NAME = "log.sqlite"
STOP_FIRST = "stop it, and copy then"

_SERVERS = r"(?:\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}"
_KAFKA_WORD = re.compile(rf"{KAFKA}(?P<servers>{_SERVERS}(?:,{_SERVERS})*)(?:/(?P<prefix>[\w.-]*))?")


class Place(ABC):
    """Where a log is, or will be."""

    word: str
    """As it was named."""
    directory: Path | None = None
    """The data directory that holds it, if one does."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """Equal for equal places."""

    @abstractmethod
    async def look(self) -> Look:
        """What is there. Makes nothing."""

    @abstractmethod
    def log(self) -> EventLog:
        """The log, not open yet."""

    @abstractmethod
    def starting(self) -> str:
        """What to type to start Sightline on it, with a read model made anew."""


def place(word: str) -> Place:
    """Where a word of the command line points to."""
    return KafkaPlace(word) if word.startswith(KAFKA) else EmbeddedPlace(word)


class EmbeddedPlace(Place):
    """The file of an embedded log, or the data directory that holds it."""

    def __init__(self, word: str) -> None:
        self.word = word
        path = Path(word).expanduser().resolve()
        is_file = path.is_file() or (path.suffix == ".sqlite" and not path.is_dir())
        self.path = path if is_file else path / LOG_NAME
        self.directory = self.path.parent

    @property
    @override
    def identity(self) -> str:
        return str(self.path)

    @override
    async def look(self) -> Look:
        return sqlite_looking.look(self.path)

    @override
    def log(self) -> EventLog:
        return SqliteLog(self.path)

    @override
    def starting(self) -> str:
        if self.path.name != LOG_NAME:  # `up` finds no log of another name
            return f"SIGHTLINE_LOG_PATH={self.path} SIGHTLINE_MONGO_DATABASE=NEW_NAME python -m services.SERVICE"
        return f"sightline up --data-dir {self.path.parent} --mongo-database NEW_NAME"


class KafkaPlace(Place):
    """A cluster named by `kafka://HOST:PORT[,HOST:PORT][/PREFIX]`; all else of it from the environment."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.cluster = cluster_of(word, settings())

    @property
    @override
    def identity(self) -> str:
        servers = ",".join(sorted(self.cluster.bootstrap_servers.split(",")))
        return f"{KAFKA}{servers}/{self.cluster.topic_prefix}"

    @override
    async def look(self) -> Look:
        from services.common.eventlog.kafka.log import look  # an embedded log waits for no driver to load

        return (await look(self.cluster)).look(self.cluster)

    @override
    def log(self) -> EventLog:
        from services.common.eventlog.kafka.log import KafkaLog

        return KafkaLog(self.cluster)

    @override
    def starting(self) -> str:
        prefix = f" --kafka-topic-prefix {self.cluster.topic_prefix}" if self.cluster.topic_prefix else ""
        return f"sightline up --kafka {self.cluster.bootstrap_servers}{prefix} --mongo-database NEW_NAME"


def settings() -> Settings:
    """What the environment says."""
    try:
        return Settings()
    except ValidationError as error:
        fault = error.errors()[0]
        raise Refusal(f"SIGHTLINE_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}.") from error


def cluster_of(word: str, settings: Settings) -> KafkaCluster:
    """The cluster of a word. Brokers on loopback are one machine, so one replica is asked of them unless told more."""
    match = _KAFKA_WORD.fullmatch(word)
    if match is None:
        raise Refusal(f"{word} is no address of Kafka: write {KAFKA}HOST:PORT[,HOST:PORT][/PREFIX].")
    servers, prefix = match["servers"], match["prefix"] or ""
    told = settings.model_copy(update={"kafka_bootstrap_servers": servers, "kafka_topic_prefix": prefix}).kafka
    assert told is not None
    if all(_is_loopback(server) for server in servers.split(",")):
        if "kafka_replication_factor" not in settings.model_fields_set:
            told = dataclasses.replace(told, replication_factor=1)
        if "kafka_min_insync_replicas" not in settings.model_fields_set:
            told = dataclasses.replace(told, min_insync_replicas=min(told.replication_factor, 1))
    return told


def _is_loopback(server: str) -> bool:
    host = server.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def held(places: Iterable[Place], *, besides: Iterable[Place] = ()) -> Generator[None]:
    """Keep stacks away from these places. Of those in `besides`, only if nobody holds them already."""
    optional = {place.directory for place in besides}
    with contextlib.ExitStack() as claims:
        for directory in sorted({place.directory for place in places if place.directory is not None}):
            try:
                claims.enter_context(claim(directory, "sightline log copy"))
            except Claimed as error:
                if directory not in optional:
                    raise Refusal(f"{error}: {STOP_FIRST}.") from error
            except Refused as error:
                raise Refusal(f"{directory} can't be written to: name another.") from error
        yield


def refuse_same(source: Place, target: Place) -> None:
    """A log is no copy of itself."""
    if source.identity == target.identity:
        raise Refusal("Both are the same log: name another target.")
