"""Single data rows: made, changed, deleted, and their truth taken away. Answered when the rows' handler has done it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from weakref import WeakValueDictionary

from services.common.eventlog.placement import partitions_of
from services.common.eventlog.port import EventLog, Position
from services.common.eventlog.topics import DATA_ROWS, row_key
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.loop import RunLoop
from services.common.runtime.errors import Problem, not_found
from services.ingest.catalog import TITLES, Granted
from services.ingest.handlers.catalog_state import DATASETS, Fields
from services.ingest.handlers.decisions import ROW_DELETION, TRUTH_REMOVAL
from services.ingest.handlers.rows import DATA_ROWS as DATA_ROWS_COLLECTION
from services.ingest.importing.events import EventMaker
from services.ingest.importing.jobs import Ended, Imports, Job
from services.ingest.importing.rows import said_of_row
from services.ingest.importing.version_rows import rows_are_known
from services.ingest.row_requests import RowRequests
from services.ingest.steps import absent
from sightline.domain.data_rows import DataRow, DataRowAsked, DataRowChanges
from sightline.domain.steps import DATASET
from sightline.formats import data_rows as formats
from sightline.wire.events.v1.catalog_pb2 import BeginImport

PATIENCE_SECONDS = 30.0

_SHOWN = tuple(DataRow.model_fields)


class DataRows:
    """Writes of single rows."""

    def __init__(self, log: EventLog, store: ReadModel, rows_loop: RunLoop, imports: Imports) -> None:
        """`rows_loop` is this process' loop over the rows: it knows how far the group is, whoever has a partition."""
        self._log = log
        self._store = store
        self._loop = rows_loop
        self._imports = imports
        self._requests = RowRequests(store)
        self._turns = WeakValueDictionary[tuple[str, str], asyncio.Lock]()
        """Of datasets, while somebody has or awaits a turn."""

    async def create(self, project: str, dataset_id: str, asked: DataRowAsked, key: str | None) -> Granted:
        """Make a row. The same again changes nothing."""
        what = ("create", dataset_id, asked.model_dump(exclude_unset=True))
        return await self._requests.once(project, key, what, lambda: self._create(project, dataset_id, asked))

    async def _create(self, project: str, dataset_id: str, asked: DataRowAsked) -> Granted:
        row = formats.DataRow(**asked.model_dump())
        there = await self._find(project, dataset_id, row.global_key)
        if there is None or not there["known"]:
            await self._say(project, dataset_id, row, only_new=True)
            found = await self._find(project, dataset_id, row.global_key)
            if found is None:
                raise not_found("data row", "it was deleted right after it had been made")
        else:
            found = there
        if {field: found[field] for field in asked.model_fields_set} != asked.model_dump(exclude_unset=True):
            detail = "the dataset has a data row of this global_key that differs: PATCH changes it"
            raise Problem(409, "name-taken", TITLES["name-taken"], detail, existing_id=row.global_key)
        return Granted(200 if found is there else 201, _shown(found), found is there)

    async def change(
        self, project: str, dataset_id: str, global_key: str, changes: DataRowChanges, key: str | None
    ) -> Granted:
        """Change what is sent of a row; what is sent as null is empty then. One that is deleted meanwhile stays so."""
        sent = changes.model_dump(exclude_unset=True)
        what = ("change", dataset_id, global_key, sent)
        return await self._requests.once(
            project, key, what, lambda: self._change(project, dataset_id, global_key, sent)
        )

    async def _change(self, project: str, dataset_id: str, global_key: str, sent: Fields) -> Granted:
        await self._existing(project, dataset_id, global_key, known=True)
        row = formats.DataRow(global_key, **sent)
        cleared = [field for field, value in sent.items() if value is None]
        await self._say(project, dataset_id, row, only_known=True, cleared=cleared)
        return Granted(200, _shown(await self._existing(project, dataset_id, global_key, known=True)), False)

    async def delete(self, project: str, dataset_id: str, global_key: str, key: str | None) -> Ended:
        """Delete a row, its truth in every version, and what runs said of it."""
        what = ("delete", dataset_id, global_key)
        async with self._turn(project, dataset_id):
            return await self._ended_once(project, key, what, lambda: self._delete(project, dataset_id, global_key))

    @contextlib.asynccontextmanager
    async def _turn(self, project: str, dataset_id: str) -> AsyncGenerator[None]:
        """One after the other: each takes the draft like an import, and would be in the others' way."""
        turn = self._turns.setdefault((project, dataset_id), asyncio.Lock())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await turn.acquire()
        except TimeoutError:
            detail = "other rows of this dataset, or their truth, are still being deleted: try again"
            raise Problem(409, "import-open", TITLES["import-open"], detail, headers={"Retry-After": "2"}) from None
        try:
            yield
        finally:
            turn.release()

    async def _ended_once(
        self, project: str, key: str | None, what: tuple[str, ...], do: Callable[[], Awaitable[Ended]]
    ) -> Ended:
        async def granted() -> Granted:
            ended = await do()
            return Granted(ended.status, ended.body, False)

        done = await self._requests.once(project, key, what, granted)
        return Ended(done.body, done.status)

    async def _delete(self, project: str, dataset_id: str, global_key: str) -> Ended:
        await self._existing(project, dataset_id, global_key)

        async def work(job: Job) -> None:
            await self._done(job.append([EventMaker(project, dataset_id, job.import_id).row_deleted(global_key)]))
            job.accepted = 1

        begin = BeginImport(dataset_id=dataset_id, format=ROW_DELETION)
        return await self._imports.carry_out(project, None, begin, "data_row", work)

    async def remove_truth(self, project: str, dataset_id: str, global_key: str, key: str | None) -> Ended:
        """Take a row's truth out of the draft: it is no longer labelled there."""
        what = ("remove truth", dataset_id, global_key)
        async with self._turn(project, dataset_id):
            return await self._ended_once(
                project, key, what, lambda: self._remove_truth(project, dataset_id, global_key)
            )

    async def _remove_truth(self, project: str, dataset_id: str, global_key: str) -> Ended:
        row = await self._existing(project, dataset_id, global_key)
        if not any(interval["to"] is None for interval in row["labelled"]):
            raise not_found("truth", "the data row is not labelled in the dataset's draft")

        async def work(job: Job) -> None:
            said = EventMaker(project, dataset_id, job.import_id).truth_removed(global_key)
            position = await self._done(job.append([said]))
            job.end.end_offsets[position.partition] = position.offset
            job.accepted = 1

        begin = BeginImport(dataset_id=dataset_id, format=TRUTH_REMOVAL)
        return await self._imports.carry_out(project, None, begin, "truth", work)

    async def _existing(self, project: str, dataset_id: str, global_key: str, *, known: bool = False) -> Fields:
        """A row that is there; not `known`: also one that only truth has named."""
        found = await self._find(project, dataset_id, global_key)
        if found is None or (known and not found["known"]):
            raise not_found("data row", "the dataset has none of this global_key")
        return found

    async def _find(self, project: str, dataset_id: str, global_key: str) -> Fields | None:
        """What is known of a row, once all that the log says of it is."""
        if await self._store.get(DATASETS, f"{project}/{dataset_id}") is None:
            raise absent(DATASET)
        key = row_key(project, dataset_id, global_key)
        partition = partitions_of([key.encode()], self._log.topics[DATA_ROWS].partitions)[0]
        await rows_are_known(self._log, self._loop, only=partition)
        found = await self._store.get(DATA_ROWS_COLLECTION, key)
        return None if found is None else dict(found)

    async def _say(
        self,
        project: str,
        dataset_id: str,
        row: formats.DataRow,
        *,
        only_new: bool = False,
        only_known: bool = False,
        cleared: Sequence[str] = (),
    ) -> None:
        if fault := formats.row_fault(row):
            raise Problem(422, "invalid-request", TITLES["invalid-request"], fault[1])
        said = said_of_row(row)
        said.only_new, said.only_known = only_new, only_known
        said.cleared.extend(cleared)
        await self._done(self._log.append([EventMaker(project, dataset_id, "").data_row(said)]))

    async def _done(self, appended: Awaitable[Sequence[Position]]) -> Position:
        """Wait until an event is applied, and what it gave rise to is published."""
        [position] = await appended
        if not await self._loop.passed(position, timeout=PATIENCE_SECONDS):
            detail = "it is on the log, and will be done: look again"
            raise Problem(503, "rows-behind", "it isn't done yet", detail, headers={"Retry-After": "5"})
        return position


def _shown(row: Fields) -> Fields:
    return {field: row[field] for field in _SHOWN}
