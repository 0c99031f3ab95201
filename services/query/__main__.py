"""The query service: `python -m services.query`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from services.common.readmodel.columns.cache import Columns
from services.common.readmodel.mongo import ReadModel
from services.common.runtime import telemetry
from services.common.runtime.http import http_app
from services.common.runtime.service import Context, Parts, run_service
from services.query import rest
from services.query.generations import Generations
from services.query.openapi import Writes
from services.query.passthrough import Ingest
from services.query.peers import Peers
from services.query.reads import Reads
from services.query.rpc import GrpcServer
from services.query.sources import Sources
from services.query.thumbnails import Thumbnails
from sightline.evaluation import warm


async def build(context: Context) -> Parts:
    """Wire the service."""
    settings = context.settings
    await asyncio.to_thread(warm)
    peers = Peers({"query": settings.query_url, "ingest": settings.ingest_url, "metrics": settings.metrics_url})
    thumbnails = Thumbnails(settings.data_dir / "thumbnails")

    def sources_of(store: ReadModel) -> Sources:
        columns = Columns(store, settings.columns_max_bytes)
        telemetry.COLUMN_BYTES.set_function(lambda: columns.nbytes)
        return Sources(Reads(store), columns, peers, settings.row_partitions, settings.asset_root, thumbnails)

    generations = Generations(context.store, sources_of)
    context.health.check("read model", generations.problem)
    for name in peers.urls.keys() - {"query"}:
        context.health.check(name, partial(peers.problem, name))
    grpc = GrpcServer(generations.sources, settings.host, settings.grpc_port, shared=bool(settings.shared_port))
    ingest = Ingest(settings.ingest_url)
    writes = Writes(partial(peers.description, "ingest"))
    turn = rest.Turn()

    def routers(sources: Sources) -> rest.Routers:
        return [rest.front(sources), rest.reading(sources), rest.writing(ingest)]

    def turn_to(sources: Sources) -> None:
        grpc.turn_to(sources)
        describe = partial(rest.describe, writes=writes)
        turn.app = http_app(context.name, routers(sources), context.health, describe, settings.hosts)

    generations.at_turns(turn_to)
    return Parts(
        routers=routers(generations.sources),
        background=[grpc, writes, generations, Closing(peers.close, ingest.close)],
        describe=partial(rest.describe, writes=writes, turn=turn),
    )


class Closing:
    """Lets go of what was opened when the service stops."""

    def __init__(self, *close: Callable[[], Awaitable[None]]) -> None:
        self._close = close
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`."""
        await self._stopped.wait()

    async def stop(self) -> None:
        """Close everything."""
        for close in self._close:
            await close()
        self._stopped.set()


if __name__ == "__main__":
    run_service("query", build, uses_log=False)
