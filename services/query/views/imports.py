"""Import jobs: what was accepted, what was rejected, and whether the numbers rest on it yet."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from services.common.groups import INGEST_ROWS, METRICS_ROWS
from services.common.readmodel.collections import (
    DATASET_VERSIONS,
    IMPORT_ERRORS,
    IMPORT_JOBS,
    IMPORTS,
    MODEL_RUNS,
    RUN_SUMMARIES,
)
from services.common.runtime.errors import Problem, not_found
from services.query.answers import Answer, Page
from services.query.reads import Document, Reads
from services.query.sources import Sources
from services.query.views.freshness import DATA_ROWS_TOPIC, GROUND_TRUTH, PREDICTIONS, Progress

FIRST_REJECTIONS = 20
LONGEST_WAIT = 60.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.2

_STORED = (
    *("state", "dataset_id", "dataset_version", "run_id", "format", "mode", "failure"),
    *("begun_unix_ms", "ended_unix_ms"),
)


State = Literal["RUNNING", "FINISHED", "FAILED"]
Format = Literal["coco", "ndjson", "data-rows", "prediction-deletion", "row-deletion", "truth-removal"]


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
    name: str | None = Field(description="what its client calls it, such as the name of its file")
    state: State
    dataset_id: str
    dataset_version: int | None
    run_id: str | None
    format: str
    mode: str | None
    accepted: int
    rejected: int
    measured: bool
    failure: str | None
    warnings: dict[str, int] = Field(description="what was taken although it is odd, and how often")
    progress: ImportProgress
    begun_unix_ms: int
    ended_unix_ms: int | None


class ImportJobInFull(ImportJob):
    """With what it didn't take."""

    rejections: list[Rejection] = Field(description="the first twenty; GET /v1/imports/{job}/errors has up to 100,000")


async def import_jobs(
    sources: Sources,
    *,
    run_id: str | None = None,
    dataset_id: str | None = None,
    state: State | None = None,
    format: Format | None = None,
    page_size: int,
    page_token: str | None = None,
) -> Page[ImportJob]:
    """Imports, the newest first."""
    reads = sources.reads
    documents, token = await reads.listing(
        IMPORTS,
        {"run_id": run_id, "dataset_id": dataset_id, "state": state, "format": format},
        order=(("begun_unix_ms", -1),),
        page_size=page_size,
        page_token=page_token,
    )
    live, grounds = await asyncio.gather(
        reads.several(IMPORT_JOBS, [document["import_id"] for document in documents]), _grounds(sources, documents)
    )
    partitions = sources.row_partitions
    items = [
        ImportJob(**_fields(each, live.get(each["import_id"]), _measured(each, grounds, partitions)))
        for each in documents
    ]
    return Page(items=items, next_page_token=token)


async def import_job(sources: Sources, job: str, *, wait: float = 0.0) -> ImportJobInFull:
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


async def _import_job(sources: Sources, job: str) -> tuple[ImportJobInFull, bool]:
    """An import, and whether it is measured or may still be: not if it failed, or its run was deleted."""
    reads = sources.reads
    document = await reads.one(IMPORTS, job)
    if document is None:
        raise _absent()
    live, (errors, _), grounds = await asyncio.gather(
        reads.one(IMPORT_JOBS, job),
        reads.listing(
            IMPORT_ERRORS, {"import_id": job}, order=(("number", 1),), page_size=FIRST_REJECTIONS, page_token=None
        ),
        _grounds(sources, [document]),
    )
    is_measured = _measured(document, grounds, sources.row_partitions)
    rejections = [_rejection(error) for error in errors]
    answer = ImportJobInFull(**_fields(document, live, is_measured), rejections=rejections)
    return answer, answer.state != "FAILED" and is_measured is not None


def _fields(document: Document, live: Document | None, is_measured: bool | None) -> dict[str, Any]:
    """What is said of any import. `live`: what its process says of it."""
    live = live or {}
    counts = live if document["state"] == "RUNNING" else document
    return {
        "job": document["import_id"],
        "name": document.get("name"),
        **{field: document[field] for field in _STORED},
        "accepted": counts.get("accepted", 0),
        "rejected": counts.get("rejected", 0),
        "measured": bool(is_measured),
        "warnings": dict(live.get("warnings", {})),
        "progress": ImportProgress(bytes=live.get("bytes", 0), place=live.get("place", 0)),
    }


@dataclass(frozen=True, slots=True)
class _Grounds:
    """What has to be known to say whether imports are measured, for all of a page at once."""

    progress: Mapping[str, Progress]
    """By group."""
    runs: Mapping[str, Document]
    summaries: Mapping[str, Document]
    versions: Mapping[str, Document]
    """By `dataset/version`."""


async def _grounds(sources: Sources, jobs: Sequence[Document]) -> _Grounds:
    reads = sources.reads
    finished = [job for job in jobs if job["state"] == "FINISHED"]
    groups = sorted({_group(job)[0] for job in finished if job["run_id"] is None})
    run_ids = sorted({job["run_id"] for job in finished if job["run_id"] is not None})
    runs, summaries, *progress = await asyncio.gather(
        reads.several(MODEL_RUNS, run_ids),
        reads.several(RUN_SUMMARIES, run_ids),
        *(reads.progress(group, sources.row_partitions) for group in groups),
    )
    versions = await reads.several(DATASET_VERSIONS, sorted({_version(run) for run in runs.values()}))
    return _Grounds(dict(zip(groups, progress, strict=True)), runs, summaries, versions)


def _group(job: Document) -> tuple[str, str]:
    """Who applies what an import without a run said, and on which topic that lies."""
    return (INGEST_ROWS, DATA_ROWS_TOPIC) if job["format"] == "data-rows" else (METRICS_ROWS, GROUND_TRUTH)


def _version(run: Document) -> str:
    return f"{run['dataset_id']}/{run['dataset_version']}"


def _measured(job: Document, grounds: _Grounds, row_partitions: int) -> bool | None:
    """Whether what the import said is in the numbers: progress alone tells. None: its run is gone."""
    if job["state"] != "FINISHED":
        return False
    if job["run_id"] is None:
        group, topic = _group(job)
        return applied(job, grounds.progress[group], topic=topic)
    run, summary = grounds.runs.get(job["run_id"]), grounds.summaries.get(job["run_id"])
    if run is None or summary is None:
        return None if run is None else False
    scoped = not run.get("splits") or in_scope(run, summary["scope_version"] or {}, row_partitions)
    return scoped and measured(job, run, grounds.versions.get(_version(run)), summary["version"], row_partitions)


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
