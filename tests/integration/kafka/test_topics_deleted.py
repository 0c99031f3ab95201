"""A topic is deleted while services run: they end, and say what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from services.common.eventlog.topics import PREDICTIONS
from tests.integration.runtime.test_starting import Service, service


@pytest.mark.timeout(180)
async def test_services_end_with_the_reason(
    kafka_bootstrap: str, kafka_prefix: str, mongo_url: str, database_name: str, tmp_path: Path
) -> None:
    """Also ingest, which reads nothing of this topic: what it would append goes nowhere."""
    told = {
        "SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "SIGHTLINE_KAFKA_TOPIC_PREFIX": kafka_prefix,
        "SIGHTLINE_KAFKA_REPLICATION_FACTOR": "1",
        "SIGHTLINE_KAFKA_MIN_INSYNC_REPLICAS": "1",
        "SIGHTLINE_MONGO_DATABASE": database_name,
    }
    async with (
        service("ingest", tmp_path, mongo_url, **told) as ingest,
        service("metrics", tmp_path, mongo_url, **told) as metrics,
    ):
        for each in (ingest, metrics):
            await until_ready(each)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([kafka_prefix + PREDICTIONS])
        finally:
            await admin.close()
        for each in (ingest, metrics):
            _, said = await asyncio.wait_for(each.process.communicate(), 60)
            assert each.process.returncode == 1
            (line,) = [line for line in said.decode().splitlines() if "can't go on" in line]
            assert (
                f"Topics at {kafka_bootstrap} were deleted, with all that was on them: {kafka_prefix}predictions."
                in line
            )
            assert f"sightline log copy --from COPY --to kafka://{kafka_bootstrap}/NEW_PREFIX" in line
            assert b"Traceback" not in said


async def until_ready(started: Service) -> None:
    """Until it takes connections, and is ready."""
    while True:
        try:
            return await started.ready()
        except httpx.TransportError:
            assert started.process.returncode is None
            await asyncio.sleep(0.05)
