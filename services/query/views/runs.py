"""Model runs: which there are, and how far each is."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import Field

from services.common.groups import METRICS_ROWS
from services.common.readmodel.collections import MODEL_RUNS, RUN_SUMMARIES
from services.query.answers import Answer, Page
from services.query.measured import run_document
from services.query.reads import Document, Reads
from services.query.sources import Sources
from services.query.views.freshness import Freshness, freshness
from services.query.views.metrics import CocoNumbers


class RunSummary(Answer):
    """The numbers of a run that are kept ready. Rows, predictions and truths are those of its labelled rows."""

    rows_in_scope: int
    rows_predicted: int
    predictions: int
    truths: int
    coco: CocoNumbers
    computed_unix_ms: int


class Run(Answer):
    """A model run: what one model said of one version of a dataset. `summary` is null until it is measured."""

    project_id: str
    run_id: str
    name: str
    model_id: str
    dataset_id: str
    dataset_version: int
    ontology_id: str
    ontology_version: int
    splits: list[str] = Field(description="only labelled rows of these are in its scope; none: all labelled rows")
    accepts_new_rows: bool = Field(description="rows that the dataset doesn't have are made when it predicts on them")
    state: str = Field(description="`open`, or `sealed`: takes no more predictions")
    config: dict[str, Any] | None
    open_import: str | None = Field(description="the import that is writing the run now")
    created_unix_ms: int
    summary: RunSummary | None


_STORED = sorted(Run.model_fields.keys() - {"project_id", "summary"})


class RunInFull(Run):
    """A run, and what the numbers that are kept of it rest on."""

    freshness: Freshness = Field(description="`counts_at` is how far the row partitions are now")


async def run(sources: Sources, run_id: str) -> RunInFull:
    """One run."""
    reads = sources.reads
    document, touches, summary, now = await asyncio.gather(
        run_document(reads, run_id),
        reads.touches([run_id], sources.row_partitions),
        reads.one(RUN_SUMMARIES, run_id),
        reads.progress(METRICS_ROWS, sources.row_partitions),
    )
    return RunInFull(**dict(_run(reads, document, summary)), freshness=freshness(now, summary, touches[run_id]))


async def runs(
    reads: Reads,
    *,
    name: str | None = None,
    model_id: str | None = None,
    dataset_id: str | None = None,
    dataset_version: int | None = None,
    state: str | None = None,
    page_size: int,
    page_token: str | None = None,
) -> Page[Run]:
    """Runs, the newest first."""
    documents, token = await reads.listing(
        MODEL_RUNS,
        {
            "name": name,
            "model_id": model_id,
            "dataset_id": dataset_id,
            "dataset_version": dataset_version,
            "state": state,
        },
        order=(("created_unix_ms", -1),),
        page_size=page_size,
        page_token=page_token,
    )
    summaries = await reads.several(RUN_SUMMARIES, [document["run_id"] for document in documents])
    return Page(
        items=[_run(reads, document, summaries.get(document["run_id"])) for document in documents],
        next_page_token=token,
    )


def _run(reads: Reads, document: Document, summary: Document | None) -> Run:
    return Run(
        project_id=reads.project_id,
        **{name: document[name] for name in _STORED},
        summary=None if summary is None else _summary(summary),
    )


def _summary(summary: Document) -> RunSummary:
    return RunSummary(
        rows_in_scope=summary["rows"],
        rows_predicted=summary["rows_predicted"],
        predictions=summary["predictions"],
        truths=summary["truths"],
        coco=CocoNumbers(**summary["coco"]),
        computed_unix_ms=summary["computed_unix_ms"],
    )
