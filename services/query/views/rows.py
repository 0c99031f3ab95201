"""The rows of a run: filtered and sorted by what the run got right and wrong on each."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from services.common.readmodel.collections import DATA_ROWS
from services.query import tokens
from services.query.answers import Answer, Number, Page
from services.query.measured import Measured, measured
from services.query.reads import Document
from services.query.sources import Sources
from services.query.thresholds import Thresholds, check_kept, unknown_class
from services.query.views.assets import asset_link
from sightline.arrays import Bools, Floats, Longs
from sightline.evaluation.counts import Counts, RowValues, row_values_of_matches
from sightline.evaluation.evidence import Evidence, Spans
from sightline.evaluation.matching import Matches, Verdict, match
from sightline.evaluation.report import nulls

Sort = Literal["ordinal", "confidence", "-confidence", "iou", "-iou"]


@dataclass(frozen=True, slots=True)
class Between:
    """A range, both ends inside; None leaves an end open. What is undefined is in no range but the open one."""

    least: float | None = None
    most: float | None = None

    @property
    def open(self) -> bool:
        """Whether everything is inside."""
        return self.least is None and self.most is None

    def holds(self, values: Floats | Longs) -> Bools:
        """Which values are inside."""
        if self.open:
            return np.ones(len(values), np.bool_)
        low = -math.inf if self.least is None else self.least
        high = math.inf if self.most is None else self.most
        return (values >= low) & (values <= high)


@dataclass(frozen=True, slots=True)
class RowQuery:
    """Which rows, and in which order.

    With `classes`, rows and their values are about predictions and truths of these classes alone, and rows without any
    are left out. `confidence` asks for a counted prediction inside the range; the other ranges are about row values.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    classes: tuple[str, ...] = ()
    confidence: Between = Between()
    iou: Between = Between()
    tp: Between = Between()
    fp: Between = Between()
    fn: Between = Between()
    sort: Sort = "ordinal"


class RowCounts(Answer):
    """What the run got right and wrong on a row, at the thresholds of the question."""

    tp: int
    fp: int
    fn: int
    precision: Number
    recall: Number
    f1: Number
    iou: Number = Field(
        description="overlap per matched pair, unmatched prediction and unmatched truth; null without any"
    )


class RowName(Answer):
    """Which row, and its place in the dataset's order."""

    global_key: str
    ordinal: int


class RunRow(RowCounts, RowName):
    """A row of a run. Counted predictions are those from their thresholds on."""

    predictions: int = Field(description="whatever their confidence")
    truths: int = Field(description="crowds too")
    confidence: Number = Field(
        description="of the least confident counted prediction when sorted by ascending confidence, otherwise the most"
    )
    asset_url: str | None = Field(description="where this service serves the asset, or the asset's own remote address")
    width: int | None
    height: int | None
    split: str | None


async def run_rows(
    sources: Sources, run_id: str, query: RowQuery, *, page_size: int, page_token: str | None = None
) -> Page[RunRow]:
    """One page of the rows of a run. Equal ones go by ordinal; rows without the value that is sorted by come last."""
    asked = tokens.question("run-rows", {"run_id": run_id, **asdict(query)})
    after = tokens.read(asked, page_token)
    async with measured(sources, run_id) as run:
        found = await asyncio.to_thread(_find, run, query, after, page_size)
        dataset_id = run.document["dataset_id"]
        keys = [run.view.rows[row] for row in found.rows]
        known = await sources.reads.several(DATA_ROWS, [f"{dataset_id}/{key}" for key in keys])
        items = [
            RunRow(
                **numbers,
                global_key=key,
                ordinal=int(run.evidence.ordinal[row]),
                predictions=int(run.evidence.prediction_rows.count[row]),
                truths=int(run.evidence.truth_rows.count[row]),
                confidence=confidence,
                **data_row_fields(dataset_id, key, known.get(f"{dataset_id}/{key}")),
            )
            for row, key, numbers, confidence in zip(
                found.rows, keys, row_numbers(found.values), nulls(found.confidence), strict=True
            )
        ]
    return Page(items=items, next_page_token=None if found.end is None else tokens.write(asked, found.end))


def row_numbers(values: RowValues) -> Iterator[dict[str, Any]]:
    """The fields of `RowCounts`, row after row."""
    counts = values.counts
    columns: dict[str, list[Any]] = {
        "tp": counts.true_positive.tolist(),
        "fp": counts.false_positive.tolist(),
        "fn": counts.false_negative.tolist(),
        "precision": nulls(counts.precision),
        "recall": nulls(counts.recall),
        "f1": nulls(counts.f1),
        "iou": nulls(values.iou),
    }
    for numbers in zip(*columns.values(), strict=True):
        yield dict(zip(columns, numbers, strict=True))


def data_row_fields(dataset_id: str, global_key: str, data_row: Document | None) -> dict[str, Any]:
    """What is known of the data row itself."""
    known = data_row or {}
    return {
        "asset_url": asset_link(dataset_id, global_key, known.get("asset_url")),
        "width": known.get("width"),
        "height": known.get("height"),
        "split": known.get("split"),
    }


@dataclass(frozen=True, slots=True)
class _Found:
    """A page: rows by index, their values, the confidence to show, and where the page ends (None: the list ends)."""

    rows: list[int]
    values: RowValues
    confidence: Floats
    end: list[tokens.Plain] | None


def _find(run: Measured, query: RowQuery, after: list[tokens.Plain] | None, page_size: int) -> _Found:
    """Match at the thresholds, filter, sort, and cut out a page."""
    evidence = run.evidence
    matches = _matches(run, query)
    values = row_values_of_matches(evidence, matches)
    confidence = values.minimum_confidence if query.sort == "confidence" else values.maximum_confidence
    sorted_by = {
        "ordinal": np.zeros(evidence.row_count),
        "confidence": confidence,
        "-confidence": -confidence,
        "iou": values.iou,
        "-iou": -values.iou,
    }[query.sort]
    value = np.where(np.isnan(sorted_by), np.inf, sorted_by)
    rows = np.flatnonzero(_kept(evidence, matches, values, query))
    page, more = _page(rows, value, evidence.ordinal, run.view.rows, after, page_size)
    end: list[tokens.Plain] | None = None
    if more:
        last = page[-1]
        end = [float(value[last]), int(evidence.ordinal[last]), run.view.rows[last]]
    return _Found(page, _of_rows(values, page), confidence[page], end)


def _matches(run: Measured, query: RowQuery) -> Matches:
    """Matches at the thresholds; of classes that aren't asked for, nothing counts and nothing is missed."""
    evidence = run.evidence
    check_kept(query.thresholds.iou, evidence)
    least = query.thresholds.per_class(run.names, evidence.class_count)
    if not query.classes:
        return match(evidence, query.thresholds.iou, least)
    wanted = np.zeros(evidence.class_count, np.bool_)
    ids = {name: class_id for class_id, name in run.names.items()}
    for name in query.classes:
        if name not in ids:
            raise unknown_class(run.names)
        wanted[ids[name] : ids[name] + 1] = True
    matches = match(evidence, query.thresholds.iou, np.where(wanted, least, np.inf))
    unseen = np.int8(Verdict.UNSEEN)
    return replace(matches, truth_verdict=np.where(wanted[evidence.truths.class_id], matches.truth_verdict, unseen))


def _kept(evidence: Evidence, matches: Matches, values: RowValues, query: RowQuery) -> Bools:
    """Which rows pass the filters."""
    counts = values.counts
    kept = query.iou.holds(values.iou)
    kept &= query.tp.holds(counts.true_positive)
    kept &= query.fp.holds(counts.false_positive)
    kept &= query.fn.holds(counts.false_negative)
    counted = matches.verdict != Verdict.UNSEEN
    if query.classes:
        there = matches.truth_verdict != Verdict.UNSEEN
        kept &= _any(counted, evidence.prediction_rows) | _any(there, evidence.truth_rows)
    if not query.confidence.open:
        counted &= query.confidence.holds(evidence.predictions.confidence)
        kept &= _any(counted, evidence.prediction_rows)
    return kept


def _any(mask: Bools, rows: Spans) -> Bools:
    """Which rows have an entry in the mask."""
    before = np.concatenate([[0], np.cumsum(mask)])
    return before[rows.start + rows.count] > before[rows.start]


def _page(
    rows: Longs, value: Floats, ordinal: Longs, keys: Sequence[str], after: list[tokens.Plain] | None, page_size: int
) -> tuple[list[int], bool]:
    """The rows after a place, by value, ordinal and key; and whether there are more."""
    if after is not None:
        rows = _after(rows, value, ordinal, keys, after)
    if len(rows) > page_size:
        last = rows[np.lexsort((ordinal[rows], value[rows]))[page_size]]
        before = value[rows] < value[last]
        rows = rows[before | ((value[rows] == value[last]) & (ordinal[rows] <= ordinal[last]))]
    ordered = sorted(rows.tolist(), key=lambda row: (value[row], ordinal[row], keys[row]))
    return ordered[:page_size], len(ordered) > page_size


def _after(rows: Longs, value: Floats, ordinal: Longs, keys: Sequence[str], place: list[tokens.Plain]) -> Longs:
    match place:
        case [float() | int() | None as reached, int(at), str(last)]:
            least = math.inf if reached is None else reached
        case _:
            raise tokens.refused()
    same = value[rows] == least
    tied = same & (ordinal[rows] == at)
    tied[tied] = [keys[int(row)] > last for row in rows[tied]]
    return rows[(value[rows] > least) | (same & (ordinal[rows] > at)) | tied]


def _of_rows(values: RowValues, rows: list[int]) -> RowValues:
    counts = values.counts
    return RowValues(
        Counts(counts.true_positive[rows], counts.false_positive[rows], counts.false_negative[rows]),
        values.overlap[rows],
        values.minimum_confidence[rows],
        values.maximum_confidence[rows],
    )
