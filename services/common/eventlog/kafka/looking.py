"""What a Kafka cluster has of a log, seen from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.eventlog.kafka.topics import FoundTopic
from services.common.eventlog.looking import Look


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
