"""What an answer rests on: how far the row partitions were when it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from services.query.answers import Answer
from services.query.reads import Touches

DATA_ROWS_TOPIC = "data-rows"
GROUND_TRUTH = "ground-truth"
PREDICTIONS = "predictions"
"""Topics, as progress names them."""


Progress = Mapping[Any, Mapping[str, Any]]
"""By row partition (a number, or its digits): {rev, offsets {topic: next}, markers {topic: source offset}}."""


class Freshness(Answer):
    """As of when: revisions count batches of row events, by row partition."""

    counts_at: dict[str, int] = Field(description="revision of each row partition that the counts rest on")
    coco_at: dict[str, int] = Field(description="the same of the COCO numbers; empty until the run is measured")
    coco_computed_unix_ms: int | None = Field(description="when they were made; null until the run is measured")
    coco_predictions: int | None = Field(description="predictions that they rest on; null until the run is measured")
    coco_behind: bool = Field(description="something that they rest on has changed since: the next are on their way")


def revisions(progress: Progress) -> dict[int, int]:
    """The revision of every row partition."""
    return {int(partition): state["rev"] for partition, state in progress.items()}


def behind(touches: Touches, summary: Mapping[str, Any] | None) -> list[int]:
    """Row partitions in which a run, or which rows are in its scope, changed after its summary."""
    known = summary or {}
    rows = revisions(known.get("version") or {})
    scope = revisions(known.get("scope_version") or {})
    late = {partition for partition, revision in touches.rows.items() if revision > rows.get(partition, 0)}
    late |= {partition for partition, revision in touches.scope.items() if revision > scope.get(partition, 0)}
    return sorted(late)


def freshness(counts: Progress, summary: Mapping[str, Any] | None, touches: Touches) -> Freshness:
    """Freshness of counts made where `counts` stands, and of COCO numbers taken from `summary`."""
    counts_at = revisions(counts)
    coco_at = revisions(summary["version"]) if summary is not None else {}
    return Freshness(
        counts_at=shown(counts_at),
        coco_at=shown(coco_at),
        coco_computed_unix_ms=summary["computed_unix_ms"] if summary is not None else None,
        coco_predictions=summary["predictions"] if summary is not None else None,
        coco_behind=bool(behind(touches, summary)),
    )


def shown(by_partition: Mapping[int, int]) -> dict[str, int]:
    """As answers have it: in order of the partitions, whose numbers are names in JSON."""
    return {str(partition): by_partition[partition] for partition in sorted(by_partition)}
