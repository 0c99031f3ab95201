"""Topics as Kafka has them: what to ask for, and how what is there differs from `eventlog/topics.py`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.eventlog.topics import Topic

SLACK_BYTES = 64 << 10
"""Headers, and what Kafka adds to a message, beyond the key and value that `Topic.max_message_bytes` counts."""

IDENTITY = Topic("log-identity", "none", (), (), (), partitions=1, dead_letter_topic=None)
"""Its first record is the log's id."""

MAX_MESSAGE_BYTES = "max.message.bytes"
MIN_INSYNC_REPLICAS = "min.insync.replicas"


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic in the cluster."""

    partitions: int
    replication_factor: int
    """The lowest among its partitions."""
    configs: Mapping[str, str]


def wanted_configs(topic: Topic, cluster: KafkaCluster) -> dict[str, str]:
    """The settings that a topic is made with."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(topic.retention_ms),
        "retention.bytes": "-1",
        "message.timestamp.type": "CreateTime",
        MAX_MESSAGE_BYTES: str(topic.max_message_bytes + SLACK_BYTES),
        MIN_INSYNC_REPLICAS: str(cluster.min_insync_replicas),
    }


AT_LEAST = frozenset({MAX_MESSAGE_BYTES, MIN_INSYNC_REPLICAS})
"""Settings of which more is as good."""


def differences(topics: Iterable[Topic], found: Mapping[str, FoundTopic], cluster: KafkaCluster) -> list[str]:
    """What keeps the log from being used, each with what mends it; `found` by real name."""
    return [line for topic in topics for line in _differences(topic, found, cluster)]


def _differences(topic: Topic, found: Mapping[str, FoundTopic], cluster: KafkaCluster) -> list[str]:
    name = cluster.topic_prefix + topic.name
    here = found.get(name)
    if here is None:
        return [
            f"{name} is missing: start `ingest` or `metrics` once, which make topics, or mend the prefix or servers"
        ]
    lines: list[str] = []
    if here.partitions != topic.partitions:
        lines.append(
            f"{name} has {here.partitions} partitions, not {topic.partitions}: set SIGHTLINE_ROW_PARTITIONS to what "
            "the row topics have, or SIGHTLINE_KAFKA_TOPIC_PREFIX to a name that is free"
        )
    if here.replication_factor < cluster.replication_factor:
        lines.append(
            f"{name} has {here.replication_factor} replicas, not {cluster.replication_factor}: add replicas with "
            "kafka-reassign-partitions.sh, or set SIGHTLINE_KAFKA_REPLICATION_FACTOR="
            f"{here.replication_factor} (and SIGHTLINE_KAFKA_MIN_INSYNC_REPLICAS lower than that)"
        )
    wrong = {
        key: value for key, value in wanted_configs(topic, cluster).items() if not _suffices(key, value, here.configs)
    }
    lines += [f"{name} has {key}={here.configs.get(key)}, not {value}" for key, value in wrong.items()]
    if wrong:
        changes = ",".join(f"{key}={value}" for key, value in wrong.items())
        lines[-1] += (
            f": kafka-configs.sh --bootstrap-server {cluster.bootstrap_servers} --alter "
            f"--entity-type topics --entity-name {name} --add-config {changes}"
        )
    return lines


def _suffices(key: str, wanted: str, configs: Mapping[str, str]) -> bool:
    value = configs.get(key)
    if value is not None and key in AT_LEAST:
        return int(value) >= int(wanted)
    return value == wanted


def topics_gone(names: Sequence[str], servers: str) -> str:
    """What to do when topics were deleted under running services."""
    return (
        f"Topics at {servers} were deleted, with all that was on them: {', '.join(names)}. Stop all services, before "
        "one makes them anew, empty. With a copy of the log: `sightline log copy --from COPY --to "
        f"kafka://{servers}/NEW_PREFIX`; without, a new prefix, and the files sent again. Then start all with "
        "SIGHTLINE_KAFKA_TOPIC_PREFIX=NEW_PREFIX and SIGHTLINE_MONGO_DATABASE=NEW_NAME."
    )
