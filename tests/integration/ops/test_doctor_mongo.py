"""`sightline doctor --mongo`: what is right, what is wrong, and what to do."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from services.common.readmodel.initiate import initiate
from services.common.readmodel.mongo import ReadModel
from sightline.mongod import Mongod, Process
from tests.e2e.environment import plain_environment

Findings = dict[str, dict[str, str]]
PASSWORD = "only-for-this-test"


def examined(url: str, *options: str) -> Findings:
    command = (sys.executable, "-m", "sightline", "doctor", "--json", "--mongo", url, *options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=plain_environment())
    assert done.stderr == ""
    findings = json.loads(done.stdout)["findings"]
    assert done.returncode == (1 if any(each["state"] == "missing" for each in findings) else 0)
    assert all(each["remedy"] for each in findings if each["state"] != "ok")
    return {each["what"]: each for each in findings}


async def test_one_that_is_right(mongo_url: str, database_name: str, store: ReadModel) -> None:
    found = await asyncio.to_thread(examined, mongo_url, "--mongo-database", database_name)
    for what in ("MongoDB server", "Replica set", "Write concern", "MongoDB rights", "MongoDB clock", "Read model"):
        assert found[what]["state"] == "ok", found[what]
    assert found["Replica set"]["found"] == "sightline, 1 member"
    assert found["Write concern"]["found"] == "a majority's journal"
    assert found["Read model"]["found"] == "none yet (will be made)"
    assert "GiB free" in found["MongoDB disk"]["found"]
    assert found["MongoDB cache"]["found"] == "0.25 GiB"
    assert store.database.name == database_name


def test_one_that_is_not_there() -> None:
    finding = examined("mongodb://127.0.0.1:1/?replicaSet=sightline")["MongoDB server"]
    assert finding["state"] == "missing"
    assert "127.0.0.1:1" in finding["found"]


def test_what_is_no_address() -> None:
    assert examined("nowhere")["MongoDB server"]["state"] == "missing"


def test_one_that_is_not_initiated(tmp_path: Path) -> None:
    mongod = Process(Mongod.prepare(tmp_path / "mongo", cache_gb=0.25))
    try:
        found = examined(f"mongodb://127.0.0.1:{mongod.mongod.port}/?directConnection=true")
    finally:
        mongod.kill()
    assert (found["Replica set"]["state"], found["Replica set"]["found"]) == ("missing", "not initiated")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a MongoDB that asks for passwords, with users of more and fewer rights on the database `mine`."""
    folder = tmp_path_factory.mktemp("guarded")
    prepared = Mongod.prepare(folder / "mongo", cache_gb=0.25)
    process = Process(prepared)
    initiate(prepared.url)
    with MongoClient[dict[str, Any]](prepared.url) as client:
        grants = {
            "all": [("readWriteAnyDatabase", "admin"), ("dbAdminAnyDatabase", "admin"), ("clusterMonitor", "admin")],
            "enough": [("readWrite", "mine")],
            "reader": [("read", "mine")],
        }
        for user, roles in grants.items():
            granted = [{"role": role, "db": database} for role, database in roles]
            client.admin.command("createUser", user, pwd=PASSWORD, roles=granted)
    process.stop()
    key = folder / "key"
    key.write_text("a key that members of one set share")
    key.chmod(0o600)
    process = Process(Mongod.prepare(folder / "mongo", cache_gb=0.25, arguments=("--keyFile", str(key))))
    try:
        url = f"mongodb://all:{PASSWORD}@127.0.0.1:{process.mongod.port}/?replicaSet=sightline"
        with MongoClient[dict[str, Any]](url) as client:
            client.admin.command("ping")  # waits until there is a primary
        yield process.mongod.port
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("user", "state", "says"),
    [
        ("all", "ok", "all@admin"),
        ("enough", "warning", "enough@admin may not changeStream, createCollection"),
        ("reader", "missing", "reader@admin may not createCollection, createIndex"),
    ],
)
def test_what_a_user_may_do(guarded: int, user: str, state: str, says: str) -> None:
    url = f"mongodb://{user}:{PASSWORD}@127.0.0.1:{guarded}/?replicaSet=sightline"
    found = examined(url, "--mongo-database", "mine")
    assert found["MongoDB rights"]["state"] == state
    assert found["MongoDB rights"]["found"].startswith(says)
    assert ("Write concern" in found) == (user == "all"), "the others may not see it"


@pytest.mark.parametrize("who", ["", "all:wrong@"])
def test_who_is_not_let_in(guarded: int, who: str) -> None:
    finding = examined(f"mongodb://{who}127.0.0.1:{guarded}/?replicaSet=sightline")["MongoDB server"]
    assert finding["state"] == "missing"
    assert "doesn't let this user in" in finding["found"]
    assert "wrong" not in finding["found"]
