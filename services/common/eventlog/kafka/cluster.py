"""Which Kafka cluster, and how to get in."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from services.common.eventlog.port import LogError


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """A cluster, and what Sightline may expect of it."""

    bootstrap_servers: str
    """`HOST:PORT`, several with commas between."""
    topic_prefix: str = ""
    """Stands before the name of every topic and group, so that several Sightlines may share a cluster."""
    replication_factor: int = 3
    min_insync_replicas: int = 2
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def password(self) -> str:
        """The password in its file; none where there is no file."""
        if self.sasl_password_file is None:
            return ""
        try:
            return self.sasl_password_file.read_text().rstrip("\r\n")
        except OSError as error:
            raise LogError(
                f"Kafka's password can't be read ({error}): mend SIGHTLINE_KAFKA_SASL_PASSWORD_FILE."
            ) from error

    def ssl_context(self) -> ssl.SSLContext | None:
        """What TLS connections trust and show; None where the protocol has no TLS."""
        if not self.security_protocol.endswith("SSL"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except OSError as error:  # an SSLError is one
            raise LogError(
                f"Kafka's certificates can't be used ({error}): mend "
                "SIGHTLINE_KAFKA_CA_FILE, SIGHTLINE_KAFKA_CERT_FILE or SIGHTLINE_KAFKA_KEY_FILE."
            ) from error
        return context

    def why_not(self, error: Exception) -> str:
        """What it means that a connection failed in this way, and what to look at."""
        cause = error.__cause__ or error
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate isn't trusted ({cause.verify_message}): look at SIGHTLINE_KAFKA_CA_FILE"
        if isinstance(cause, ssl.SSLError):
            return (
                f"TLS fails ({cause.reason}): look at SIGHTLINE_KAFKA_CERT_FILE, SIGHTLINE_KAFKA_KEY_FILE "
                "and SIGHTLINE_KAFKA_SECURITY_PROTOCOL"
            )
        if isinstance(cause, EOFError | ConnectionResetError):
            protocol = self.security_protocol
            return f"it hangs up: look whether it speaks {protocol} at this port (SIGHTLINE_KAFKA_SECURITY_PROTOCOL)"
        return str(error) or type(error).__name__
