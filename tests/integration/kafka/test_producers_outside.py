"""What others produce straight onto a topic, with a client of their own and its transactions."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer

from services.common.documents import Read
from services.common.eventlog.topics import PREDICTIONS
from services.common.readmodel.mongo import ReadModel
from tests.integration.kafka.flow import SECONDS, kafka_log, running
from tests.unit.eventlog.ledger import APPLIED, GROUP, message


async def test_transactions_count_once_committed_and_never_when_aborted(
    kafka_bootstrap: str, kafka_prefix: str, store: ReadModel
) -> None:
    async with kafka_log(kafka_bootstrap, kafka_prefix) as log, running(log, store):
        async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=f"{kafka_prefix}tx") as outside:
            for round in range(6):
                await outside.begin_transaction()
                for i in range(10):
                    event = message(PREDICTIONS, f"{'kept' if round % 2 else 'dropped'}-{round}-{i}")
                    await outside.send(kafka_prefix + PREDICTIONS, event.value, event.key, partition=0)
                await (outside.commit_transaction() if round % 2 else outside.abort_transaction())
        async with asyncio.timeout(SECONDS):
            while len(await store.find(Read(APPLIED, {}))) < 30:
                await asyncio.sleep(0.05)
        applied = sorted(await store.find(Read(APPLIED, {})), key=lambda line: line["number"])
        assert [line["name"] for line in applied] == [f"kept-{round}-{i}" for round in (1, 3, 5) for i in range(10)]
        records = await log.read(PREDICTIONS, 0, 0)
        assert [record.key.decode() for record in records] == [line["name"] for line in applied]
        assert (await store.read_progress(GROUP, 0)).offsets[PREDICTIONS] == records[-1].offset + 1
        end = (await log.end_offsets(PREDICTIONS))[0]
        assert await log.read(PREDICTIONS, 0, records[-1].offset + 1) == []
        assert end > records[-1].offset
