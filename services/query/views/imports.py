"""Import jobs: what was accepted, what was rejected, and whether the numbers rest on it yet."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

from pydantic import Field

from services.common.readmodel.collections import (
    DATASET_VERSIONS,
    IMPORT_ERRORS,
    IMPORT_JOBS,
    IMPORTS,
    MODEL_RUNS,
    RUN_SUMMARIES,
)
from services.common.runtime.errors import Problem, not_found
from services.query.answers import Answer
from services.query.reads import Document, Reads
from services.query.sources import Sources
from services.query.views.freshness import ACCEPTING, DATA_ROWS_TOPIC, GROUND_TRUTH, MEASURING, PREDICTIONS, Progress

FIRST_REJECTIONS = 20
LONGEST_WAIT = 60.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.2


class Rejection(Answer):
    """An item that was not taken, and why."""

    number: int = Field(description="which item of the file, from 1")
    code: str = Field(description="the kind of error; never changes its meaning")
    message: str
    where: str | None = Field(default=None, description="the place inside the item")
    uuid: str | None = Field(default=None, description="the item's own, where it has one")


class ImportProgress(Answer):
    """How far an import is."""

    bytes: int = Field(description="of the upload, unpacked")
    place: int = Field(description="place in the file, from 1, of the last item up to which all are decided")


class ImportJob(Answer):
    """An import. FINISHED: the log has all of it. `measured`: the run's numbers rest on all of it."""

    job: str
    state: Literal["RUNNING", "FINISHED", "FAILED"]
    dataset_id: str
    dataset_version: int | None
    run_id: str | None
    format: str
    mode: str | None
    accepted: int
    rejected: int
    measured: bool
    failure: str | None
    rejections: list[Rejection] = Field(description="the first twenty; GET /v1/imports/{job}/errors has up to 100,000")
    warnings: dict[str, int] = Field(description="what was taken although it is odd, and how often")
    progress: ImportProgress
    begun_unix_ms: int
    ended_unix_ms: int | None


async def import_job(sources: Sources, job: str, *, wait: float = 0.0) -> ImportJob:
    """An import. With `wait`, answers when it is measured or never will be, or after so many seconds."""
    deadline = asyncio.get_running_loop().time() + wait
    pause = SHORTEST_PAUSE
    while True:
        answer, measurable = await _import_job(sources, job)
        remaining = deadline - asyncio.get_running_loop().time()
        if answer.measured or not measurable or remaining <= 0 or sources.stopping.is_set():
            return answer
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(sources.stopping.wait(), min(pause, remaining))
        pause = min(pause * 1.2, LONGEST_PAUSE)


async def import_errors(reads: Reads, job: str) -> AsyncIterator[Rejection]:
    """The rejected items of an import that are kept, in the order of the file."""
    if await reads.one(IMPORTS, job) is None:
        raise _absent()
    return _rejections(reads, job)


async def _rejections(reads: Reads, job: str) -> AsyncIterator[Rejection]:
    async for document in reads.all(IMPORT_ERRORS, {"import_id": job}, order=(("number", 1),)):
        yield _rejection(document)


async def _import_job(sources: Sources, job: str) -> tuple[ImportJob, bool]:
    """An import, and whether it is measured or may still be: not if it failed, or its run was deleted."""
    reads = sources.reads
    document = await reads.one(IMPORTS, job)
    if document is None:
        raise _absent()
    ended = document["state"] != "RUNNING"
    live, (errors, _), is_measured = await asyncio.gather(
        reads.one(IMPORT_JOBS, job),
        reads.listing(
            IMPORT_ERRORS, {"import_id": job}, order=(("number", 1),), page_size=FIRST_REJECTIONS, page_token=None
        ),
        _measured(sources, document),
    )
    live = live or {}
    counts = document if ended else live
    answer = ImportJob(
        job=job,
        state=document["state"],
        dataset_id=document["dataset_id"],
        dataset_version=document["dataset_version"],
        run_id=document["run_id"],
        format=document["format"],
        mode=document["mode"],
        accepted=counts.get("accepted", 0),
        rejected=counts.get("rejected", 0),
        measured=bool(is_measured),
        failure=document["failure"],
        rejections=[_rejection(error) for error in errors],
        warnings=dict(live.get("warnings", {})),
        progress=ImportProgress(bytes=live.get("bytes", 0), place=live.get("place", 0)),
        begun_unix_ms=document["begun_unix_ms"],
        ended_unix_ms=document["ended_unix_ms"],
    )
    return answer, answer.state != "FAILED" and is_measured is not None


async def _measured(sources: Sources, job: Document) -> bool | None:
    """Whether what the import said is in the numbers: progress alone tells. None: its run is gone."""
    if job["state"] != "FINISHED":
        return False
    reads = sources.reads
    if job["run_id"] is None:
        group, topic = (ACCEPTING, DATA_ROWS_TOPIC) if job["format"] == "data-rows" else (MEASURING, GROUND_TRUTH)
        return applied(job, await reads.progress(group, sources.row_partitions), topic=topic)
    run, summary = await asyncio.gather(reads.one(MODEL_RUNS, job["run_id"]), reads.one(RUN_SUMMARIES, job["run_id"]))
    if run is None or summary is None:
        return None if run is None else False
    version = await reads.one(DATASET_VERSIONS, run["dataset_id"], str(run["dataset_version"]))
    scoped = not run.get("splits") or in_scope(run, summary["scope_version"] or {}, sources.row_partitions)
    return scoped and measured(job, run, version, summary["version"], sources.row_partitions)


def measured(
    job: Document, run: Document, version: Document | None, summary_version: Progress, row_partitions: int
) -> bool:
    """Whether a summary rests on all of an import, and on the markers of the run and of its version everywhere."""
    marked = all(
        _marker(summary_version, partition, PREDICTIONS) >= run["source_offset"]
        and (version is None or _marker(summary_version, partition, GROUND_TRUTH) >= version["source_offset"])
        for partition in range(row_partitions)
    )
    return marked and applied(job, summary_version, topic=PREDICTIONS)


def in_scope(run: Document, scope_version: Progress, row_partitions: int) -> bool:
    """Whether a summary rests on the splits of all rows that were there when its run was made."""
    return all(
        _marker(scope_version, partition, DATA_ROWS_TOPIC) >= run["source_offset"]
        for partition in range(row_partitions)
    )


def applied(job: Document, progress: Progress, *, topic: str) -> bool:
    """Whether progress has passed the import's end in every partition that it wrote."""
    return all(
        progress.get(partition, {}).get("offsets", {}).get(topic, 0) > end
        for partition, end in job["end_offsets"].items()
    )


def _marker(progress: Progress, partition: int, topic: str) -> int:
    return progress.get(str(partition), {}).get("markers", {}).get(topic, -1)


def _rejection(document: Document) -> Rejection:
    return Rejection(
        number=document["number"],
        code=document["code"],
        message=document["message"],
        where=document.get("where"),
        uuid=document.get("uuid"),
    )


def _absent() -> Problem:
    return not_found("import", "it may have been sent to another server, or never begun")
