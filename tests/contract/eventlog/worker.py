"""A process with the whole thing, until killed: `python -m tests.contract.eventlog.worker SPEC MONGO_URL DATABASE`."""

from __future__ import annotations

import asyncio
import sys

from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import Limits, RunLoop
from tests.contract.eventlog.opening import make_log
from tests.unit.eventlog.ledger import GROUP, INPUTS, TOPICS, Ledger


async def main() -> None:
    spec, url, database = sys.argv[1:]
    log = make_log(spec)
    await log.open(TOPICS)
    store = await ReadModel.open(url, database)
    loop = RunLoop(log, store, GROUP, INPUTS, Ledger(), limits=Limits(records=20, drain_seconds=2.0))
    await loop.run()


if __name__ == "__main__":
    asyncio.run(main())
