"""A process with the whole thing, until killed: `python -m tests.contract.eventlog.worker LOG MONGO_URL DATABASE`."""

from __future__ import annotations

import asyncio
import sys

from services.common.eventlog.consumer import Limits, RunLoop
from services.common.eventlog.sqlite import SqliteLog
from services.common.readmodel.mongo import ReadModel
from tests.unit.eventlog.ledger import GROUP, INPUTS, TOPICS, Ledger


async def main() -> None:
    path, url, database = sys.argv[1:]
    log = SqliteLog(path, session_timeout=3.0)
    await log.open(TOPICS)
    store = await ReadModel.open(url, database)
    loop = RunLoop(log, store, GROUP, INPUTS, Ledger(), limits=Limits(records=20, drain_seconds=2.0))
    await loop.run()


if __name__ == "__main__":
    asyncio.run(main())
