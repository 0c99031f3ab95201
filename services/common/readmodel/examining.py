"""What a MongoDB is like that shall hold the read model, seen from outside: for `doctor`. Makes nothing.

What the user may not see is None.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient
from pymongo.errors import NotPrimaryError, OperationFailure, PyMongoError

from services.common.readmodel.collections import PROGRESS
from services.common.readmodel.driver import APP_NAME
from services.common.readmodel.generations import GENERATIONS, POINTER

NEEDED = frozenset(
    {"find", "insert", "update", "remove", "listCollections", "createCollection", "createIndex", "listIndexes"}
    | {"dropCollection", "changeStream", "dbStats"}
)
"""What a service does in the read model's database: all in the role `readWrite`."""
NEEDED_BESIDE = NEEDED | {"dropDatabase"}
"""What a rebuild does in a database `NAME_gN` of its own: `readWrite` and `dbAdmin`."""

_SELECTION_MS = 4_000
_NOT_ALLOWED = (13, 18)

Client = MongoClient[dict[str, Any]]


class CantExamine(Exception):
    """The server doesn't answer, or lets nobody in; the message says which."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was seen."""

    version: str
    replica_set: str | None
    sharded: bool
    initiated: bool
    members: int
    arbiters: int
    journalled: bool | None
    """Whether a majority's answer means that it is in their journals."""
    user: str | None
    lacks: Sequence[str]
    """Actions that the user may not do in the read model's database, in the order of the alphabet."""
    lacks_beside: Sequence[str]
    """The same in the database that a rebuild would make."""
    free_bytes: int | None
    """Of the disk that holds the data."""
    cache_bytes: int | None
    clock_seconds: float
    """How far its clock is ahead of ours."""
    current: str | None
    """The database of the current generation, if there is a read model."""
    log_id: str | None
    """The log that it was made from."""


def examine(url: str, database: str) -> Examined:
    """Look at a server. Raises `CantExamine`."""
    try:
        with Client(url, appname=APP_NAME, serverSelectionTimeoutMS=_SELECTION_MS, tz_aware=True) as client:
            return _examine(client, database)
    except OperationFailure as error:
        if error.code not in _NOT_ALLOWED:
            raise
        raise CantExamine("it doesn't let this user in: look at name, password and roles in the address") from error
    except (PyMongoError, ValueError) as error:
        said = str(error).partition(" (")[0].partition(", Timeout")[0]
        raise CantExamine(f"it doesn't answer, or isn't of the replica set that the address names ({said})") from error


def _examine(client: Client, database: str) -> Examined:
    asked = time.time()
    hello = client.admin.command("hello")
    ahead = hello["localTime"].timestamp() - (asked + time.time()) / 2
    told = client.admin.command("connectionStatus", showPrivileges=True)["authInfo"]
    users, privileges = told["authenticatedUsers"], told["authenticatedUserPrivileges"]
    initiated = not hello.get("isreplicaset")
    if initiated and not users:  # where nobody has to say who he is, this is allowed
        client[database].list_collection_names()
    current, log_id = _read_model(client, database) if initiated else (None, None)
    status = _allowed(client, {"serverStatus": 1}) or {}
    stats = _allowed(client, {"dbStats": 1}, database) or {}
    config = (_allowed(client, {"replSetGetConfig": 1}) or {}).get("config", {})
    total = stats.get("fsTotalSize")
    return Examined(
        version=client.server_info()["version"],
        replica_set=hello.get("setName"),
        sharded=hello.get("msg") == "isdbgrid",
        initiated=initiated,
        members=len([*hello.get("hosts", ()), *hello.get("passives", ())]),
        arbiters=len(hello.get("arbiters", ())),
        journalled=config.get("writeConcernMajorityJournalDefault"),
        user=f"{users[0]['user']}@{users[0]['db']}" if users else None,
        lacks=lacking(privileges, database, NEEDED) if users else (),
        lacks_beside=lacking(privileges, f"{database}_g2", NEEDED_BESIDE) if users else (),
        free_bytes=int(total - stats["fsUsedSize"]) if total else None,
        cache_bytes=status.get("wiredTiger", {}).get("cache", {}).get("maximum bytes configured"),
        clock_seconds=ahead,
        current=current,
        log_id=log_id,
    )


def lacking(privileges: Sequence[Mapping[str, Any]], database: str, needed: frozenset[str]) -> Sequence[str]:
    """Which of the needed actions no privilege grants on all collections of a database."""
    granted: set[str] = set()
    for privilege in privileges:
        resource = privilege["resource"]
        anywhere = resource.get("anyResource") or resource.get("db") == ""
        if (anywhere or resource.get("db") == database) and not resource.get("collection"):
            granted.update(privilege["actions"])
    return sorted(needed - granted)


def _read_model(client: Client, database: str) -> tuple[str | None, str | None]:
    try:
        pointer = client[database][GENERATIONS].find_one({"_id": POINTER})
        current = pointer["database"] if pointer else database
        progress = client[current][PROGRESS.name].find_one({})
    except OperationFailure as error:
        if error.code not in _NOT_ALLOWED:
            raise
        return None, None
    return (current, progress.get("log_id")) if progress else (None, None)


def _allowed(client: Client, command: dict[str, Any], database: str = "admin") -> dict[str, Any] | None:
    """The answer to a command; None where this user may not ask, or this kind of server doesn't know it."""
    try:
        return client[database].command(command)
    except (OperationFailure, NotPrimaryError):
        return None
