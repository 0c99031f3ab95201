"""Brokers that speak TLS and ask who we are: the settings that let us in, and what is said when they are wrong."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typing_extensions import override

from services.common.eventlog.opening import LogAway, open_log
from services.common.eventlog.port import EventLog, Message
from services.common.eventlog.topics import CATALOG
from services.common.runtime.settings import Settings
from tests.kafka.fixtures import do_without
from tests.kafka.jars import KafkaUnavailable
from tests.kafka.server import KafkaServer, free_ports

PROTOCOLS = ("SASL_PLAINTEXT", "SSL", "SASL_SSL")
NAME, PASSWORD = "sightline", "it's a secret"
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


class SecuredKafka(KafkaServer):
    """A broker with a port for each protocol. TLS without a password asks for the client's certificate."""

    def __init__(self, directory: Path) -> None:
        self.ports: dict[str, int] = dict(zip(PROTOCOLS, free_ports(3), strict=True))
        self.certificates = {name: directory / f"{name}.crt" for name in ("broker", "client", "stranger")}
        self.keys = {name: directory / f"{name}.key" for name in self.certificates}
        for name in self.certificates:
            make_certificate(self.certificates[name], self.keys[name])
        self._store = directory / "broker.pem"
        self._store.write_text(self.keys["broker"].read_text() + self.certificates["broker"].read_text())
        super().__init__(directory / "kafka", heap_mb=256)
        self.ports["PLAINTEXT"] = self.port

    @property
    @override
    def properties(self) -> Mapping[str, str]:
        plain = super().properties
        secured = ",".join(f"{protocol}://127.0.0.1:{self.ports[protocol]}" for protocol in PROTOCOLS)
        mapping = ",".join(f"{protocol}:{protocol}" for protocol in PROTOCOLS)
        login = f'{LOGIN} user_{NAME}="{PASSWORD}";'
        return {
            **plain,
            "listeners": f"{plain['listeners']},{secured}",
            "advertised.listeners": f"{plain['advertised.listeners']},{secured}",
            "listener.security.protocol.map": f"{plain['listener.security.protocol.map']},{mapping}",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": login,
            "listener.name.sasl_ssl.plain.sasl.jaas.config": login,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._store),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificates["client"]),
            "listener.name.ssl.ssl.client.auth": "required",
        }


def make_certificate(certificate: Path, key: Path) -> None:
    """One that is signed by itself."""
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test")
    subprocess.run(
        (*command, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate),
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no `openssl` to make certificates with")
    try:
        server = SecuredKafka(tmp_path_factory.mktemp("secured"))
    except KafkaUnavailable as error:
        do_without(error)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def settings(secured: SecuredKafka, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """Those that all protocols share."""
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return {
        "REPLICATION_FACTOR": "1",
        "MIN_INSYNC_REPLICAS": "1",
        "SASL_MECHANISM": "PLAIN",
        "SASL_USERNAME": NAME,
        "SASL_PASSWORD_FILE": str(tmp_path / "password"),
        "CA_FILE": str(secured.certificates["broker"]),
        "CERT_FILE": str(secured.certificates["client"]),
        "KEY_FILE": str(secured.keys["client"]),
    }


async def opened(protocol: str, port: int, settings: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> EventLog:
    """The log, as a service with this environment opens it."""
    for name, value in settings.items():
        monkeypatch.setenv(f"SIGHTLINE_KAFKA_{name}", value)
    monkeypatch.setenv("SIGHTLINE_KAFKA_SECURITY_PROTOCOL", protocol)
    monkeypatch.setenv("SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{port}")
    return await open_log(Settings())


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_the_settings_let_us_in(
    protocol: str, secured: SecuredKafka, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await opened(protocol, secured.ports[protocol], settings, monkeypatch)
    try:
        (position,) = await log.append([Message(CATALOG, b"key", protocol.encode())])
        (record,) = await log.read(CATALOG, 0, position.offset)
        assert record.value == protocol.encode()
        assert await log.committed("nobody") == {}
    finally:
        await log.close()


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_a_wrong_password(
    protocol: str, secured: SecuredKafka, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(settings["SASL_PASSWORD_FILE"]).write_text("another")
    with pytest.raises(LogAway, match="SIGHTLINE_KAFKA_SASL_PASSWORD_FILE"):
        await opened(protocol, secured.ports[protocol], settings, monkeypatch)


@pytest.mark.parametrize("setting", ["CA_FILE", "CERT_FILE"])
async def test_certificates_that_nobody_trusts(
    setting: str, secured: SecuredKafka, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings[setting] = str(secured.certificates["stranger"])
    settings["KEY_FILE"] = str(secured.keys["stranger" if setting == "CERT_FILE" else "client"])
    with pytest.raises(LogAway, match=f"SIGHTLINE_KAFKA_{setting}"):
        await opened("SSL", secured.ports["SSL"], settings, monkeypatch)


@pytest.mark.parametrize(
    ("spoken", "wanted"),
    [("PLAINTEXT", "SSL"), ("PLAINTEXT", "SASL_PLAINTEXT"), ("SSL", "SASL_PLAINTEXT"), ("SASL_PLAINTEXT", "PLAINTEXT")],
)
async def test_another_protocol_than_the_brokers(
    spoken: str, wanted: str, secured: SecuredKafka, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LogAway, match="SIGHTLINE_KAFKA_SECURITY_PROTOCOL"):
        await opened(spoken, secured.ports[wanted], settings, monkeypatch)
