"""The run loop's suite, in memory."""

from __future__ import annotations

import pytest

from services.common.eventlog.port import EventLog
from services.common.progress import ProgressStore
from tests.contract.eventlog.run_loop_suite import EveryMoment
from tests.unit.eventlog.fakes import FakeLog, FakeStore
from tests.unit.eventlog.ledger import TOPICS


class TestRunLoopOnFakes(EveryMoment):
    @pytest.fixture
    def log(self) -> EventLog:
        return FakeLog(TOPICS)

    @pytest.fixture
    def store(self) -> ProgressStore:
        return FakeStore()
