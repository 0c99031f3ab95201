"""Groups of the embedded log: membership as rows of the file.

Each change (a join, a leave, an expulsion) makes a new *generation*. Who sees a new one lets go of what it has and
writes down that it is ready; when all members are, each works out the same shares from the same rows.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from services.common.eventlog.sqlite import processes
from services.common.eventlog.sqlite.file import Connection
from services.common.runloop.clock import unix_ms


@dataclass(frozen=True, slots=True)
class Member:
    """A row of `members`."""

    id: int
    place: str
    pid: int
    started: str
    port: int
    heartbeat_unix_ms: int
    ready_generation: int

    def gone(self, session_ms: float) -> bool:
        """Whether it can be expelled: its process is dead, or it has said nothing for too long."""
        if unix_ms() - self.heartbeat_unix_ms > session_ms:
            return True
        return self.place == processes.here() and processes.started(self.pid) != self.started


@dataclass(frozen=True, slots=True)
class Group:
    """What the file says of a group."""

    generation: int
    members: tuple[Member, ...]

    def member(self, member_id: int) -> Member | None:
        """A member, unless it has left or was expelled."""
        return next((member for member in self.members if member.id == member_id), None)

    @property
    def settled(self) -> bool:
        """Whether every member has let go of what it had before this generation."""
        return all(member.ready_generation == self.generation for member in self.members)

    def share(self, member_id: int, partitions: int) -> frozenset[int]:
        """The partitions of a member: neighbouring ones, in order of joining; the first members get one more."""
        place = [member.id for member in self.members].index(member_id)
        each, odd = divmod(partitions, len(self.members))
        start = place * each + min(place, odd)
        return frozenset(range(start, start + each + (place < odd)))


def look_at(connection: Connection, name: str) -> Group:
    """A group as it stands, in one statement and so in one state."""
    sql = """
        SELECT generation, id, place, pid, started, port, heartbeat_unix_ms, ready_generation
        FROM groups JOIN members ON group_name = name WHERE name = ? ORDER BY id
    """
    rows = connection.execute(sql, (name,)).fetchall()
    return Group(rows[0][0] if rows else 0, tuple(Member(*row[1:]) for row in rows))


def join(connection: Connection, name: str, topics: Sequence[str], port: int) -> int:
    """Become a member; the id."""
    pid = os.getpid()
    row = (name, processes.here(), pid, processes.started(pid) or "", port, unix_ms())
    sql = """
        INSERT INTO members (group_name, place, pid, started, port, heartbeat_unix_ms, ready_generation)
        VALUES (?, ?, ?, ?, ?, ?, 0)
    """
    member_id = connection.execute(sql, row).lastrowid
    assert member_id is not None
    connection.executemany("INSERT INTO subscriptions VALUES (?, ?)", [(topic, member_id) for topic in topics])
    _new_generation(connection, name)
    return member_id


def leave(connection: Connection, name: str, port: int) -> None:
    """Take oneself out, known by the port that one listens at: so also if the answer to `join` was never heard."""
    sql = "DELETE FROM members WHERE group_name = ? AND port = ? AND pid = ?"
    if connection.execute(sql, (name, port, os.getpid())).rowcount:
        _new_generation(connection, name)


def expel(connection: Connection, name: str, session_ms: float, *, besides: int) -> Sequence[int]:
    """Take out whoever is gone, but not oneself; their ids."""
    members = look_at(connection, name).members
    gone = [member.id for member in members if member.id != besides and member.gone(session_ms)]
    connection.executemany("DELETE FROM members WHERE id = ?", [(member_id,) for member_id in gone])
    if gone:
        _new_generation(connection, name)
    return gone


def beat(connection: Connection, member_id: int) -> None:
    """Say that a member lives."""
    connection.execute("UPDATE members SET heartbeat_unix_ms = ? WHERE id = ?", (unix_ms(), member_id))


def ready(connection: Connection, member_id: int, generation: int) -> None:
    """Say that a member has let go of all that it had before a generation."""
    sql = "UPDATE members SET ready_generation = ?, heartbeat_unix_ms = ? WHERE id = ?"
    connection.execute(sql, (generation, unix_ms(), member_id))


def ports(connection: Connection, name: str) -> list[int]:
    """Where the members of a group listen."""
    return [port for (port,) in connection.execute("SELECT port FROM members WHERE group_name = ?", (name,)).fetchall()]


def commit(connection: Connection, name: str, offsets: Sequence[tuple[str, int, int]]) -> None:
    """Note the next offset of topics and partitions."""
    connection.executemany(
        "INSERT OR REPLACE INTO committed VALUES (?, ?, ?, ?)", [(name, *place) for place in offsets]
    )


def _new_generation(connection: Connection, name: str) -> None:
    sql = "INSERT INTO groups VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET generation = generation + 1"
    connection.execute(sql, (name,))
