"""How topics in a cluster may differ from those that are wanted, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.eventlog.kafka.topics import SLACK_BYTES, FoundTopic, differences, wanted_configs
from services.common.eventlog.topics import Topic, topics

CLUSTER = KafkaCluster("kafka:9092", topic_prefix="team-")
TOPIC = Topic("rows", "row", (), (), (), 8)


def found(topic: Topic = TOPIC, **configs: str) -> FoundTopic:
    return FoundTopic(
        topic.partitions, 3, wanted_configs(topic, CLUSTER) | {k.replace("_", "."): v for k, v in configs.items()}
    )


def test_topics_as_they_are_made_do_not_differ() -> None:
    there = {f"team-{topic.name}": found(topic) for topic in topics()}
    assert differences(topics(), there, CLUSTER) == []


def test_a_log_is_kept_for_ever_and_takes_every_message() -> None:
    configs = wanted_configs(TOPIC, CLUSTER)
    assert (configs["cleanup.policy"], configs["retention.ms"], configs["retention.bytes"]) == ("delete", "-1", "-1")
    assert int(configs["max.message.bytes"]) == TOPIC.max_message_bytes + SLACK_BYTES
    assert configs["min.insync.replicas"] == "2"


def test_more_room_and_more_copies_are_as_good() -> None:
    here = replace(found(max_message_bytes="99999999", min_insync_replicas="3"), replication_factor=5)
    assert differences([TOPIC], {"team-rows": here}, CLUSTER) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cleanup.policy", "compact"),
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000"),
        ("max.message.bytes", "1048588"),
        ("min.insync.replicas", "1"),
        ("message.timestamp.type", "LogAppendTime"),
    ],
)
def test_a_setting_that_differs_comes_with_the_command_that_mends_it(key: str, value: str) -> None:
    here = found()
    here = replace(here, configs={**here.configs, key: value})
    (line,) = differences([TOPIC], {"team-rows": here}, CLUSTER)
    wanted = wanted_configs(TOPIC, CLUSTER)[key]
    assert line == (
        f"team-rows has {key}={value}, not {wanted}: kafka-configs.sh --bootstrap-server kafka:9092 --alter "
        f"--entity-type topics --entity-name team-rows --add-config {key}={wanted}"
    )


def test_one_command_mends_all_settings_of_a_topic() -> None:
    here = found(retention_ms="1", min_insync_replicas="1")
    lines = differences([TOPIC], {"team-rows": here}, CLUSTER)
    assert len(lines) == 2
    assert lines[-1].endswith("--add-config retention.ms=-1,min.insync.replicas=2")


def test_all_that_differs_is_named() -> None:
    other = replace(TOPIC, name="more")
    there = {"team-rows": FoundTopic(16, 1, found().configs)}
    lines = differences([TOPIC, other], there, CLUSTER)
    assert len(lines) == 3
    assert "16 partitions, not 8" in lines[0]
    assert "SIGHTLINE_ROW_PARTITIONS" in lines[0]
    assert "1 replicas, not 3" in lines[1]
    assert "SIGHTLINE_KAFKA_REPLICATION_FACTOR=1" in lines[1]
    assert lines[2].startswith("team-more is missing")
