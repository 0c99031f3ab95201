"""A process with the whole thing, until killed: `python -m tests.integration.kafka.worker KAFKA PREFIX MONGO DATABASE`.

With a number as the last argument it stops itself (SIGSTOP) with that batch in hand, just before it commits.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence

from services.common.documents import Write
from services.common.progress import Progress
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import RunLoop
from tests.integration.kafka.flow import LIMITS, kafka_log
from tests.unit.eventlog.ledger import GROUP, INPUTS, Ledger


class Sleepy(ReadModel):
    """Stops the process before its nth commit, until somebody wakes it."""

    nth = 0

    async def commit(
        self, group: str, partition: int, *, expected_rev: int, progress: Progress, writes: Sequence[Write]
    ) -> None:
        self.nth -= 1
        if self.nth == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        await super().commit(group, partition, expected_rev=expected_rev, progress=progress, writes=writes)


async def main() -> None:
    bootstrap, prefix, url, database, *nth = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s %(message)s")
    store = await Sleepy.open(url, database)
    assert isinstance(store, Sleepy)
    store.nth = int(nth[0]) if nth else 0
    async with kafka_log(bootstrap, prefix) as log:
        await RunLoop(log, store, GROUP, INPUTS, Ledger(), limits=LIMITS).run()


if __name__ == "__main__":
    asyncio.run(main())
