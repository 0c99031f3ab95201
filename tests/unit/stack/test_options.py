"""What `up` can be told."""

from pathlib import Path
from typing import Any

import pytest

from sightline.stack.options import Options, Refused


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "example.org"])
def test_only_loopback(host: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="authentication"):
        Options(tmp_path, host=host).check()


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80")])
def test_loopback_addresses(host: str, url: str, tmp_path: Path) -> None:
    options = Options(tmp_path, host=host, port=80)
    options.check()
    assert options.url == url


@pytest.mark.parametrize("options", [{"kafka_topic_prefix": "a-"}, {"kafka_replication_factor": 3}])
def test_options_of_kafka_need_kafka(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Refused, match="--kafka"):
        Options(tmp_path, **options).check()
    Options(tmp_path, kafka="127.0.0.1:9092", **options).check()
