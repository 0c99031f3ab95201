"""A log on Kafka, looked at from outside."""

# The client has few types of its own.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import KafkaError

from services.common.eventlog.kafka import REQUEST_MS, client_options, describe_topics
from services.common.eventlog.kafka_cluster import KafkaCluster
from services.common.eventlog.kafka_topics import IDENTITY, FoundTopic
from services.common.eventlog.looking import Look
from services.common.eventlog.port import LogError
from services.common.eventlog.topics import topics

SECONDS = 10.0
"""How long brokers may take to answer."""


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group that reads topics of the log."""

    name: str
    """Without the cluster's prefix."""
    members: tuple[str, ...]
    """Where its live members are."""


@dataclass(frozen=True, slots=True)
class KafkaLook:
    """What a cluster has of a log."""

    brokers: int
    found: Mapping[str, FoundTopic]
    """By real name."""
    groups: tuple[Group, ...]

    def look(self, cluster: KafkaCluster) -> Look:
        """The same, as of any log."""
        start = len(cluster.topic_prefix)
        users = [f"{group.name} (on {', '.join(sorted(set(group.members)))})" for group in self.groups if group.members]
        return Look({name[start:]: topic.partitions for name, topic in self.found.items()}, tuple(users))


async def look(cluster: KafkaCluster) -> KafkaLook:
    """Look at the topics that a log may have there, and at the groups that read them."""
    names = [cluster.topic_prefix + topic.name for topic in (*topics(), IDENTITY)]
    async with _admin(cluster) as admin:
        brokers = len((await admin.describe_cluster())["brokers"])
        found = await describe_topics(admin, names)
        listed = [name for name, *_ in await admin.list_consumer_groups() if name.startswith(cluster.topic_prefix)]
        groups = [await _group(admin, name, names, len(cluster.topic_prefix)) for name in sorted(listed)]
        return KafkaLook(brokers, found, tuple(group for group in groups if group is not None))


@asynccontextmanager
async def _admin(cluster: KafkaCluster) -> AsyncGenerator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(cluster), request_timeout_ms=REQUEST_MS)
    try:
        async with asyncio.timeout(SECONDS):
            await admin.start()
        yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        said = str(error) or type(error).__name__
        raise LogError(f"Kafka at {cluster.bootstrap_servers} can't be asked: {said}.") from error
    finally:
        await admin.close()


async def _group(admin: AIOKafkaAdminClient, name: str, ours: Collection[str], prefix: int) -> Group | None:
    """A group with the members that read our topics. None: its members read others."""
    (answer,) = await admin.describe_consumer_groups([name])
    ((_code, _name, _state, _kind, _protocol, members),) = answer.groups
    hosts = [
        host.removeprefix("/")
        for _member, _client, host, metadata, _assignment in members
        if set(ConsumerProtocolMemberMetadata.decode(metadata).subscription) & set(ours)
    ]
    return Group(name[prefix:], tuple(hosts)) if hosts or not members else None
