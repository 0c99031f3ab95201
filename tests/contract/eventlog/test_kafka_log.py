"""The suite on Apache Kafka, and what it alone promises."""

from __future__ import annotations

import pytest

from tests.contract.eventlog.suite import LogContract

SESSION_SECONDS = 6
"""The shortest that brokers allow unless told otherwise."""


class TestKafkaLog(LogContract):
    @pytest.fixture
    def spec(self, kafka_bootstrap: str, kafka_prefix: str) -> str:
        return f"kafka:{kafka_bootstrap}/{kafka_prefix}/{SESSION_SECONDS}"
