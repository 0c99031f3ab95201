"""`topics`: what a cluster has of a log, what is wrong with it, and how far its groups are."""

from __future__ import annotations

from typing import Any

from services.common.eventlog.kafka.log import KafkaLog, look
from services.common.eventlog.kafka.looking import KafkaLook
from services.common.eventlog.kafka.topics import differences
from services.common.eventlog.port import EventLog
from services.common.eventlog.topics import topics
from services.common.ops.places import cluster_of, settings


async def examine_topics(word: str) -> dict[str, Any]:
    """Look at a cluster. Makes nothing."""
    told = settings()
    cluster = cluster_of(word, told)
    seen = await look(cluster)
    asked = topics(told.row_partitions)
    names = {topic.name: cluster.topic_prefix + topic.name for topic in asked}
    there = [topic for topic in asked if names[topic.name] in seen.found]
    wrong = differences(there, seen.found, cluster)
    answer: dict[str, Any] = {
        "brokers": seen.brokers,
        "brokers_wanted": cluster.replication_factor,
        "topics": [names[topic.name] for topic in there],
        "missing": [name for name in names.values() if name not in seen.found],
        "wrong": wrong,
        "log_id": None,
        "groups": [{"group": group.name, "members": len(group.members), "lag": None} for group in seen.groups],
    }
    if there == list(asked) and not wrong:
        log = KafkaLog(cluster)
        await log.open(asked, create=False)
        try:
            answer["log_id"] = log.log_id
            answer["groups"] = await _groups(log, seen)
        finally:
            await log.close()
    return answer


async def _groups(log: EventLog, seen: KafkaLook) -> list[dict[str, Any]]:
    ends = {topic: await log.end_offsets(topic) for topic in log.topics}
    answers: list[dict[str, Any]] = []
    for group in seen.groups:
        committed = await log.committed(group.name)
        here = {place: offset for place, offset in committed.items() if place[0] in ends}
        if here or group.members:
            lag = sum(ends[topic][partition] - offset for (topic, partition), offset in here.items())
            answers.append({"group": group.name, "members": len(group.members), "lag": lag})
    return answers
