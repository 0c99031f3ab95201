"""Makes the replica set of one that a private MongoDB is: `python -m services.common.readmodel.initiate URL`.

Returns when the server takes writes. Does nothing to a set that is there, except to follow it to another port.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

_NOT_YET_INITIALIZED = 94


class InitiateError(Exception):
    """The set can't be made; the message says why."""


def initiate(url: str, timeout: float = 60) -> None:
    """Make the set named in the URL, on the one server named there, and wait until it takes writes."""
    parsed = parse_uri(url)
    nodes: list[tuple[str, int]] = parsed["nodelist"]
    if len(nodes) != 1:
        raise InitiateError("only a private MongoDB of one server is set up here")
    host, port = nodes[0]
    name = parsed["options"].get("replicaSet", "sightline")
    deadline = time.monotonic() + timeout
    client: MongoClient[dict[str, Any]] = MongoClient(
        host, port, directConnection=True, serverSelectionTimeoutMS=int(timeout * 1000)
    )
    with client:
        while not _takes_writes(client, name, f"{host}:{port}"):
            if time.monotonic() > deadline:
                raise InitiateError(f"the replica set has no primary after {timeout:g} s")
            time.sleep(0.01)


def _takes_writes(client: MongoClient[dict[str, Any]], name: str, host: str) -> bool:
    try:
        hello = client.admin.command("hello")
        if hello.get("setName", name) != name:
            raise InitiateError(f"the server belongs to the replica set {hello['setName']}, not {name}")
        if "setName" not in hello:
            if not hello.get("isreplicaset"):
                raise InitiateError(f"the server runs without --replSet {name}")
            _configure(client, name, host)
        return bool(hello.get("isWritablePrimary"))
    except AutoReconnect:
        # It closes its connections whenever its place in the set changes.
        return False


def _configure(client: MongoClient[dict[str, Any]], name: str, host: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", {"_id": name, "members": [{"_id": 0, "host": host}]})
        return
    if len(config["members"]) != 1:
        raise InitiateError("the server belongs to a replica set of several: it is not set up here")
    config["members"][0]["host"] = host
    config["version"] += 1
    client.admin.command("replSetReconfig", config, force=True)


def main() -> None:
    """Run as a command."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m services.common.readmodel.initiate URL")
    try:
        initiate(sys.argv[1])
    except (InitiateError, PyMongoError) as error:
        sys.exit(f"MongoDB's replica set can't be made: {error}")


if __name__ == "__main__":
    main()
