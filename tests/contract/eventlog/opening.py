"""Opening a log by a line of text, so that a test's subprocess opens the same one."""

from __future__ import annotations

from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.eventlog.kafka.log import KafkaLog
from services.common.eventlog.port import EventLog
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import Topic


def make_log(spec: str) -> EventLog:
    """A log from `KIND:WHERE`, not open yet.

    `sqlite:PATH`, `sqlite:PATH:SESSION_SECONDS`, or `kafka:SERVERS/PREFIX/SESSION_SECONDS`.
    """
    kind, _, where = spec.partition(":")
    if kind == "sqlite":
        path, _, session = where.partition(":")
        return SqliteLog(path, session_timeout=float(session or 15))
    if kind == "kafka":
        servers, prefix, session = where.split("/")
        cluster = KafkaCluster(servers, topic_prefix=prefix, replication_factor=1, min_insync_replicas=1)
        return KafkaLog(cluster, session_timeout=float(session))
    raise ValueError(spec)


def make_topics(names: str) -> tuple[Topic, ...]:
    """The topics of the suite: two that one group reads, with four partitions, and a single one."""
    first, second, single = names.split(",")
    return (
        Topic(first, "row", (), (), (), 4, max_message_bytes=100_000),
        Topic(second, "row", (), (), (), 4, max_message_bytes=100_000),
        Topic(single, "all", (), (), (), 1, max_message_bytes=100_000),
    )
