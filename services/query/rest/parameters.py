"""What clients may ask for, as URLs write it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Depends, Path, Query, Response
from pydantic import AllowInfNan, StringConstraints

from services.query import thresholds
from services.query.answers import LARGEST_PAGE, Answer
from services.query.bulk.wanted import Format, Wanted
from services.query.thresholds import Thresholds
from services.query.views import rows
from sightline.domain.splits import Split
from sightline.evaluation.conventions import DEFAULT_IOU

PageSize = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="most items of a page")]
PageToken = Annotated[str | None, Query(description="`next_page_token` of the page before")]
Name = Annotated[str | None, Query(max_length=500, description="only the one of exactly this name")]
Text = Annotated[str | None, Query(max_length=500)]
RunId = Annotated[str, Path(max_length=200, examples=["run_7f3c"])]
DatasetId = Annotated[str, Path(max_length=200, examples=["ds_51a0"])]
GlobalKey = Annotated[str, Path(max_length=200, description="names the row in its dataset; it may hold slashes")]
Key = Annotated[str, StringConstraints(max_length=200)]
OntologyId = Annotated[str, Path(max_length=200, examples=["ont_51a0"])]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]
AskedVersion = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="of the dataset; without: its draft")]
Bound = Annotated[float | None, AllowInfNan(False)]
Iou = Annotated[float, Query(description="IoU from which a prediction and a truth match, 0.05 to 1", examples=[0.5])]


def asked_thresholds(
    iou: Iou = DEFAULT_IOU,
    confidence: Annotated[
        str | None,
        Query(
            description="confidence from which predictions count, 0 to 1; `null`: nothing counts. Without: 0.5",
            examples=["0.5"],
        ),
    ] = None,
    class_confidence: Annotated[
        Sequence[str],
        Query(
            description="the same for one class, as `NAME:0.3` or `NAME:null`; may be repeated", examples=[["car:0.3"]]
        ),
    ] = (),
) -> Thresholds:
    """Thresholds as URLs write them."""
    return thresholds.from_text(iou, confidence, class_confidence)


AskedThresholds = Annotated[Thresholds, Depends(asked_thresholds)]


def asked_rows(
    at: AskedThresholds,
    classes: Annotated[
        Sequence[str],
        Query(alias="class", description="only rows and counts of this class; may be repeated"),
    ] = (),
    min_confidence: Annotated[Bound, Query(description="a counted prediction is at least so confident")] = None,
    max_confidence: Annotated[Bound, Query(description="and at most so confident")] = None,
    min_iou: Annotated[Bound, Query(description="IoU of the row, at least")] = None,
    max_iou: Annotated[Bound, Query(description="IoU of the row, at most")] = None,
    min_tp: Annotated[Bound, Query(description="true positives, at least")] = None,
    max_tp: Annotated[Bound, Query(description="true positives, at most")] = None,
    min_fp: Annotated[Bound, Query(description="false positives, at least")] = None,
    max_fp: Annotated[Bound, Query(description="false positives, at most")] = None,
    min_fn: Annotated[Bound, Query(description="false negatives, at least")] = None,
    max_fn: Annotated[Bound, Query(description="false negatives, at most")] = None,
    sort: Annotated[
        Literal["ordinal", "confidence", "-confidence", "iou", "-iou"],
        Query(description="`-` is descending; rows without the value come last; equal ones go by ordinal"),
    ] = "ordinal",
) -> rows.RowQuery:
    """Filters and order of rows as URLs write them."""
    return rows.RowQuery(
        thresholds=at,
        classes=tuple(classes),
        confidence=rows.Between(min_confidence, max_confidence),
        iou=rows.Between(min_iou, max_iou),
        tp=rows.Between(min_tp, max_tp),
        fp=rows.Between(min_fp, max_fp),
        fn=rows.Between(min_fn, max_fn),
        sort=sort,
    )


AskedFormat = Annotated[Format, Query(description="lines in Labelbox's shape, or COCO's JSON")]
MEDIA_TYPES = {"ndjson": "application/x-ndjson", "coco": "application/json"}

Splits = Annotated[Sequence[Split], Query(alias="split", description="only rows of this split; may be repeated")]
Rows = Annotated[
    Sequence[Key], Query(alias="row", max_length=1000, description="only of this global key; may be repeated")
]
Classes = Annotated[Sequence[str], Query(alias="class", description="only of this class; may be repeated")]


def asked_predictions(
    splits: Splits = (),
    rows: Rows = (),
    classes: Classes = (),
    min_confidence: Annotated[
        float | None, Query(ge=0, le=1, description="only from this confidence on; one without counts as 1")
    ] = None,
    empty: Annotated[
        bool,
        Query(description="with a line for each row on which the run found nothing, as `mode=replace` takes it"),
    ] = False,
) -> Wanted:
    """Predictions as URLs name them."""
    return Wanted(splits, rows, classes, min_confidence, empty)


def asked_truth(splits: Splits = (), rows: Rows = (), classes: Classes = ()) -> Wanted:
    """Annotations of the truth as URLs name them."""
    return Wanted(splits, rows, classes)


def json(answer: Answer) -> Response:
    """An answer that is already what its type says: straight to bytes."""
    return Response(answer.__pydantic_serializer__.to_json(answer), media_type="application/json")
