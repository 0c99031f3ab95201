"""The suite on the embedded log, and what it alone promises."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.common.eventlog.port import EventLog, LogError, Message
from services.common.eventlog.sqlite import consumer as sqlite_consumer
from services.common.eventlog.sqlite.log import SqliteLog
from tests.contract.eventlog.opening import make_topics
from tests.contract.eventlog.suite import LogContract, Member, Names, OpenLog, Process, until


class TestSqliteLog(LogContract):
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "deep" / "log.sqlite"

    @pytest.fixture
    def spec(self, path: Path) -> str:
        return f"sqlite:{path}:1.5"

    async def test_many_open_a_new_log_at_once(self, open_log: OpenLog) -> None:
        logs = await asyncio.gather(*(open_log() for _ in range(12)))
        assert len({log.log_id for log in logs}) == 1

    async def test_who_is_killed_is_followed_before_its_session_is_over(
        self, tmp_path: Path, names: Names, spawn: Callable[..., Awaitable[Process]], spec: str
    ) -> None:
        victim = await spawn("consume", "group")
        await victim.says("assigned 0 1 2 3")
        log = SqliteLog(spec.split(":")[1], session_timeout=3600)
        await log.open(make_topics(names.line))
        member = await Member(log, (names.rows,), {}).start()
        await until(lambda: len(member.owned) == 2)
        await victim.kill()
        await until(lambda: len(member.owned) == 4)
        await member.close()
        await log.close()

    async def test_who_leaves_or_appends_is_heard_without_looking(
        self, path: Path, names: Names, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody looks by himself within the hour: what is heard is the bell."""
        monkeypatch.setattr(sqlite_consumer, "LOOK_SECONDS", 3600)
        logs = [SqliteLog(path, session_timeout=4 * 3600) for _ in range(2)]
        for log in logs:
            await log.open(make_topics(names.line))
        first, second = [await Member(log, (names.rows,), {}).start() for log in logs]
        await until(lambda: len(first.owned) == len(second.owned) == 2)
        await second.close()
        await until(lambda: len(first.owned) == 4)
        for i in range(21):
            waiting = asyncio.create_task(first.poll(timeout=3600))
            await asyncio.sleep(0.01)
            await logs[1].append([Message(names.rows, b"", b"", i % 4)])
            assert len(await asyncio.wait_for(waiting, 60)) == 1
        await first.close()
        for log in logs:
            await log.close()

    async def test_a_zombie_is_expelled_and_joins_again(
        self, open_log: OpenLog, join: Callable[..., Awaitable[Member]], spawn: Callable[..., Awaitable[Process]]
    ) -> None:
        zombie = await spawn("consume", "group")
        await zombie.says("assigned 0 1 2 3")
        member = await join(await open_log())
        await until(lambda: len(member.owned) == 2)
        # Not between giving up all and getting half of it: then it would have nothing to lose.
        await until(lambda: [line.split()[0] for line in zombie.said] == ["assigned", "revoked", "assigned"])
        await zombie.kill(signal.SIGSTOP)
        await until(lambda: len(member.owned) == 4)
        before = len(zombie.said)
        await zombie.kill(signal.SIGCONT)
        await until(lambda: any(line.startswith("revoked") for line in zombie.said[before:]))
        await until(lambda: len(member.owned) == 2)
        await until(lambda: zombie.said[-1].startswith("assigned"))

    async def test_a_reused_process_id_is_not_the_member_that_had_it(
        self, path: Path, open_log: OpenLog, join: Callable[..., Awaitable[Member]]
    ) -> None:
        first = await join(await open_log())
        await until(lambda: len(first.owned) == 4)
        ghost = (
            "INSERT INTO members (group_name, place, pid, started, port, heartbeat_unix_ms, ready_generation) "
            "SELECT group_name, place, pid, 'another time', 9, heartbeat_unix_ms + 3600000, 0 FROM members"
        )
        with sqlite3.connect(path) as connection:
            connection.execute(ghost)
            connection.execute("UPDATE groups SET generation = generation + 1")
        second = await join(await open_log())
        await until(lambda: len(first.owned) == len(second.owned) == 2)

    async def test_a_member_with_a_long_drain_lives(
        self, open_log: OpenLog, join: Callable[..., Awaitable[Member]]
    ) -> None:
        """A drain longer than a session is no reason to be expelled: nobody gets the partitions before."""
        first = await join(await open_log())
        await until(lambda: len(first.owned) == 4)
        first.in_hand = [object()]  # pyright: ignore[reportAttributeAccessIssue]
        second = await join(await open_log())
        await asyncio.sleep(2.5)
        assert not second.owned
        assert first.history == [("assigned", frozenset(range(4)))]
        first.in_hand = ()
        await until(lambda: len(first.owned) == len(second.owned) == 2)

    async def test_idle_members_hold_no_transaction(
        self, path: Path, log: EventLog, names: Names, join: Callable[..., Awaitable[Member]]
    ) -> None:
        """Otherwise the write-ahead log could never be taken in, and would grow without end."""
        member = await join(log)
        await log.append([Message(names.rows, b"", b"." * 10_000, n % 4) for n in range(400)])
        await member.poll_until(100)
        with sqlite3.connect(path) as connection:
            busy, pages, taken_in = connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        assert busy == 0
        assert pages == taken_in

    async def test_the_write_ahead_log_stays_small_under_a_stream(
        self, path: Path, log: EventLog, names: Names, join: Callable[..., Awaitable[Member]]
    ) -> None:
        member = await join(log)
        member.work(batch=100)
        for _ in range(60):
            await log.append([Message(names.rows, b"", b"." * 20_000, n % 4) for n in range(50)])
        assert path.with_name("log.sqlite-wal").stat().st_size < 40 << 20
        await until(lambda: len(member.seen) == 3000)

    async def test_a_file_that_is_no_log_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "other"
        path.write_bytes(b"no database" * 1000)
        with pytest.raises(LogError, match="can't be used"):
            await SqliteLog(path).open(())

    async def test_a_place_that_can_t_be_written_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(LogError, match="can't be opened"):
            await SqliteLog(tmp_path / "file" / "log").open(())

    async def test_a_newer_format_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "log"
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        with pytest.raises(LogError, match="upgrade Sightline"):
            await SqliteLog(path).open(())

    async def test_a_closed_log_says_so(self, tmp_path: Path, names: Names) -> None:
        log = SqliteLog(tmp_path / "log")
        with pytest.raises(LogError, match="not open"):
            await log.committed("group")
        await log.open(make_topics(names.line))
        await log.close()
        with pytest.raises(LogError, match="not open"):
            await log.append([Message(names.rows, b"", b"")])
