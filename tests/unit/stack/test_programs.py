"""What the programs of the stack are started with."""

from pathlib import Path

import pytest

from sightline.stack.options import Options
from sightline.stack.programs import clean_environment, kafka_environment, services


def test_services_get_a_clean_environment() -> None:
    environment = clean_environment(
        {
            "PATH": "/bin",
            "SIGHTLINE_MONGO_URL": "mongodb://elsewhere",
            "SIGHTLINE_KAFKA_TOPIC_PREFIX": "of-another-stack",
            "SIGHTLINE_LOG_LEVEL": "debug",
            "PYTHONPATH": "/somewhere",
            "HTTP_PROXY": "http://proxy",
            "https_proxy": "http://proxy",
        }
    )
    assert environment["PATH"] == "/bin"
    assert environment["SIGHTLINE_LOG_LEVEL"] == "debug"
    assert not {"SIGHTLINE_MONGO_URL", "SIGHTLINE_KAFKA_TOPIC_PREFIX", "PYTHONPATH", "HTTP_PROXY", "https_proxy"} & set(
        environment
    )


def test_one_process_of_each_goes_by_the_services_name(tmp_path: Path) -> None:
    wanted = services(Options(tmp_path, port=8790), "mongodb://m", 1)
    assert [program.name for program in wanted.programs] == ["ingest", "metrics", "query"]
    assert wanted.urls["query"] == ["http://127.0.0.1:8790"]
    query = wanted.programs[-1].environment
    assert query["SIGHTLINE_PORT"] == "8790"
    assert "SIGHTLINE_SHARED_PORT" not in query


def test_several_processes_have_ports_of_their_own_and_queries_share_one_besides(tmp_path: Path) -> None:
    options = Options(tmp_path, port=8790, ingest_processes=2, metrics_processes=3, query_processes=2)
    wanted = services(options, "mongodb://m", 5)
    assert [program.name for program in wanted.programs] == [
        *("ingest-1", "ingest-2", "metrics-1", "metrics-2", "metrics-3", "query-1", "query-2"),
    ]
    ports = [program.environment["SIGHTLINE_PORT"] for program in wanted.programs]
    assert len(set(ports)) == 7
    assert "8790" not in ports
    for query in wanted.programs[-2:]:
        assert query.environment["SIGHTLINE_SHARED_PORT"] == "8790"
        assert query.environment["SIGHTLINE_GRPC_PORT"] == "5"
        assert query.environment["SIGHTLINE_METRICS_URL"] == ",".join(wanted.urls["metrics"])
        assert query.environment["SIGHTLINE_INGEST_URL"] == ",".join(wanted.urls["ingest"])
        assert query.environment["SIGHTLINE_QUERY_URL"] == ",".join(wanted.urls["query"])
    assert "SIGHTLINE_SHARED_PORT" not in wanted.programs[0].environment


@pytest.mark.parametrize(
    ("brokers", "factor", "environ", "expected"),
    [
        ("127.0.0.1:9092", None, {}, ("1", "1")),
        ("localhost:9092,[::1]:9093", None, {}, ("1", "1")),
        ("127.0.0.1:9092", 3, {}, ("3", "2")),
        ("127.0.0.1:9092", None, {"REPLICATION_FACTOR": "3"}, ("3", None)),
        ("127.0.0.1:9092", None, {"MIN_INSYNC_REPLICAS": "1"}, ("1", "1")),
        ("kafka:9092", None, {}, (None, None)),
        ("127.0.0.1:9092,kafka:9092", None, {}, (None, None)),
        ("kafka:9092", 1, {"REPLICATION_FACTOR": "3"}, ("1", "1")),
    ],
)
def test_one_machine_is_one_failure_domain(
    brokers: str, factor: int | None, environ: dict[str, str], expected: tuple[str | None, str | None], tmp_path: Path
) -> None:
    options = Options(tmp_path, kafka=brokers, kafka_replication_factor=factor)
    told = kafka_environment(options, {f"SIGHTLINE_KAFKA_{name}": value for name, value in environ.items()})
    assert told["SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS"] == brokers
    found = tuple(told.get(f"SIGHTLINE_KAFKA_{name}") for name in ("REPLICATION_FACTOR", "MIN_INSYNC_REPLICAS"))
    assert found == expected


def test_what_the_environment_says_of_kafka_is_passed_on_with_files_by_their_whole_path(tmp_path: Path) -> None:
    environ = {
        "SIGHTLINE_KAFKA_SECURITY_PROTOCOL": "SSL",
        "SIGHTLINE_KAFKA_CA_FILE": "ca.pem",
        "SIGHTLINE_KAFKA_TOPIC_PREFIX": "environment-",
        "SIGHTLINE_LOG_PATH": "elsewhere",
    }
    told = kafka_environment(Options(tmp_path, kafka="k:1", kafka_topic_prefix="option-"), environ)
    assert told["SIGHTLINE_KAFKA_SECURITY_PROTOCOL"] == "SSL"
    assert told["SIGHTLINE_KAFKA_CA_FILE"] == str(Path.cwd() / "ca.pem")
    assert told["SIGHTLINE_KAFKA_TOPIC_PREFIX"] == "option-"
    assert "SIGHTLINE_LOG_PATH" not in told
    assert kafka_environment(Options(tmp_path), environ) == {}
