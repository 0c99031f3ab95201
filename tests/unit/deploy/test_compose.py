"""What docker-compose.yml promises, read from it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from services.common.runtime.settings import Settings

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVICES = ("ingest", "metrics", "query")
OURS = ("replica-set", *SERVICES)
SETTINGS = {f"SIGHTLINE_{name.upper()}" for name in Settings.model_fields}
SECRET = re.compile(r"password|secret|token|api_?key|credential|private_?key", re.IGNORECASE)


def environment(name: str) -> dict[str, str]:
    return CONTAINERS[name].get("environment", {})


def settings(name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What a service makes of its environment."""
    for setting in SETTINGS:
        monkeypatch.delenv(setting, raising=False)
    for variable, value in (image_environment() | environment(name)).items():
        monkeypatch.setenv(variable, value)
    return Settings()


def image_environment() -> dict[str, str]:
    return dict(re.findall(r"(SIGHTLINE_\w+)=(\S+)", (ROOT / "deploy" / "Dockerfile").read_text()))


def test_these_run() -> None:
    assert set(CONTAINERS) == {"kafka", "mongo", "replica-set", "ingest", "metrics", "query"}


def test_only_query_is_published_and_only_on_loopback() -> None:
    published = {name: container["ports"] for name, container in CONTAINERS.items() if "ports" in container}

    assert set(published) == {"query"}
    assert all(port.startswith("127.0.0.1:") for port in published["query"])
    assert all("network_mode" not in container for container in CONTAINERS.values())


def test_what_holds_data_is_on_a_network_of_its_own() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert {name for name in CONTAINERS if CONTAINERS[name]["networks"] != ["inside"]} == {"query"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_secret_is_written_down(name: str) -> None:
    for variable, value in environment(name).items():
        assert not SECRET.search(variable), variable
        assert not re.search(r"://[^/\s]*@", value), f"{variable} holds credentials"


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    container = CONTAINERS[name]

    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert not container.get("privileged")
    assert "cap_add" not in container
    assert not any("docker.sock" in volume for volume in container.get("volumes", []))


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_read_only_and_not_root(name: str) -> None:
    container = CONTAINERS[name]

    assert container["read_only"] is True
    assert int(container["user"].split(":")[0]) > 0
    assert container["image"] == CONTAINERS["query"]["image"]
    assert container["build"] == {"context": ".", "dockerfile": "deploy/Dockerfile"}


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str) -> None:
    assert set(environment(name)) <= SETTINGS


@pytest.mark.parametrize("name", OURS)
def test_its_command_is_a_module_that_exists(name: str) -> None:
    python, dash_m, module, *_ = CONTAINERS[name]["command"]

    assert (python, dash_m) == ("python", "-m")
    assert importlib.util.find_spec(module)


@pytest.mark.parametrize("name", SERVICES)
def test_its_settings_are_taken_by_the_service(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = settings(name, monkeypatch)

    assert told.kafka is not None
    assert (told.kafka.replication_factor, told.kafka.min_insync_replicas) == (1, 1)
    assert told.unauthenticated_network
    assert told.hosts == set(SERVICES)
    assert told.port == 8000


def test_query_finds_the_others_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    told = settings("query", monkeypatch)

    assert (told.ingest_url, told.metrics_url, told.query_url) == (
        "http://ingest:8000",
        "http://metrics:8000",
        "http://query:8000",
    )
    assert [port.split(":")[2] for port in CONTAINERS["query"]["ports"]] == [str(told.port), str(told.grpc_port)]


def test_memory_for_columns_leaves_room_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("metrics", "query"):
        limit = CONTAINERS[name]["deploy"]["resources"]["limits"]["memory"]
        assert limit == "2g"
        assert settings(name, monkeypatch).columns_max_bytes <= 1 << 30


def test_processes_can_be_added() -> None:
    for name in ("ingest", "metrics"):
        assert "container_name" not in CONTAINERS[name]
        assert "hostname" not in CONTAINERS[name]
        assert "ports" not in CONTAINERS[name]


def test_the_order_of_starting() -> None:
    def waits(name: str) -> dict[str, str]:
        return {other: how["condition"] for other, how in CONTAINERS[name]["depends_on"].items()}

    foundation = {"kafka": "service_healthy", "replica-set": "service_completed_successfully"}
    assert waits("replica-set") == {"mongo": "service_healthy"}
    assert waits("ingest") == waits("metrics") == foundation
    assert waits("query") == foundation | {"ingest": "service_healthy", "metrics": "service_healthy"}


def test_health_is_asked() -> None:
    image = (ROOT / "deploy" / "Dockerfile").read_text()

    assert re.search(r"^HEALTHCHECK .*\\\n\s+CMD .*healthcheck\.py", image, re.MULTILINE)
    assert all("test" in CONTAINERS[name]["healthcheck"] for name in ("kafka", "mongo"))
    assert not any("healthcheck" in CONTAINERS[name] for name in SERVICES), "the image's own is not for all"


def test_what_must_last_is_in_named_volumes() -> None:
    mounted = {name: container.get("volumes", []) for name, container in CONTAINERS.items()}

    assert {volume.split(":")[0] for volumes in mounted.values() for volume in volumes} == set(COMPOSE["volumes"])
    assert mounted["kafka"] == [f"kafka-data:{environment('kafka')['KAFKA_LOG_DIRS']}"]
    assert "mongo-data:/data/db" in mounted["mongo"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_it_comes_back_and_its_logs_are_bounded(name: str) -> None:
    container = CONTAINERS[name]

    assert container["restart"] == ("on-failure:5" if name == "replica-set" else "unless-stopped")
    assert set(container["logging"]["options"]) == {"max-size", "max-file"}


@pytest.mark.parametrize("name", ["kafka", "mongo"])
def test_images_of_others_are_pinned(name: str) -> None:
    assert re.fullmatch(r"(apache/kafka:4\.\d+\.\d+|mongo:8\.\d+)", CONTAINERS[name]["image"])
