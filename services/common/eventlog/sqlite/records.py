"""Topics and records in the file of the embedded log: what runs inside its threads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from services.common.eventlog.port import Record, TopicMismatch
from services.common.eventlog.sqlite.file import OFFSET_BITS, Connection
from services.common.eventlog.topics import Topic

Headers = tuple[tuple[str, bytes], ...]

Span = tuple[int, int]
"""A partition's id, and the offset to begin at."""

NewRow = tuple[int, bytes, bytes | None, bytes]
"""Time, key, packed headers and value."""

Row = tuple[int, int, bytes, bytes | None, bytes]
"""Offset, time, key, headers and value."""

_headers = msgspec.msgpack.Decoder(Headers)


def pack_headers(headers: Headers) -> bytes | None:
    """Headers as they are stored."""
    return msgspec.msgpack.encode(headers) if headers else None


def record_of(topic: str, partition: int, row: Row) -> Record:
    """A record from its row."""
    offset, time_unix_ms, key, headers, value = row
    return Record(topic, partition, offset, key, value, _headers.decode(headers) if headers else (), time_unix_ms)


def scan(
    connection: Connection, *, spans: Sequence[Span], max_records: int, max_bytes: int
) -> list[tuple[Span, list[Row]]]:
    """What lies in partitions from an offset on: of the first span all that fits, then of the next."""
    found: list[tuple[Span, list[Row]]] = []
    ends: dict[int, int] = dict(connection.execute("SELECT id, next_offset FROM partitions").fetchall())
    for span in spans:
        partition, start = span
        if max_records <= 0 or max_bytes <= 0:
            break
        if start >= ends[partition]:
            continue
        base = partition << OFFSET_BITS
        rows: list[Row] = []
        cursor = connection.execute(
            "SELECT position - ?, time_unix_ms, key, headers, value FROM records "
            "WHERE position >= ? AND position < ? ORDER BY position LIMIT ?",
            (base, base + start, base + ends[partition], max_records),
        )
        for row in cursor:
            rows.append(row)
            max_bytes -= len(row[2]) + len(row[4])
            if max_bytes <= 0:
                break
        cursor.close()  # ends the statement, so that no read transaction stays open
        max_records -= len(rows)
        if rows:
            found.append((span, rows))
    return found


def store(connection: Connection, partition: int, rows: Sequence[NewRow]) -> int:
    """Append rows to a partition; the offset of the first."""
    start: int = connection.execute("SELECT next_offset FROM partitions WHERE id = ?", (partition,)).fetchone()[0]
    first = (partition << OFFSET_BITS) + start
    connection.executemany(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?)", ((first + i, *row) for i, row in enumerate(rows))
    )
    connection.execute("UPDATE partitions SET next_offset = ? WHERE id = ?", (start + len(rows), partition))
    return start


def waiting_ports(connection: Connection, topics: Iterable[str]) -> set[int]:
    """The ports of all members whose groups read one of these topics."""
    sql = "SELECT port FROM subscriptions JOIN members ON members.id = subscriptions.member WHERE topic = ?"
    return {port for topic in topics for (port,) in connection.execute(sql, (topic,)).fetchall()}


def make_topics(
    connection: Connection, *, topics: Sequence[Topic], create: bool
) -> tuple[str, dict[tuple[str, int], int]]:
    """Make what is missing, refuse what differs; the log's id, and the ids of all partitions."""
    for topic in topics:
        asked = (topic.partitions, topic.max_message_bytes, topic.retention_ms)
        sql = "SELECT partitions, max_message_bytes, retention_ms FROM topics WHERE name = ?"
        found = connection.execute(sql, (topic.name,)).fetchone()
        if found is None:
            if not create:
                raise TopicMismatch(f"The log has no topic {topic.name}: start Sightline once to make it.")
            connection.execute("INSERT INTO topics VALUES (?, ?, ?, ?)", (topic.name, *asked))
            connection.executemany(
                "INSERT INTO partitions (topic, number) VALUES (?, ?)",
                [(topic.name, n) for n in range(topic.partitions)],
            )
        elif found != asked:
            names = ("partitions", "max_message_bytes", "retention_ms")
            differences = ", ".join(
                f"{name} is {there} and should be {here}"
                for name, there, here in zip(names, found, asked, strict=True)
                if there != here
            )
            raise TopicMismatch(
                f"Topic {topic.name} of this log is another one: {differences}. A log keeps the topics that it was "
                "made with: set SIGHTLINE_ROW_PARTITIONS to what it has, or use another data directory."
            )
    log_id: str = connection.execute("SELECT value FROM meta WHERE key = 'log_id'").fetchone()[0]
    partitions = connection.execute("SELECT topic, number, id FROM partitions").fetchall()
    return log_id, {(topic, number): partition for topic, number, partition in partitions}
