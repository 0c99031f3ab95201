"""`sightline log copy`, from one embedded log to another."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sqlite3
from pathlib import Path

import psutil
import pytest

from services.common.eventlog.port import Message
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import CATALOG, DATA_ROWS, PREDICTIONS, topics
from sightline.stack.claim import claim
from tests.e2e.stack import alive
from tests.integration.ops.commands import begin, copied, copy, line
from tests.integration.ops.logs import contents, embedded, fill

COUNT = 100_000
"""So many that a copy takes a moment."""


async def append(path: Path, *made: Message) -> None:
    log = embedded(path)
    await log.open(topics())
    await log.append(made)
    await log.close()


async def log_id(path: Path) -> str:
    log = embedded(path)
    await log.open(topics(), create=False)
    await log.close()
    return log.log_id


async def test_a_copy_has_every_record_where_it_was(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    original = await fill(embedded(source), 5000)
    done = copied(source, target)
    assert await contents(embedded(target)) == original
    assert done["records"] == done["copied"] == 5000
    assert {(p["topic"], p["partition"]): p["records"] for p in done["partitions"]} == {
        place: len(records) for place, records in original.items()
    }
    assert done["next"] == f"sightline up --data-dir {target} --mongo-database NEW_NAME"


async def test_a_copy_is_a_log_of_its_own(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    await fill(embedded(source), 10)
    done = copied(source, target)
    ids = [await log_id(path) for path in (source, target)]
    assert [done["source"]["log_id"], done["target"]["log_id"]] == ids
    assert ids[0] != ids[1]


async def test_partitions_are_as_many_as_the_source_has(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    original = await fill(embedded(source), 3000, row_partitions=37)
    done = copied(source, target)
    assert await contents(embedded(target), row_partitions=37) == original
    assert done["next"].startswith("SIGHTLINE_ROW_PARTITIONS=37 sightline up ")


async def test_an_empty_log_is_copied(tmp_path: Path) -> None:
    await fill(embedded(tmp_path / "source"), 0)
    assert copied(tmp_path / "source", tmp_path / "target")["records"] == 0


async def test_a_file_may_be_named(tmp_path: Path) -> None:
    original = await fill(embedded(tmp_path), 10)
    copied(tmp_path / "log.sqlite", tmp_path / "other.sqlite")
    assert await contents(SqliteLog(tmp_path / "other.sqlite")) == original


async def test_what_came_after_is_added_by_the_same_command(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    await fill(embedded(source), 500)
    copied(source, target)
    original = await fill(embedded(source), 300, seed=2)
    done = copied(source, target)
    assert (done["records"], done["copied"]) == (800, 300)
    assert await contents(embedded(target)) == original
    again = copied(source, target)
    assert (again["records"], again["copied"]) == (800, 0)
    assert again["partitions"] == [{**partition, "copied": 0} for partition in done["partitions"]]


async def test_it_goes_on_after_kill_9_at_any_moment(tmp_path: Path) -> None:
    source, target, said = tmp_path / "source", tmp_path / "target", tmp_path / "said"
    original = await fill(embedded(source), COUNT)
    chance = random.Random(7)
    left: list[int] = []
    for least in (1, *sorted(chance.randrange(COUNT) for _ in range(3)), COUNT):
        process = begin(source, target, said)
        while process.poll() is None and arrived(target) < least:
            await asyncio.sleep(0.002)
        mine = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.kill()
        process.wait()
        while any(map(alive, mine)):
            await asyncio.sleep(0.01)
        left.append(arrived(target))
    assert 0 < left[0] < COUNT, "killed in the middle"
    assert left == sorted(left)
    copied(source, target)
    assert await contents(embedded(target)) == original


def arrived(target: Path) -> int:
    """Records in a log that another process may just be making."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{target}/log.sqlite?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT sum(next_offset) FROM partitions").fetchone()[0] or 0
    except sqlite3.Error:
        return 0


async def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    source, target, said = tmp_path / "source", tmp_path / "target", tmp_path / "said"
    original = await fill(embedded(source), 60_000)
    process = begin(source, target, said)
    while not (target / "log.sqlite-wal").exists():
        await asyncio.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    command = " ".join(line(source, target)[2:])
    assert f"to go on: {command}" in said.read_text()
    copied(source, target)
    assert await contents(embedded(target)) == original


# ---- refused, and nothing written


async def refused(source: Path, target: Path, *options: str) -> str:
    done = await asyncio.to_thread(copy, source, target, *options)
    said = json.loads(done.stdout)["error"]
    assert (done.returncode, said["exit_code"]) == (2, 2), done.stderr
    assert " ".join(said["message"].split()) in " ".join(done.stderr.split())
    return done.stderr


async def test_no_source(tmp_path: Path) -> None:
    assert f"no log at {tmp_path / 'nothing'}" in await refused(tmp_path / "nothing", tmp_path / "target")
    (tmp_path / "file.sqlite").write_text("no database at all, but text that is long enough to be one" * 100)
    done = copy(tmp_path / "file.sqlite", tmp_path / "target")
    assert done.returncode == 1
    assert "is no log" in done.stderr
    assert not (tmp_path / "nothing").exists()
    assert not (tmp_path / "target").exists()


async def test_a_log_is_no_copy_of_itself(tmp_path: Path) -> None:
    await fill(embedded(tmp_path), 1)
    assert "same log" in await refused(tmp_path, tmp_path / "log.sqlite")


async def test_a_target_with_other_partitions(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    await fill(embedded(source), 10)
    there = await fill(embedded(target), 0, row_partitions=5)
    assert "data-rows has 5 and should have 8" in await refused(source, target)
    assert await contents(embedded(target), row_partitions=5) == there


@pytest.mark.parametrize(
    "other",
    [
        Message(CATALOG, b"key", b"another value", 0, (), 1),
        Message(CATALOG, b"another key", b"value", 0, (), 1),
        Message(CATALOG, b"key", b"value", 0, (("name", b""),), 1),
        Message(CATALOG, b"key", b"value", 0, (), 2),
    ],
    ids=["value", "key", "headers", "time"],
)
async def test_a_target_with_another_record(tmp_path: Path, other: Message) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    await append(source, *[Message(CATALOG, b"key", b"value", 0, (), 1)] * 3)
    await append(target, Message(CATALOG, b"key", b"value", 0, (), 1), other)
    there = await contents(embedded(target))
    assert "another record at offset 1" in await refused(source, target)
    assert await contents(embedded(target)) == there


async def test_a_target_with_more_than_the_source(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    await append(source, Message(DATA_ROWS, b"", b"", 3))
    await append(target, *[Message(PREDICTIONS, b"", b"", 2)] * 2)
    there = await contents(embedded(target))
    assert "2 records in predictions/2, and the source 0" in await refused(source, target)
    assert await contents(embedded(target)) == there


async def test_a_source_that_lost_its_beginning(tmp_path: Path) -> None:
    await fill(embedded(tmp_path / "source"), 100)
    with sqlite3.connect(tmp_path / "source" / "log.sqlite") as connection:
        connection.execute("UPDATE partitions SET first_offset = 1 WHERE topic = ?", (CATALOG,))
    connection.close()
    assert "begins at 1" in await refused(tmp_path / "source", tmp_path / "target")


async def test_a_data_directory_in_use(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    original = await fill(embedded(source), 100)
    with claim(source, "http://127.0.0.1:8790"):
        assert "http://127.0.0.1:8790" in await refused(source, target)
        assert not (target / "log.sqlite").exists()
        await asyncio.to_thread(copied, source, target, "--force")
    assert await contents(embedded(target)) == original
    with claim(target, "http://127.0.0.1:8791"):
        assert "http://127.0.0.1:8791" in await refused(source, target, "--force")


async def test_a_log_that_a_service_reads(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    await fill(embedded(source), 100)
    log = embedded(source)
    await log.open(topics())
    consumer = log.consumer("metrics-rows", [PREDICTIONS])

    async def ignore(_partitions: frozenset[int]) -> None: ...

    await consumer.start(assigned=ignore, revoked=ignore)
    try:
        assert "metrics-rows" in await refused(source, target)
        assert not (target / "log.sqlite").exists()
        assert (await asyncio.to_thread(copied, source, target, "--force"))["records"] == 100
    finally:
        await consumer.close()
        await log.close()
    assert (await asyncio.to_thread(copied, source, target))["copied"] == 0


@pytest.mark.parametrize("word", ["kafka://", "kafka://host", "kafka://host:1:2", "kafka://host:1/a/b", "kafka://h:1,"])
def test_words_that_name_no_cluster(tmp_path: Path, word: str) -> None:
    done = copy(tmp_path, word)
    assert done.returncode == 2
    assert "HOST:PORT" in done.stderr
