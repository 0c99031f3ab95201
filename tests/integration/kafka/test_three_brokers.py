"""A cluster as in production, three copies of which two must be in sync: a broker that dies takes nothing along."""

from __future__ import annotations

import asyncio

from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.readmodel.mongo import ReadModel
from tests.integration.kafka.flow import check, kafka_log, producing, running, start, until_applied
from tests.kafka.server import KafkaServer


async def test_brokers_are_killed_one_by_one_and_two_at_once(
    kafka_cluster: list[KafkaServer], store: ReadModel
) -> None:
    servers = ",".join(broker.bootstrap for broker in kafka_cluster)
    async with kafka_log(KafkaCluster(servers)) as log, running(log, store):
        async with producing(log) as producer:
            for broker in kafka_cluster:
                await producer.acknowledge(400)
                broker.kill()
                await producer.acknowledge(400)  # by the other two
                await start(broker)
            for broker in kafka_cluster[:2]:
                broker.kill()
            await producer.fail_once()  # one copy is too few
            await asyncio.gather(*(start(broker) for broker in kafka_cluster[:2]))
            await producer.acknowledge(400)
        await until_applied(log, store)
        await check(log, store, producer)
