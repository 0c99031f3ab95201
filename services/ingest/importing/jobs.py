"""Import jobs: begun in the catalog before anything is written, kept alive by a lease, ended in the catalog.

The catalog knows what counts: that an import is open, and how it ended. Beside it, `import_jobs` has the live side: who
runs the job, until when that is believed, and how far it is. A job whose process is gone is ended by whoever notices.

A lease alone keeps nobody from writing: a process may sleep between its look at it and an append. So all rows are told
of a job that failed, unless it is certain that nothing follows, and pass over what still comes of it
(`services/common/failed_imports.py`). Hence no job's id is ever used again: the same Idempotency-Key gets the answer of
the job that there was, a file that is sent again is a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from services.common.documents import Read, Replace
from services.common.eventlog.port import EventLog, LogError, Message, MessageTooLarge, Position
from services.common.eventlog.sqlite.processes import here, started
from services.common.readmodel.collections import IMPORT_ERRORS, IMPORT_JOBS, IMPORTS
from services.common.readmodel.mongo import ReadModel
from services.common.readmodel.outages import OUTAGES
from services.common.runloop.clock import unix_ms
from services.common.runtime.errors import Problem
from services.common.runtime.telemetry import ACCEPTED, REJECTED, get_logger
from services.ingest.catalog import Catalog, Granted, key_reused, proposed_id, request_id
from services.ingest.handlers.decisions import ROW_DELETION, TRUTH_REMOVAL, import_body
from services.ingest.importing.uploads import Content, UploadBroken, UploadIdle
from services.ingest.importing.windows import in_batches
from sightline.formats.faults import FileBroken, Rejection, Rejections
from sightline.wire.events.v1.catalog_pb2 import BeginImport, CatalogRequest, EndImport

LEASE_SECONDS = 30.0
RENEW_SECONDS = 3.0
FAREWELL_SECONDS = 2.0
WAY_SECONDS = 10.0
"""How long others wait for imports of a single row, each of which takes some milliseconds; less than a lease."""
LOOK_SECONDS = 0.02
REJECTIONS_IN_ANSWER = 20
SINGLE_ROW_FORMATS = (ROW_DELETION, TRUTH_REMOVAL)
_ERRORS_PER_WRITE = 5_000

Fields = dict[str, Any]


class JobFailed(Exception):
    """The import can't go on, for a reason that its answer tells."""


@dataclass(slots=True)
class Job:
    """An import that this process runs."""

    project_id: str
    import_id: str
    kind: str
    """What is imported, for counters."""
    dataset_id: str
    dataset_version: int
    log: EventLog
    accepted: int = 0
    """Items whose events the log has."""
    place: int = 0
    """Place in the file, from 1, of the last item before which all are decided."""
    bytes: int = 0
    rejections: Rejections = field(default_factory=Rejections)
    warnings: Counter[str] = field(default_factory=Counter[str])
    end: EndImport = field(default_factory=EndImport)
    """How the import ends, filled while it runs."""
    content: Content | None = None
    """What it reads, where the same request may come again."""
    lease_until: float = 0.0
    """On the monotonic clock."""
    ended: str = ""
    """Why it was ended by somebody else, once that is known."""
    unanswered: int = 0
    """Appends that the log hasn't taken yet, or has failed to answer: they may still come."""

    @property
    def id(self) -> str:
        """The `_id` of its documents."""
        return f"{self.project_id}/{self.import_id}"

    def reject(self, rejections: Iterable[Rejection]) -> None:
        """Leave items out, each with its reason."""
        self.rejections.extend(rejections)

    async def append(self, messages: list[Message]) -> list[Position]:
        """Append some of the import's events, as long as the job is still this process' own."""
        if self.ended:
            raise JobFailed(self.ended)
        if time.monotonic() > self.lease_until:
            raise JobFailed("the read model could not be reached for so long that the import was given up")
        self.unanswered += 1
        positions = list(await self.log.append(messages))
        self.unanswered -= 1
        return positions

    def live(self) -> Fields:
        """What `import_jobs` shows of its progress."""
        return {
            "bytes": self.bytes,
            "accepted": self.accepted,
            "rejected": self.rejections.count,
            "place": self.place,
            "warnings": dict(self.warnings),
            "content": self.content.so_far() if self.content else None,
        }


async def append_all(job: Job, messages: Iterator[Message]) -> None:
    """Append events of an import in batches, each made in a thread while the one before is written."""
    batches = in_batches(messages)
    batch = await asyncio.to_thread(next, batches, None)
    while batch is not None:
        batch, _ = await asyncio.gather(asyncio.to_thread(next, batches, None), job.append(batch))


@dataclass(frozen=True, slots=True)
class Ended:
    """How an import ended, as its answer says it."""

    body: Fields
    status: int = 200


class Imports:
    """Runs import jobs, and ends those of processes that are gone."""

    def __init__(self, catalog: Catalog, store: ReadModel, log: EventLog) -> None:
        self._catalog = catalog
        self._store = store
        self._log = log

    async def carry_out(
        self,
        project_id: str,
        key: str | None,
        begin: BeginImport,
        kind: str,
        work: Callable[[Job], Awaitable[None]],
        content: Content | None = None,
    ) -> Ended:
        """Begin an import, do its work and end it, however the work ends.

        `key`: the client's Idempotency-Key. The same request again has the same `content`.
        """
        request = request_id(key)
        begin.import_id = proposed_id("imp", project_id, request)
        job = await self.begin(project_id, request, begin, kind)
        if isinstance(job, Ended):
            await self._compare(f"{project_id}/{begin.import_id}", job, content)
            return job
        job.content = content
        async with self.alive(job):
            try:
                await work(job)
            except Exception as error:
                status, failure = _failure(error, job)
                if status == 503:
                    get_logger().warning("an import was cut short", job=job.import_id, reason=str(error)[:300])
                if status == 500:
                    get_logger().error("an import failed", job=job.import_id, exc_info=error)
                return await self.finish(job, failure, status)
            except asyncio.CancelledError:
                # Nobody may be left to decide it; then whoever comes next finds the lease without a process.
                with contextlib.suppress(TimeoutError):
                    ending = self.finish(job, "the service was stopped in the middle: send the file again", 503)
                    await asyncio.wait_for(asyncio.shield(ending), FAREWELL_SECONDS)
                raise
            return await self.finish(job)

    async def begin(self, project_id: str, request: str, begin: BeginImport, kind: str) -> Job | Ended:
        """Begin an import. Where the same request had begun one: how that one ended."""
        id = f"{project_id}/{begin.import_id}"
        live: Fields = {
            "_id": id,
            "project_id": project_id,
            "import_id": begin.import_id,
            "state": "RUNNING",
            "owner": {"host": here(), "pid": os.getpid(), "started": started(os.getpid())},
            "lease_until_unix_ms": unix_ms() + int(LEASE_SECONDS * 1000),
            "bytes": 0,
            "accepted": 0,
            "rejected": 0,
            "place": 0,
            "warnings": {},
        }
        lease_until = time.monotonic() + LEASE_SECONDS
        # Before the catalog hears of it, so that there is no moment at which nobody would notice that we are gone.
        fresh = await self._store.insert(IMPORT_JOBS.name, live)
        try:
            granted = await self._ask(project_id, CatalogRequest(request_id=request, begin_import=begin))
        except Problem as problem:
            # Without an answer it may have begun: then the lease that runs out is what ends it.
            if fresh and problem.status < 500:
                await self._store.delete(IMPORT_JOBS.name, id)
            raise
        if granted.repeated:
            return await self._as_it_stands(id)
        if not fresh:
            await self._store.replace(IMPORT_JOBS.name, live)
        dataset_id, version = granted.body["dataset_id"], granted.body["dataset_version"]
        return Job(project_id, begin.import_id, kind, dataset_id, version, self._log, lease_until=lease_until)

    async def _ask(self, project_id: str, request: CatalogRequest) -> Granted:
        """Ask; where the import in the way ends soon, or its process is gone, ask again."""
        until = time.monotonic() + WAY_SECONDS
        while True:
            try:
                return await self._catalog.ask(project_id, request)
            except Problem as problem:
                other = problem.extra.get("existing_id")
                if problem.slug != "import-open" or not other:
                    raise
                if time.monotonic() > until or not await self._makes_way(f"{project_id}/{other}", until):
                    raise await self._in_the_way(problem, project_id, other) from None

    async def _makes_way(self, id: str, until: float) -> bool:
        """Whether an import has ended: one whose process is gone is, one of a single row is waited for."""
        await self._end_if_gone(id)
        while True:
            document = await self._store.get(IMPORTS.name, id)
            if document is None or document["state"] != "RUNNING":
                return True
            if document["format"] not in SINGLE_ROW_FORMATS or time.monotonic() > until:
                return False
            await asyncio.sleep(LOOK_SECONDS)

    async def _in_the_way(self, problem: Problem, project_id: str, import_id: str) -> Problem:
        """The refusal, with what is in the way and where to see how far it is."""
        document = await self._store.get(IMPORTS.name, f"{project_id}/{import_id}")
        what = f" (format {document['format']})" if document else ""
        detail = f"{problem.detail}{what}: try again when it has ended; GET /v1/imports/{import_id} tells how far it is"
        title, headers = problem.title, problem.headers
        return Problem(problem.status, problem.slug, title, detail, headers=headers, **problem.extra)

    async def _as_it_stands(self, id: str) -> Ended:
        document = await self._store.get(IMPORTS.name, id)
        assert document is not None, "its beginning was decided"
        if document["state"] == "RUNNING":
            raise Problem(
                409,
                "import-open",
                "this import is still running",
                headers={"Retry-After": "2"},
                existing_id=document["import_id"],
            )
        rejections = await self._store.page(
            IMPORT_ERRORS.name,
            {"import_id": document["import_id"], "project_id": document["project_id"]},
            order=(("number", 1),),
            limit=REJECTIONS_IN_ANSWER,
            projection={"number": 1, "code": 1, "message": 1, "where": 1, "uuid": 1},
        )
        live = await self._store.get(IMPORT_JOBS.name, id) or {}
        return Ended(
            {
                **import_body(document),
                "rejections": [{k: v for k, v in each.items() if k != "_id"} for each in rejections.documents],
                "warnings": live.get("warnings", {}),
            },
            422 if document["state"] == "FAILED" else 200,
        )

    async def _compare(self, id: str, ended: Ended, content: Content | None) -> None:
        """Refuse another content than that of the import that a request repeats, as far as that one was read."""
        live = await self._store.get(IMPORT_JOBS.name, id)
        earlier = live.get("content") if live else None
        if content is None or earlier is None:
            return
        if not await content.is_that(earlier, whole=ended.body["state"] == "FINISHED"):
            raise key_reused()

    @contextlib.asynccontextmanager
    async def alive(self, job: Job) -> AsyncGenerator[None]:
        """Keep a job's lease while it runs."""
        keeper = asyncio.create_task(self._keep(job), name=f"lease {job.import_id}")
        try:
            yield
        finally:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper

    async def _keep(self, job: Job) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self.renew(job)
            except Exception as error:  # the lease runs on for a while; when it is over, the job stops by itself
                get_logger().warning("a lease could not be renewed", job=job.import_id, error=repr(error))

    async def renew(self, job: Job) -> None:
        """Show how far a job is, and believe in it for another while. One that somebody else has ended stops."""
        until = time.monotonic() + LEASE_SECONDS
        lease = unix_ms() + int(LEASE_SECONDS * 1000)
        change = {"$set": {**job.live(), "lease_until_unix_ms": lease}}
        alive = await self._store.update(IMPORT_JOBS.name, job.id, change, where={"state": "RUNNING"})
        # What it writes may have been deleted; then the catalog has ended it.
        decided = await self._store.get(IMPORTS.name, job.id)
        if alive and decided is not None and decided["state"] == "RUNNING":
            job.lease_until = until
        else:
            failure = decided["failure"] if decided is not None else None
            job.ended = failure or "the import was ended by another process"

    async def finish(self, job: Job, failure: str = "", status: int = 409) -> Ended:
        """End a job: in the catalog first, which is what counts. `status`: of the answer where it has failed.

        Without a failure of its own that is because somebody else has ended it.
        """
        await self._store_errors(job)
        job.end.import_id = job.import_id
        job.end.failure = failure
        job.end.accepted = job.accepted
        job.end.rejected = job.rejections.count
        job.end.nothing_follows = not job.unanswered
        granted = await self._end(job.project_id, job.end)
        await self._close(job.id, {**job.live(), "state": granted.body["state"]})
        ACCEPTED.labels(job.kind).inc(job.accepted)
        for code, count in job.rejections.by_code.items():
            REJECTED.labels(job.kind, code).inc(count)
        rejections = [_rejection(rejection) for rejection in job.rejections.kept[:REJECTIONS_IN_ANSWER]]
        body = {**granted.body, "rejections": rejections, "warnings": dict(job.warnings)}
        return Ended(body, status if granted.body["state"] == "FAILED" else 200)

    async def _end(self, project_id: str, end: EndImport) -> Granted:
        # Whoever ends it first ends it: the catalog answers with what counts.
        request = CatalogRequest(request_id=uuid4().hex, end_import=end)
        return await self._catalog.ask(project_id, request)

    async def _close(self, id: str, change: Mapping[str, Any]) -> None:
        await self._store.update(IMPORT_JOBS.name, id, {"$set": dict(change)})

    async def _store_errors(self, job: Job) -> None:
        writes = [
            Replace(
                IMPORT_ERRORS.name,
                {
                    "_id": f"{job.id}/{n:06}",
                    "project_id": job.project_id,
                    "import_id": job.import_id,
                    **_rejection(rejection),
                },
            )
            for n, rejection in enumerate(job.rejections.kept, 1)
        ]
        for begin in range(0, len(writes), _ERRORS_PER_WRITE):
            await self._store.write(writes[begin : begin + _ERRORS_PER_WRITE])

    # ---- jobs of others

    async def reap(self) -> int:
        """End every import whose process is gone; how many."""
        running = await self._store.find(Read(IMPORT_JOBS.name, {"state": "RUNNING"}, {"_id": 1}))
        return sum([await self._end_if_gone(document["_id"]) for document in running])

    async def _end_if_gone(self, id: str) -> bool:
        live = await self._store.get(IMPORT_JOBS.name, id)
        if live is None or live["state"] != "RUNNING" or not _gone(live):
            return False
        so_far = _so_far(live["accepted"], live["place"])
        failure = f"the process that ran this import is gone; {so_far}: send the file again"
        end = EndImport(
            import_id=live["import_id"], failure=failure, accepted=live["accepted"], rejected=live["rejected"]
        )
        state = "FAILED"
        try:
            state = (await self._end(live["project_id"], end)).body["state"]
        except Problem as problem:
            if problem.slug != "not-found":
                raise
        await self._close(id, {"state": state})
        get_logger().warning("ended an import whose process is gone", job=live["import_id"], state=state)
        return True


def _gone(live: Mapping[str, Any]) -> bool:
    """Whether a job's process is known to be gone, or hasn't been heard of for as long as its lease."""
    owner = live["owner"]
    if owner["host"] == here() and started(owner["pid"]) != owner["started"]:
        return True
    return bool(live["lease_until_unix_ms"] < unix_ms())


def _rejection(rejection: Rejection) -> Fields:
    fields: Fields = {
        "number": rejection.number,
        "code": rejection.code,
        "message": rejection.message,
        "where": rejection.where,
    }
    return {**fields, "uuid": rejection.uuid} if rejection.uuid else fields


def _so_far(accepted: int, place: int) -> str:
    return f"the last item accepted is number {place} of the file" if accepted and place else "nothing counts"


def _failure(error: Exception, job: Job) -> tuple[int, str]:
    """The status of an import's answer, and what it says of the error that ended it."""
    match error:
        case FileBroken():
            return 422, str(error)
        case UploadBroken():
            return 400, "the upload broke off: send the file again"
        case UploadIdle():
            return error.status, f"{error.told}; {_so_far(job.accepted, job.place)}: send the file again"
        case JobFailed():
            return 409, str(error)
        case Problem():
            return error.status, str(error)
        case LogError() if not isinstance(error, MessageTooLarge):
            return 503, f"{error} When that is mended, send the file again."
        case _ if isinstance(error, OUTAGES):
            return 503, "the read model did not answer: send the file again"
        case _:
            return 500, "something went wrong in the server: its log has the details; send the file again"


class Reaper:
    """Looks for jobs whose process is gone, at the start and then every few seconds."""

    def __init__(self, imports: Imports, *, every: float = 5.0) -> None:
        self._imports = imports
        self._every = every
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`."""
        while not self._stopping.is_set():
            try:
                await self._imports.reap()
            except Exception as error:
                get_logger().warning("looking for abandoned imports failed", error=repr(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._every)

    async def stop(self) -> None:
        """Stop looking."""
        self._stopping.set()
