"""What a word of the command line says of a log."""

import pytest

from services.common.ops.places import EmbeddedPlace, cluster_of, place
from services.common.ops.refusal import Refusal
from services.common.runtime.settings import Settings


def test_a_cluster_with_and_without_a_prefix() -> None:
    cluster = cluster_of("kafka://one:9092,[::1]:9093/team-a.", Settings())
    assert (cluster.bootstrap_servers, cluster.topic_prefix) == ("one:9092,[::1]:9093", "team-a.")
    assert cluster_of("kafka://one:9092/", Settings()).topic_prefix == ""


@pytest.mark.parametrize("servers", ["127.0.0.1:9092", "localhost:9092", "[::1]:9092", "127.0.0.1:1,127.0.0.2:2"])
def test_one_machine_keeps_one_replica(servers: str) -> None:
    cluster = cluster_of(f"kafka://{servers}", Settings())
    assert (cluster.replication_factor, cluster.min_insync_replicas) == (1, 1)


def test_a_cluster_keeps_three_and_what_is_told_counts() -> None:
    cluster = cluster_of("kafka://kafka-1:9092,127.0.0.1:9092", Settings())
    assert (cluster.replication_factor, cluster.min_insync_replicas) == (3, 2)
    told = cluster_of("kafka://127.0.0.1:9092", Settings(kafka_replication_factor=2, kafka_min_insync_replicas=2))
    assert (told.replication_factor, told.min_insync_replicas) == (2, 2)


@pytest.mark.parametrize("word", ["kafka://", "kafka://host", "kafka://host:port", "kafka://a:1/b/c", "kafka://a:1,"])
def test_what_names_no_cluster(word: str) -> None:
    with pytest.raises(Refusal, match="HOST:PORT"):
        cluster_of(word, Settings())


def test_a_path_is_a_data_directory_unless_it_names_a_file() -> None:
    for word, file in (("data", "data/log.sqlite"), ("data/other.sqlite", "data/other.sqlite")):
        named = place(word)
        assert isinstance(named, EmbeddedPlace)
        assert str(named.path).endswith(file)
