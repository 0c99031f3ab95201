"""What a service refuses to be told."""

import pytest
from pydantic import ValidationError

from services.common.runtime.settings import Settings


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "10.0.0.1", "192.168.1.7", "fe80::1", "::ffff:10.0.0.1", "example.org", "localhost."]
)
def test_only_loopback_without_authentication(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError):
        Settings(host=host)
    monkeypatch.setenv("SIGHTLINE_HOST", host)
    with pytest.raises(ValidationError):
        Settings()


def test_the_refusal_says_why() -> None:
    with pytest.raises(
        ValidationError, match=r"refusing to listen on 0\.0\.0\.0: without authentication only loopback"
    ):
        Settings(host="0.0.0.0")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert Settings(host=host).host == host
    assert Settings().host == "127.0.0.1"


def test_the_refusal_names_the_switch() -> None:
    with pytest.raises(ValidationError, match=r"SIGHTLINE_UNAUTHENTICATED_NETWORK=true .* read and write everything"):
        Settings(host="0.0.0.0")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "172.20.0.3", "10.0.0.1"])
def test_the_switch_allows_a_private_network(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_UNAUTHENTICATED_NETWORK", "true")
    monkeypatch.setenv("SIGHTLINE_HOST", host)
    assert Settings().host == host


@pytest.mark.parametrize("host", ["8.8.8.8", "2a00::1"])
def test_nothing_allows_a_public_address(host: str) -> None:
    with pytest.raises(ValidationError, match="a public address"):
        Settings(host=host, unauthenticated_network=True)


def test_allowed_hosts_are_names_by_commas() -> None:
    assert Settings(allowed_hosts="query, Ingest,").hosts == {"query", "ingest"}


def test_without_brokers_the_log_is_the_embedded_one() -> None:
    assert Settings().kafka is None


def test_a_cluster_by_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS", "a:9092,b:9092")
    monkeypatch.setenv("SIGHTLINE_KAFKA_TOPIC_PREFIX", "team-")
    cluster = Settings().kafka
    assert cluster is not None
    assert (cluster.bootstrap_servers, cluster.topic_prefix) == ("a:9092,b:9092", "team-")
    assert (cluster.replication_factor, cluster.min_insync_replicas) == (3, 2)
