"""Where a log lies, from a word of the command line. Kinds of logs are told apart here, and nowhere else in `ops`."""

from __future__ import annotations

import contextlib
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from services.common.eventlog.port import EventLog
from services.common.eventlog.sqlite import SqliteLog
from services.common.eventlog.sqlite_group import look_at
from services.common.ops.refusal import Refusal
from sightline.stack.claim import Claimed, claim
from sightline.stack.options import Refused

LOG_NAME = "log.sqlite"
SESSION_MS = 15_000.0
STOP_FIRST = "stop it, and copy then"


@dataclass(frozen=True, slots=True)
class Look:
    """A log, looked at from outside."""

    partitions: Mapping[str, int]
    """How many, by topic; nothing where there is no log yet."""
    users: tuple[str, ...] = ()
    """Who reads it now, in words."""


class Place(ABC):
    """Where a log is, or will be."""

    word: str
    """As it was named."""
    directory: Path | None = None
    """The data directory that holds it, if one does."""

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
    return EmbeddedPlace(word)


class EmbeddedPlace(Place):
    """The file of an embedded log, or the data directory that holds it."""

    def __init__(self, word: str) -> None:
        self.word = word
        path = Path(word).expanduser().resolve()
        is_file = path.is_file() or (path.suffix == ".sqlite" and not path.is_dir())
        self.path = path if is_file else path / LOG_NAME
        self.directory = self.path.parent

    @override
    async def look(self) -> Look:
        if not self.path.exists():
            return Look({})
        try:
            with contextlib.closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
                partitions = dict(connection.execute("SELECT name, partitions FROM topics").fetchall())
                groups = [name for (name,) in connection.execute("SELECT name FROM groups ORDER BY name").fetchall()]
                users = [
                    f"{group} (process {member.pid})"
                    for group in groups
                    for member in look_at(connection, group).members
                    if not member.gone(SESSION_MS)
                ]
        except sqlite3.Error as error:
            raise Refusal(f"{self.path} is no log that can be read: {error}.") from error
        return Look(partitions, tuple(users))

    @override
    def log(self) -> EventLog:
        return SqliteLog(self.path)

    @override
    def starting(self) -> str:
        if self.path.name != LOG_NAME:  # `up` finds no log of another name
            return f"SIGHTLINE_LOG_PATH={self.path} SIGHTLINE_MONGO_DATABASE=NAME python -m services.SERVICE"
        return f"sightline up --data-dir {self.path.parent} --mongo-database NAME"


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
    if str(getattr(source, "path", source.word)) == str(getattr(target, "path", target.word)):
        raise Refusal("Both are the same log: name another target.")
