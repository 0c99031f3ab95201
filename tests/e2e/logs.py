"""The logs that a stack may stand on: every test that takes `log_options` runs once on each."""

from __future__ import annotations

import uuid

import pytest


@pytest.fixture(scope="module", params=["embedded", "kafka"])
def log_options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """What `sightline up` is told of its log: nothing, or a Kafka with topics of this stack's own."""
    if request.param == "embedded":
        return ()
    bootstrap = request.getfixturevalue("kafka_bootstrap")
    return ("--kafka", bootstrap, "--kafka-topic-prefix", f"e2e-{uuid.uuid4().hex[:12]}-")
