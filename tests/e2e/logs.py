"""The logs that a stack may stand on: every test that takes `log_options` runs once on each."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import pytest

from tests.kafka.topics import delete_all


@pytest.fixture(scope="module", params=["embedded", "kafka"])
def log_options(request: pytest.FixtureRequest) -> Iterator[tuple[str, ...]]:
    """What `sightline up` is told of its log: nothing, or a Kafka with topics of this stack's own."""
    if request.param == "embedded":
        yield ()
        return
    bootstrap = request.getfixturevalue("kafka_bootstrap")
    prefix = f"test-{uuid.uuid4().hex[:8]}-"
    yield "--kafka", bootstrap, "--kafka-topic-prefix", prefix
    asyncio.run(delete_all(bootstrap, prefix))
