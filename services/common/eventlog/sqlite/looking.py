"""An embedded log, looked at from outside."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from services.common.eventlog.looking import Look
from services.common.eventlog.port import LogError
from services.common.eventlog.sqlite.group import look_at

SESSION_MS = 15_000.0
"""After so long a silence a member counts as gone, also where its process can't be seen."""


def look(path: Path) -> Look:
    """What a file holds, and who reads it; nothing where there is no file."""
    if not path.exists():
        return Look({})
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            partitions = dict(connection.execute("SELECT name, partitions FROM topics").fetchall())
            groups = [name for (name,) in connection.execute("SELECT name FROM groups ORDER BY name").fetchall()]
            members = [(group, member) for group in groups for member in look_at(connection, group).members]
    except sqlite3.Error as error:
        raise LogError(f"{path} is no log that can be read: {error}.") from error
    users = [f"{group} (process {member.pid})" for group, member in members if not member.gone(SESSION_MS)]
    return Look(partitions, tuple(users))
