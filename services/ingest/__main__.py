"""Wires ingest and runs it: `python -m services.ingest`."""

from __future__ import annotations

from services.common.eventlog.topics import CATALOG, DATA_ROWS, DEAD_LETTERS, GROUND_TRUTH
from services.common.groups import INGEST_CATALOG, INGEST_DEAD_LETTERS, INGEST_ROWS
from services.common.runloop.loop import RunLoop
from services.common.runtime.replaying import LIMITS, ReplayContext, Replayed
from services.common.runtime.service import Context, Parts, run_service
from services.ingest.catalog import Catalog
from services.ingest.data_rows import DataRows
from services.ingest.dead_letters import DeadLetters, DeadLettersHandler
from services.ingest.handlers import CatalogHandler, RowsHandler
from services.ingest.importing.deletions import PredictionDeletion
from services.ingest.importing.jobs import Imports, Reaper
from services.ingest.importing.predictions import PredictionImport
from services.ingest.importing.truth import TruthImport
from services.ingest.importing.uploads import UploadLimits
from services.ingest.rest import router
from services.ingest.rest.dead_letters import routes_of_dead_letters
from services.ingest.service import Ingest
from services.ingest.steps import Steps


async def build(context: Context) -> Parts:
    """The loops over the catalog, rows and dead letters, the reaper of abandoned imports, and the routes."""
    log, store = context.log, context.store
    metrics = context.loop_metrics
    catalog_handler = CatalogHandler(context.settings.row_partitions)
    catalog_loop = RunLoop(log, store, INGEST_CATALOG, (CATALOG,), catalog_handler, metrics=metrics)
    rows_loop = RunLoop(
        log,
        store,
        INGEST_ROWS,
        (DATA_ROWS, GROUND_TRUTH),
        RowsHandler(context.settings.row_partitions),
        metrics=metrics,
    )
    letters_loop = RunLoop(log, store, INGEST_DEAD_LETTERS, (DEAD_LETTERS,), DeadLettersHandler(), metrics=metrics)
    for loop in (catalog_loop, rows_loop, letters_loop):
        context.health.check(loop.group, loop.problem)

    catalog = Catalog(log, store, catalog_loop)
    imports = Imports(catalog, store, log)
    ingest = Ingest(
        catalog,
        imports,
        TruthImport(log, store, rows_loop),
        PredictionImport(log, store, rows_loop, imports),
        PredictionDeletion(log, store, rows_loop, imports),
        DataRows(log, store, rows_loop, imports),
        Steps(store, log, rows_loop),
    )
    settings = context.settings
    limits = UploadLimits(settings.upload_max_bytes, settings.upload_max_lines, settings.upload_idle_seconds)
    return Parts(
        routers=[
            router(ingest, limits),
            routes_of_dead_letters(DeadLetters(log, store, letters_loop)),
        ],
        background=[catalog_loop, rows_loop, letters_loop, Reaper(imports)],
    )


async def replay(context: ReplayContext) -> Replayed:
    """The loops over the catalog and rows, without anybody who asks. What becomes of dead letters, people decide."""
    log, store, partitions = context.log, context.store, context.settings.row_partitions
    return Replayed(
        [
            RunLoop(log, store, INGEST_CATALOG, (CATALOG,), CatalogHandler(partitions), limits=LIMITS),
            RunLoop(log, store, INGEST_ROWS, (DATA_ROWS, GROUND_TRUTH), RowsHandler(partitions), limits=LIMITS),
        ]
    )


if __name__ == "__main__":
    run_service("ingest", build, replay=replay)
