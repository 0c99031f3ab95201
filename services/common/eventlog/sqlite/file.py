"""The file of the embedded log: its tables, and the two threads that alone touch it.

Writes of a process that wait at the same time share one transaction (group commit), so one flush to disk serves them
all. Reads have a connection of their own and never hold a transaction open: a held one would let the WAL grow.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from services.common.eventlog.port import LogError
from services.common.eventlog.sqlite.turn import Turn

T = TypeVar("T")
Connection = sqlite3.Connection

FORMAT = 1
OFFSET_BITS = 40
GROUP_COMMIT_BYTES = 8 << 20
CHECKPOINT_PAGES = 2048
BUSY_SECONDS = 30.0
CACHE_KIB = 4096
JOURNAL_BYTES = 64 << 20

# A record's `position` is its partition's id << OFFSET_BITS | its offset: one B-tree holds all records, and a scan of a
# partition is a scan of neighbouring keys.
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topics (
    name TEXT PRIMARY KEY, partitions INTEGER NOT NULL,
    max_message_bytes INTEGER NOT NULL, retention_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS partitions (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, number INTEGER NOT NULL,
    first_offset INTEGER NOT NULL DEFAULT 0, next_offset INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, number)
);
CREATE TABLE IF NOT EXISTS records (
    position INTEGER PRIMARY KEY, time_unix_ms INTEGER NOT NULL, key BLOB NOT NULL, headers BLOB, value BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS committed (
    group_name TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (group_name, topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS groups (
    name TEXT PRIMARY KEY, generation INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (
    id INTEGER PRIMARY KEY AUTOINCREMENT, group_name TEXT NOT NULL, place TEXT NOT NULL, pid INTEGER NOT NULL,
    started TEXT NOT NULL, port INTEGER NOT NULL, heartbeat_unix_ms INTEGER NOT NULL, ready_generation INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS members_by_group ON members (group_name);
CREATE TABLE IF NOT EXISTS subscriptions (
    topic TEXT NOT NULL, member INTEGER NOT NULL REFERENCES members (id) ON DELETE CASCADE, PRIMARY KEY (topic, member)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS subscriptions_by_member ON subscriptions (member);
"""


@dataclass(slots=True)
class _Job:
    """Something to do inside the writer's next transaction."""

    run: Callable[[Connection], Any]
    answer: asyncio.Future[Any]
    weight: int
    result: Any = field(default=None)


@dataclass(frozen=True, slots=True)
class _Opened:
    """What is open of a file."""

    reader: Connection
    writer: Connection
    turn: Turn

    def close(self) -> None:
        self.reader.close()
        self.writer.close()
        self.turn.close()


class LogFile:
    """One SQLite file, opened by one process. `write` and `look` may be called from many tasks of one event loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._loop: asyncio.AbstractEventLoop | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_loop, name="eventlog-writer", daemon=True)
        self._readers = ThreadPoolExecutor(1, "eventlog-reader")
        self._opened: _Opened | None = None
        self._after_commit: list[Callable[[], None]] = []
        self._closed = False

    async def open(self) -> None:
        """Make the file and its tables where they are missing, and start the threads."""
        loop = asyncio.get_running_loop()
        try:
            self._opened = await loop.run_in_executor(self._readers, self._prepare)
        except BaseException:
            self._readers.shutdown(wait=False)
            raise
        self._loop = loop
        self._writer.start()

    async def write(self, run: Callable[[Connection], T], *, weight: int = 0) -> T:
        """Run this in a write transaction, with what else waits; answered when it is safe on disk.

        `weight` is about how many bytes it writes. Either all of a transaction's jobs are stored, or none.
        """
        self._check_open()
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(run, answer, weight))
        return await answer

    async def look(self, run: Callable[[Connection], T]) -> T:
        """Run this on the reading connection. It must finish every statement that it starts."""
        self._check_open()
        assert self._loop is not None
        try:
            return await self._loop.run_in_executor(self._readers, self._read, run)
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def after_commit(self, act: Callable[[], None]) -> None:
        """To be called by a job: `act` runs in the writer's thread once the transaction is on disk."""
        self._after_commit.append(act)

    async def close(self) -> None:
        """Finish what waits and let go of the file."""
        if self._closed or self._loop is None:
            return
        self._closed = True
        self._jobs.put(None)
        await self._loop.run_in_executor(None, self._writer.join)
        if self._opened is not None:
            await self._loop.run_in_executor(self._readers, self._opened.close)
        self._readers.shutdown()

    def _check_open(self) -> None:
        if self._loop is None or self._closed:
            raise LogError(f"The log {self.path} is not open.")

    def _explain(self, error: sqlite3.Error) -> LogError:
        return LogError(f"The log {self.path} can't be used: {error}.")

    # ---- reader's thread

    def _read(self, run: Callable[[Connection], T]) -> T:
        assert self._opened is not None
        return run(self._opened.reader)

    def _prepare(self) -> _Opened:
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                return _Opened(self._connect(self._create), self._connect(), Turn(self.path))
            except OSError as error:
                raise LogError(f"The log {self.path} can't be opened: {error.strerror}.") from error
            except sqlite3.Error as error:
                # Turning WAL on does not wait for other processes that open the file at the same moment.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise self._explain(error) from error
                time.sleep(0.01)

    def _create(self, connection: Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == FORMAT:
            return
        if found > FORMAT:
            raise LogError(
                f"The log {self.path} has format {found}, this Sightline knows {FORMAT}: upgrade Sightline, "
                "or use another data directory."
            )
        connection.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('log_id', ?)", (f"log_{uuid.uuid4().hex}",))
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")

    def _connect(self, first: Callable[[Connection], None] = lambda _connection: None) -> Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            first(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    # ---- writer's thread

    def _write_loop(self) -> None:
        assert self._opened is not None
        while jobs := self._take():
            self._transact(self._opened.writer, self._opened.turn, jobs)

    def _take(self) -> list[_Job]:
        """Wait for a job, then take what waits behind it; nothing when the log is closed."""
        first = self._jobs.get()
        if first is None:
            return []
        jobs, weight = [first], first.weight
        while weight < GROUP_COMMIT_BYTES:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            jobs.append(job)
            weight += job.weight
        return jobs

    def _transact(self, connection: Connection, turn: Turn, jobs: Sequence[_Job]) -> None:
        error: BaseException | None = None
        self._after_commit.clear()
        try:
            with turn:
                _run(connection, jobs)
            for act in self._after_commit:
                act()
        except BaseException as raised:
            error = self._explain(raised) if isinstance(raised, sqlite3.Error) else raised
        assert self._loop is not None
        with suppress(RuntimeError):  # the event loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_answer, jobs, error)


def _run(connection: Connection, jobs: Sequence[_Job]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            job.result = job.run(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _answer(jobs: Sequence[_Job], error: BaseException | None) -> None:
    for job in jobs:
        if job.answer.done():
            continue
        if error is None:
            job.answer.set_result(job.result)
        else:
            job.answer.set_exception(error)
