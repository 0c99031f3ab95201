"""An ingest process that falls asleep in every import: `python -m tests.integration.ingest.sleeper`.

It stops itself (SIGSTOP) between its look at the lease and the second append of an import, until somebody wakes it.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from services.common.eventlog import opening
from services.common.eventlog.port import Message, Position
from services.common.eventlog.sqlite.file import Connection
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.runtime.service import run_service
from services.ingest.__main__ import build
from sightline.wire.events.v1.event_pb2 import Event


class Sleepy(SqliteLog):
    """Stops the process before the second append of each import, with nothing of the file held."""

    appends: ClassVar[Counter[str]] = Counter()

    async def append(self, messages: Sequence[Message]) -> Sequence[Position]:
        first = Event.FromString(messages[0].value)
        import_id = first.event_id.partition("/")[0]
        if first.producer == "ingest/import":
            self.appends[import_id] += 1
            if self.appends[import_id] == 2:
                await self._file.write(self._sleep)
        return await super().append(messages)

    def _sleep(self, _connection: Connection) -> None:
        # Only then is the writer's turn over: whoever stops in it stops all.
        self._file.after_commit(lambda: os.kill(os.getpid(), signal.SIGSTOP))


if __name__ == "__main__":
    opening.SqliteLog = Sleepy
    run_service("ingest", build)
