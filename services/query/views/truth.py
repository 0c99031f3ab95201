"""Ground truth: of one row in a version, and what changed between two versions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

import numpy as np
from pydantic import Field

from services.common.runtime.errors import not_found
from services.common.versions import holds_at
from services.query import tokens
from services.query.answers import Answer
from services.query.reads import Document, Reads
from services.query.views.datasets import document as dataset_document
from services.query.views.ontologies import class_name, class_names

_COLUMNS = ("count", "class_ids", "boxes", "areas", "crowds")
"""What a truth says. Its annotations' ids are names, not truth."""


class Annotation(Answer):
    """What people say of a row. `box` is x, y, width, height in pixels from the top left."""

    class_id: int
    class_name: str
    box: list[float]
    area: float = Field(description="as the annotation says it, not always width x height")
    crowd: bool
    annotation_id: int


class RowTruth(Answer):
    """The truth of a row in a version, in the order of its file. Without annotations the row is labelled, and empty."""

    dataset_id: str
    version: int
    global_key: str
    annotations: list[Annotation]


class TruthChange(Answer):
    """A row whose truth differs between two versions, and how many annotations it has in each (null: not labelled)."""

    global_key: str
    change: Literal["added", "removed", "changed"]
    annotations_before: int | None
    annotations_after: int | None


class Comparison(Answer):
    """What changed from one version of a dataset to another: counts of rows, and a page of these rows."""

    dataset_id: str
    from_version: int
    to_version: int
    added: int = Field(description="rows that became labelled")
    removed: int = Field(description="rows that are labelled no more")
    changed: int = Field(description="rows with other annotations")
    items: list[TruthChange]
    next_page_token: str | None = Field(default=None, description="give it as `page_token`; null at the end")


async def row_truth(reads: Reads, dataset_id: str, global_key: str, version: int | None) -> RowTruth:
    """The truth of one row, in the draft unless a version is named."""
    dataset = await dataset_document(reads, dataset_id, version)
    at = dataset["draft"] if version is None else version
    truth = await reads.truth(dataset_id, global_key, at)
    if truth is None:
        raise not_found("truth", "the data row is not labelled in this version of the dataset")
    names = await class_names(reads, dataset["ontology_id"])
    columns = zip(
        np.frombuffer(truth["class_ids"], "<i4").tolist(),
        np.frombuffer(truth["boxes"], "<f8").reshape(-1, 4).tolist(),
        np.frombuffer(truth["areas"], "<f8").tolist(),
        np.frombuffer(truth["crowds"], "?").tolist(),
        np.frombuffer(truth["annotation_ids"], "<i8").tolist(),
        strict=True,
    )
    return RowTruth(
        dataset_id=dataset_id,
        version=at,
        global_key=global_key,
        annotations=[
            Annotation(
                class_id=class_id,
                class_name=class_name(names, class_id),
                box=box,
                area=area,
                crowd=crowd,
                annotation_id=annotation_id,
            )
            for class_id, box, area, crowd, annotation_id in columns
        ],
    )


async def compare(
    reads: Reads, dataset_id: str, before: int, after: int, *, page_size: int, page_token: str | None = None
) -> Comparison:
    """Rows whose truth differs, by key. The first page counts them all, the next ones remember."""
    await dataset_document(reads, dataset_id, before)
    await dataset_document(reads, dataset_id, after)
    asked = tokens.question("compare", {"dataset_id": dataset_id, "before": before, "after": after})
    match tokens.read(asked, page_token):
        case None:
            counted, counts, place = False, {"added": 0, "removed": 0, "changed": 0}, ""
        case [int(added), int(removed), int(changed), str(place)]:
            counted, counts = True, {"added": added, "removed": removed, "changed": changed}
        case _:
            raise tokens.refused()
    items: list[TruthChange] = []
    more = False
    async for change in _changes(reads, dataset_id, before, after, place):
        more = more or len(items) == page_size
        if not counted:
            counts[change.change] += 1
        elif more:
            break
        if not more:
            items.append(change)
    token = tokens.write(asked, [*counts.values(), items[-1].global_key]) if more else None
    return Comparison(
        dataset_id=dataset_id,
        from_version=before,
        to_version=after,
        added=counts["added"],
        removed=counts["removed"],
        changed=counts["changed"],
        items=items,
        next_page_token=token,
    )


async def _changes(reads: Reads, dataset_id: str, before: int, after: int, place: str) -> AsyncIterator[TruthChange]:
    """Rows behind a place whose truth differs."""
    row: list[Document] = []
    async for truth in reads.truths_that_differ(dataset_id, before, after, place, _COLUMNS):
        if row and row[0]["row"] != truth["row"]:
            if change := _change(row, before, after):
                yield change
            row = []
        row.append(truth)
    if row and (change := _change(row, before, after)):
        yield change


def _change(truths: list[Document], before: int, after: int) -> TruthChange | None:
    """What became of a row's truth; None where another write said the same."""
    then = next((truth for truth in truths if _holds(truth, before)), None)
    now = next((truth for truth in truths if _holds(truth, after)), None)
    if then is not None and now is not None and _said(then) == _said(now):
        return None
    return TruthChange(
        global_key=truths[0]["global_key"],
        change="added" if then is None else "removed" if now is None else "changed",
        annotations_before=None if then is None else then["count"],
        annotations_after=None if now is None else now["count"],
    )


def _said(truth: Document) -> list[Any]:
    return [truth[column] for column in _COLUMNS]


def _holds(truth: Document, version: int) -> bool:
    return holds_at(truth["from"], truth["to"], version)
