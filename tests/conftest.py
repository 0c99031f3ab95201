"""Servers that tests share: each is private, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from services.common.readmodel.initiate import initiate
from services.common.readmodel.mongo import ReadModel
from sightline.mongod import Mongod, Process
from sightline.stack import tether

pytest_plugins = ["tests.kafka.fixtures"]


@pytest.fixture(scope="session")
def mongo_url() -> Iterator[str]:
    """A replica set: the one that SIGHTLINE_TEST_MONGO names, or a private one that takes fail points."""
    if named := os.environ.get("SIGHTLINE_TEST_MONGO"):
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="sightline-mongo-", dir=_in_memory()) as directory:
        mongod = Mongod.prepare(Path(directory), cache_gb=0.25, arguments=("--setParameter", "enableTestCommands=1"))
        # Tethered: a test run that is killed leaves no server.
        process = Process(mongod, before=(sys.executable, tether.__file__, str(os.getpid())))
        try:
            initiate(mongod.url)
            yield mongod.url
        finally:
            process.kill()


def _in_memory() -> str | None:
    """A directory that doesn't wait for a disk, where there is one with room: every commit is flushed."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30 else None


@pytest.fixture
def database_name() -> str:
    """A database that nobody else uses."""
    return f"sightline_test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def store(mongo_url: str, database_name: str) -> AsyncIterator[ReadModel]:
    """An open read model on a database of its own."""
    opened = await ReadModel.open(mongo_url, database_name)
    try:
        yield opened
    finally:
        client: AsyncIOMotorClient[dict[str, object]] = AsyncIOMotorClient(mongo_url)
        await client.drop_database(database_name)
        client.close()
        await opened.close()
