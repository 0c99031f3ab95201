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
