"""The run loop's suite, on the embedded log and MongoDB."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.common.documents import DeleteMany
from services.common.eventlog.port import EventLog
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.readmodel.collections import PROGRESS
from services.common.readmodel.mongo import ReadModel
from tests.contract.eventlog.run_loop_suite import RunLoopContract
from tests.unit.eventlog.ledger import APPLIED, TALLY, TOPICS

DATABASE = f"sightline_test_{uuid.uuid4().hex[:12]}"


class TestRunLoopOnSqliteAndMongo(RunLoopContract):
    @pytest.fixture
    async def log(self, tmp_path: Path) -> AsyncIterator[EventLog]:
        log = SqliteLog(tmp_path / "log.sqlite")
        await log.open(TOPICS)
        yield log
        await log.close()

    @pytest.fixture
    async def store(self, mongo_url: str) -> AsyncIterator[ReadModel]:
        # One database for all: making it anew takes longer than most of these tests.
        store = await ReadModel.open(mongo_url, DATABASE)
        await store.write([DeleteMany(name, {}) for name in (PROGRESS.name, APPLIED, TALLY)])
        yield store
        await store.close()
