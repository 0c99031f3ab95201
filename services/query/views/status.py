"""What the server is busy with, and how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from pydantic import Field

import sightline
from services.common.groups import INGEST_ROWS, METRICS_ROWS
from services.common.readmodel.collections import IMPORT_JOBS, MODEL_RUNS, RUN_SUMMARIES
from services.query.answers import Answer
from services.query.peers import Standing
from services.query.reads import Document, Touches
from services.query.sources import Sources
from services.query.views.freshness import behind

NEWEST_RUNS = 20
ALONE = Standing({"": None})
"""This service where nobody has told it of other processes of its own: it answers, so it is ready."""


class ServiceStatus(Answer):
    """One service. `problem` says what keeps it from being ready; one process that is ready is enough."""

    name: str
    ready: bool
    problem: str | None
    processes: int = Field(description="processes of it")
    processes_ready: int = Field(description="those that are ready")


class TopicStatus(Answer):
    """How far a group is in a topic."""

    group: str
    topic: str
    applied: int = Field(description="events applied, in all row partitions")
    lag: int | None = Field(description="events accepted and not applied yet; null: the service doesn't say")
    lag_by_partition: dict[str, int]


class RunStatus(Answer):
    """How fresh a run is. Visible is what its kept numbers rest on; accepting, what its import put on the log."""

    run_id: str
    name: str
    rows_in_scope: int | None
    rows_predicted: int | None
    predictions_visible: int | None
    predictions_accepting: int | None = Field(description="by the import that writes the run now; null: none does")
    measured_unix_ms: int | None = Field(description="when its kept numbers were made; null: not yet")
    partitions_behind: list[int] = Field(description="row partitions in which it changed since: the next are coming")


class Status(Answer):
    """The state of the stack."""

    version: str
    ready: bool
    services: list[ServiceStatus]
    topics: list[TopicStatus]
    runs: list[RunStatus] = Field(description="the newest")


async def status(sources: Sources) -> Status:
    """Services, row groups, and the newest runs."""
    reads, partitions = sources.reads, sources.row_partitions
    (runs, _), standings, lags, accepting, measuring = await asyncio.gather(
        reads.listing(MODEL_RUNS, {}, order=(("created_unix_ms", -1),), page_size=NEWEST_RUNS, page_token=None),
        sources.peers.standings(),
        sources.peers.lags(),
        reads.progress(INGEST_ROWS, partitions),
        reads.progress(METRICS_ROWS, partitions),
    )
    summaries, touches, jobs = await asyncio.gather(
        reads.several(RUN_SUMMARIES, [run["run_id"] for run in runs]),
        reads.touches([run["run_id"] for run in runs], partitions),
        reads.several(IMPORT_JOBS, [run["open_import"] for run in runs if run["open_import"]]),
    )
    return Status(
        version=sightline.__version__,
        ready=all(standing.ready for standing in standings.values()),
        services=[_service(name, standing) for name, standing in ({"query": ALONE} | standings).items()],
        topics=[*_topics(INGEST_ROWS, accepting, lags), *_topics(METRICS_ROWS, measuring, lags)],
        runs=[
            _run(run, summaries.get(run["run_id"]), jobs.get(run["open_import"] or ""), touches[run["run_id"]])
            for run in runs
        ],
    )


def _service(name: str, standing: Standing) -> ServiceStatus:
    return ServiceStatus(
        name=name,
        ready=bool(standing.ready),
        problem=standing.problem,
        processes=standing.processes,
        processes_ready=standing.ready,
    )


def _topics(
    group: str, progress: Mapping[str, Document], lags: Mapping[tuple[str, str, int], int]
) -> Sequence[TopicStatus]:
    topics = sorted({topic for document in progress.values() for topic in document["offsets"]})
    answer: list[TopicStatus] = []
    for topic in topics:
        by_partition = {str(p): lag for (g, t, p), lag in sorted(lags.items()) if (g, t) == (group, topic)}
        answer.append(
            TopicStatus(
                group=group,
                topic=topic,
                applied=sum(document["offsets"].get(topic, 0) for document in progress.values()),
                lag=sum(by_partition.values()) if by_partition else None,
                lag_by_partition=by_partition,
            )
        )
    return answer


def _run(run: Document, summary: Document | None, job: Document | None, touches: Touches) -> RunStatus:
    known = summary or {}
    return RunStatus(
        run_id=run["run_id"],
        name=run["name"],
        rows_in_scope=known.get("rows"),
        rows_predicted=known.get("rows_predicted"),
        predictions_visible=known.get("predictions"),
        predictions_accepting=None if job is None else job.get("accepted"),
        measured_unix_ms=known.get("computed_unix_ms"),
        partitions_behind=behind(touches, summary),
    )
