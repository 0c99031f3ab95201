"""What a stack on Kafka stands on is killed with -9 in the middle of an import: MongoDB, then the broker."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.data import Files
from tests.e2e.gate import Gate
from tests.e2e.middle import MOST, PREDICTIONS, files_in_parts, hold_the_middle, send_again
from tests.e2e.stack import Stack, alive, kill, wait_until
from tests.kafka.server import KafkaServer


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_in_parts(tmp_path_factory.mktemp("outages"))


def kill_mongod(stack: Stack) -> None:
    (pid,) = stack.descendants("mongod")
    kill(pid)
    wait_until(lambda: not alive(pid), 60)


def test_mongodb_and_the_broker_are_killed_in_the_middle_of_an_import(
    start_kafka: Callable[[], KafkaServer], files: Files, tmp_path: Path
) -> None:
    """The import goes through, or says to send the files again; either way all is there in the end, and once."""
    kafka = start_kafka()
    with Stack(tmp_path / "data", "--kafka", kafka.bootstrap) as stack:
        for name, kill_it in (("mongod", lambda: kill_mongod(stack)), ("broker", kafka.kill)):
            with Gate(stack, PREDICTIONS, MOST) as gate:
                sending = stack.begin(*files.arguments(name), "--wait", via=gate.url)
                hold_the_middle(stack, gate)
                kill_it()
                gate.open()
                if name == "broker":
                    kafka.start()
                _, said = sending.communicate(timeout=180)
            assert sending.returncode == 0 or "send the files again" in said, said
            wait_until(stack.is_ready, 120)
            send_again(stack, files, name)
