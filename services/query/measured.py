"""A run with its evidence: what most questions begin with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.common.readmodel.collections import MODEL_RUNS, RUN_SUMMARIES
from services.common.readmodel.columns.cache import RunView
from services.common.readmodel.feed import FeedLost
from services.common.runtime.errors import Problem, not_found
from services.query.reads import Document, Reads, Touches
from services.query.sources import Sources
from services.query.views.freshness import Freshness, freshness, revisions
from services.query.views.ontologies import class_name, class_names
from sightline.evaluation.evidence import Evidence

CATCH_UP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A run, the default numbers that are kept of it (None until it is measured), and its evidence, not older."""

    document: Document
    names: dict[int, str]
    summary: Document | None
    touches: Touches
    view: RunView

    @property
    def evidence(self) -> Evidence:
        """Predictions, truths and pairs of the rows in scope."""
        return self.view.evidence

    @property
    def freshness(self) -> Freshness:
        """What the evidence and the default numbers rest on."""
        return freshness(self.view.progress, self.summary, self.touches)

    def name(self, class_id: int) -> str:
        """A class's name."""
        return class_name(self.names, class_id)


async def run_document(reads: Reads, run_id: str) -> Document:
    """A run as it is stored, or a 404."""
    found = await reads.one(MODEL_RUNS, run_id)
    if found is None:
        raise not_found("model run", "GET /v1/model-runs lists those of this project")
    return found


@asynccontextmanager
async def measured(sources: Sources, run_id: str) -> AsyncGenerator[Measured]:
    """A run with evidence that is at least as fresh as its summary, and stands still while it is looked at."""
    reads = sources.reads
    document, names, touches, summary = await asyncio.gather(
        run_document(reads, run_id),
        _class_names(sources, run_id),
        reads.touches([run_id], sources.row_partitions),
        reads.one(RUN_SUMMARIES, run_id),
    )
    async with sources.columns.run(reads.project_id, run_id) as view:
        if summary is not None:
            await _reach(view, revisions(summary["version"]), revisions(summary.get("scope_version") or {}))
        yield Measured(document, names, summary, touches[run_id], view)


async def _class_names(sources: Sources, run_id: str) -> dict[int, str]:
    """Names of a run's classes: one read, where the run's ontology is known."""
    ontology_id = sources.ontologies.get(run_id)
    if ontology_id is None:
        ontology_id = str((await run_document(sources.reads, run_id))["ontology_id"])
        sources.ontologies.put(run_id, ontology_id, 1)
    return await class_names(sources.reads, ontology_id)


async def _reach(view: RunView, revs: dict[int, int], accepted: dict[int, int]) -> None:
    try:
        await view.reach(revs, CATCH_UP_SECONDS, accepted)
    except (TimeoutError, FeedLost):
        raise Problem(
            503,
            "catching-up",
            "this service has not caught up with the run",
            f"changes did not arrive within {CATCH_UP_SECONDS:g} s: try again",
            headers={"Retry-After": "5"},
        ) from None
