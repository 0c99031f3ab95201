"""Which log the settings name."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.common.eventlog.kafka.log import KafkaLog
from services.common.eventlog.opening import LogAway, log_of, open_log
from services.common.eventlog.port import LogError
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.runtime.settings import Settings


def test_brokers_make_it_kafka() -> None:
    assert isinstance(log_of(Settings()), SqliteLog)
    assert isinstance(log_of(Settings(kafka_bootstrap_servers="127.0.0.1:1")), KafkaLog)


def test_the_embedded_log_loads_no_driver_of_kafkas(tmp_path: Path) -> None:
    program = (
        "import sys; from services.common.eventlog.opening import log_of;"
        "from services.common.runtime.settings import Settings; log_of(Settings());"
        "sys.exit('aiokafka' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


async def test_a_file_that_is_no_log_stays_so(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(LogError) as refused:
        await open_log(Settings(log_path=tmp_path / "log.sqlite"))
    assert not isinstance(refused.value, LogAway)


async def test_brokers_that_are_away_may_come() -> None:
    with pytest.raises(LogAway, match=r"127\.0\.0\.1:1"):
        await open_log(Settings(kafka_bootstrap_servers="127.0.0.1:1"))
