"""What this machine has and lacks for Sightline, and how to get it."""

from __future__ import annotations

import fcntl
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from sightline import mongod, ops
from sightline.stack.claim import claimed_by
from sightline.stack.options import Refused
from sightline.stack.ports import refuse_taken

GIB = 1 << 30

_FREE_DISK_WANTED = 5 * GIB
_MEMORY_WANTED = 2 * GIB
_CACHE_WANTED = GIB // 4
_CLOCK_SECONDS = 2.0
_MONGODB_WANTED = 5
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smbfs", "9p", "fuse.sshfs", "afs"})

State = Literal["ok", "warning", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Only `missing` keeps Sightline from starting."""

    what: str
    state: State
    found: str
    remedy: str = ""

    def answer(self) -> dict[str, str]:
        """For `--json`."""
        return {"what": self.what, "state": self.state, "found": self.found, "remedy": self.remedy}


def examine(data_dir: Path, port: int) -> list[Finding]:
    """Look at everything. Nothing is started, and nothing of the data is touched."""
    checks: list[Callable[[], Finding]] = [
        _python,
        _platform,
        _mongod,
        lambda: _data_directory(data_dir),
        lambda: _disk(data_dir),
        lambda: _file_locks(data_dir),
        lambda: _running(data_dir),
        lambda: _port(port),
        _memory,
    ]
    return [check() for check in checks]


def examine_kafka(servers: str, prefix: str = "") -> list[Finding]:
    """Look at a Kafka cluster: its brokers, the log's topics there, and how far their readers are."""
    try:
        return kafka_findings(ops.run("topics", f"kafka://{servers}/{prefix}"))
    except ops.OpsError as error:
        return [Finding("Kafka", "missing", str(error), "start its brokers, or name others with --kafka")]


def examine_mongo(url: str, database: str | None = None) -> list[Finding]:
    """Look at a MongoDB that shall hold the read model: what it is, what we may do there, its disk, cache and clock."""
    told = {"SIGHTLINE_MONGO_URL": url} | ({"SIGHTLINE_MONGO_DATABASE": database} if database else {})
    try:
        return mongo_findings(ops.run("mongo", environment=told))
    except ops.OpsError as error:
        return [Finding("MongoDB server", "missing", str(error), "start it, or name another with --mongo")]


def mongo_findings(seen: Mapping[str, Any]) -> list[Finding]:
    """What it says of a MongoDB, from what was seen there. What its user may not see is left out."""
    findings = [_server(seen["version"]), _replica_set(seen), *_durability(seen), *_rights(seen)]
    if (free := seen["free_bytes"]) is not None:
        remedy = f"{_FREE_DISK_WANTED // GIB} GiB are a good beginning"
        state = "warning" if free < _FREE_DISK_WANTED else "ok"
        findings.append(_with_remedy("MongoDB disk", state, f"{free / GIB:.1f} GiB free", remedy))
    if (cache := seen["cache_bytes"]) is not None:
        remedy = "transactions of many rows need room: give mongod a larger --wiredTigerCacheSizeGB"
        state = "warning" if cache < _CACHE_WANTED else "ok"
        findings.append(_with_remedy("MongoDB cache", state, f"{cache / GIB:.2f} GiB", remedy))
    ahead = seen["clock_seconds"]
    found = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    state = "warning" if abs(ahead) > _CLOCK_SECONDS else "ok"
    findings.append(_with_remedy("MongoDB clock", state, found, "let both machines keep time by NTP"))
    made = "none yet (will be made)" if seen["current"] is None else f"{seen['current']}, of log {seen['log_id']}"
    return [*findings, Finding("Read model", "ok", made)]


def _server(version: str) -> Finding:
    state = "missing" if int(version.partition(".")[0]) < _MONGODB_WANTED else "ok"
    return _with_remedy("MongoDB server", state, version, f"upgrade it to {_MONGODB_WANTED}.0 or newer")


def _replica_set(seen: Mapping[str, Any]) -> Finding:
    if seen["sharded"]:
        return Finding("Replica set", "ok", "a sharded cluster")
    if not seen["initiated"]:
        return Finding(
            "Replica set", "missing", "not initiated", "run `python -m services.common.readmodel.initiate URL` once"
        )
    if seen["replica_set"] is None:
        remedy = "start mongod with `--replSet sightline`, then `python -m services.common.readmodel.initiate URL`"
        return Finding("Replica set", "missing", "none: transactions and change streams need one", remedy)
    members, arbiters = seen["members"], seen["arbiters"]
    found = f"{seen['replica_set']}, {members} member{'' if members == 1 else 's'}"
    if arbiters:
        remedy = "let every member hold data: where one of them is away, no majority has what was written"
        return Finding("Replica set", "warning", f"{found}, {arbiters} arbiter{'' if arbiters == 1 else 's'}", remedy)
    return Finding("Replica set", "ok", found)


def _durability(seen: Mapping[str, Any]) -> list[Finding]:
    if seen["journalled"] is None:
        return []
    remedy = "set writeConcernMajorityJournalDefault to true in `rs.conf()`: a power cut loses what was acknowledged"
    found = "a majority's journal" if seen["journalled"] else "a majority's memory"
    return [_with_remedy("Write concern", "ok" if seen["journalled"] else "warning", found, remedy)]


def _rights(seen: Mapping[str, Any]) -> list[Finding]:
    user = seen["user"] or "nobody has to say who he is"
    if seen["lacks"]:
        remedy = "grant `readWrite` on the database"
        return [Finding("MongoDB rights", "missing", f"{user} may not {', '.join(seen['lacks'])}", remedy)]
    if seen["lacks_beside"]:
        remedy = "for `sightline rebuild`: grant `readWrite` and `dbAdmin` on databases NAME_g2, NAME_g3, …"
        lacks = ", ".join(seen["lacks_beside"])
        return [Finding("MongoDB rights", "warning", f"{user} may not {lacks} in a database beside", remedy)]
    return [Finding("MongoDB rights", "ok", user)]


def _with_remedy(what: str, state: State, found: str, remedy: str) -> Finding:
    return Finding(what, state, found, "" if state == "ok" else remedy)


def kafka_findings(seen: Mapping[str, Any]) -> list[Finding]:
    """What it says of a cluster, from what was seen there."""
    findings = [_brokers(seen["brokers"], seen["brokers_wanted"])]
    there, missing = len(seen["topics"]), seen["missing"]
    if not there:
        findings.append(Finding("Kafka topics", "ok", "none yet (will be made)"))
    elif missing:
        remedy = "the next start makes them; if they were deleted, the log isn't whole any more"
        findings.append(Finding("Kafka topics", "warning", f"{there} there, not {', '.join(missing)}", remedy))
    elif not seen["wrong"]:
        findings.append(Finding("Kafka topics", "ok", f"{there}, all as they should be"))
    for difference in seen["wrong"]:
        found, _, remedy = difference.partition(": ")
        findings.append(Finding("Kafka topics", "missing", found, remedy))
    if seen["log_id"] is not None:
        findings.append(Finding("Log", "ok", seen["log_id"]))
    findings += [_group(group["group"], group["members"], group["lag"]) for group in seen["groups"]]
    return findings


def _brokers(there: int, wanted: int) -> Finding:
    found = f"{there} broker{'' if there == 1 else 's'}"
    if there < wanted:
        remedy = (
            f"topics shall have {wanted} replicas: start more brokers, or set SIGHTLINE_KAFKA_REPLICATION_FACTOR and "
            "SIGHTLINE_KAFKA_MIN_INSYNC_REPLICAS lower"
        )
        return Finding("Kafka", "missing", found, remedy)
    return Finding("Kafka", "ok", found)


def _group(name: str, members: int, lag: int | None) -> Finding:
    behind = "" if lag is None else f", {lag} records behind"
    return Finding(f"Group {name}", "ok", f"{members} member{'' if members == 1 else 's'}{behind}")


def _python() -> Finding:
    return Finding("Python", "ok", f"{platform.python_version()} ({sys.executable})")


def _platform() -> Finding:
    found = f"{platform.system()} {platform.machine()}"
    if sys.platform == "win32":
        return Finding("Platform", "missing", found, "run Sightline inside WSL, the Linux of Windows")
    if sys.platform != "linux":
        return Finding("Platform", "warning", found, "kill -9 of `up` leaves its processes until the next `up` here")
    return Finding("Platform", "ok", found)


def _mongod() -> Finding:
    """Whether the program is there, and runs: what it was linked with may be missing here."""
    try:
        binary = mongod.find()
    except mongod.MongodError as error:
        return Finding("MongoDB", "missing", "no mongod", str(error))
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("MongoDB", "missing", f"{binary} doesn't run: {error}", "install another mongod on PATH")
    if said.returncode:
        return Finding("MongoDB", "missing", f"{binary} doesn't run", _missing_library(said.stderr))
    version = re.search(r"v(\d+\.\d+\.\d+)", said.stdout)
    return Finding("MongoDB", "ok", f"{version.group(1) if version else 'unknown version'} ({binary})")


def _missing_library(stderr: str) -> str:
    library = re.search(r"(lib[\w.+-]+\.so[\w.]*)", stderr)
    if library is None:
        return stderr.strip().splitlines()[-1] if stderr.strip() else "it ends without a word"
    return (
        f"the system library {library.group(1)} is missing: install the package that brings it "
        "(Debian and Ubuntu: `apt-get install libcurl4 libssl3 liblzma5`), or a mongod of your system's own on PATH"
    )


def _data_directory(data_dir: Path) -> Finding:
    place = _existing(data_dir)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        remedy = "choose another by --data-dir"
        return Finding("Data directory", "missing", f"{place} can't be written to: {error.strerror}", remedy)
    return Finding("Data directory", "ok", f"{data_dir}{'' if place == data_dir else ' (will be made)'}")


def _disk(data_dir: Path) -> Finding:
    free = shutil.disk_usage(_existing(data_dir)).free
    found = f"{free / GIB:.1f} GiB free"
    if free < _FREE_DISK_WANTED:
        remedy = f"{_FREE_DISK_WANTED // GIB} GiB are a good beginning: the log keeps everything it is sent"
        return Finding("Disk", "warning", found, remedy)
    return Finding("Disk", "ok", found)


def _file_locks(data_dir: Path) -> Finding:
    """The log is an SQLite file in WAL mode: locks and shared memory must work, which network file systems don't do."""
    place = _existing(data_dir)
    kind = _file_system(place)
    remedy = "put the data directory on a local disk"
    if kind in _NETWORK_FILE_SYSTEMS:
        return Finding("File locks", "missing", f"{place} is on a network file system ({kind})", remedy)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return Finding("File locks", "missing", f"{place}: {error.strerror}", remedy)
    return Finding("File locks", "ok", kind or "they work")


def _running(data_dir: Path) -> Finding:
    holder = claimed_by(data_dir)
    return Finding("Running here", "ok", "no" if holder is None else f"yes{holder}")


def _port(port: int) -> Finding:
    try:
        refuse_taken("127.0.0.1", port, "--port")
    except Refused as error:
        return Finding("Port", "warning", str(error), "no harm if it is Sightline itself; --port takes another")
    return Finding("Port", "ok", f"{port} is free")


def _memory() -> Finding:
    available = psutil.virtual_memory().available
    found = f"{available / GIB:.1f} GiB available"
    if available < _MEMORY_WANTED:
        return Finding("Memory", "warning", found, f"{_MEMORY_WANTED // GIB} GiB are a good beginning")
    return Finding("Memory", "ok", found)


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _file_system(path: Path) -> str:
    """The kind of file system that holds a path, or nothing where that can't be told."""
    best, kind = Path(), ""
    for partition in psutil.disk_partitions(all=True):
        mount = Path(partition.mountpoint)
        if path.is_relative_to(mount) and len(mount.parts) >= len(best.parts):
            best, kind = mount, partition.fstype
    return kind
