"""One row of a run in full: what is there, what was predicted, how they overlap, and who took whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt
from pydantic import Field

from services.common.readmodel.columns.tables import least_overlap
from services.common.runtime.errors import not_found
from services.query.answers import Answer, Number
from services.query.measured import run_document
from services.query.reads import Document
from services.query.sources import Sources
from services.query.thresholds import Thresholds, check_kept
from services.query.views.ontologies import class_name, class_names
from services.query.views.rows import RowCounts, data_row_fields, row_numbers
from sightline.evaluation.counts import row_values_of_matches
from sightline.evaluation.evidence import Evidence, PairColumns, PredictionColumns, Spans, TruthColumns
from sightline.evaluation.matching import Matches, Verdict, match
from sightline.evaluation.report import nulls

PredictionVerdict = Literal["below_threshold", "true_positive", "false_positive", "ignored"]
TruthVerdict = Literal["found", "missed", "crowd"]


class RowPrediction(Answer):
    """A prediction. `box` is x, y, width, height in pixels from the top left."""

    class_name: str
    confidence: Number = Field(description="null: the model gave none, and it counts as 1")
    box: list[float]
    area: float
    place: int = Field(description="place in the upload: decides between equal confidences")
    uuid: str = Field(description="names the prediction inside its row; made from its content where none was sent")
    verdict: PredictionVerdict | None = Field(
        description="at the thresholds; ignored: it took a crowd, and is in no count; null: the row isn't labelled"
    )
    truth: int | None = Field(description="index of the truth that it took")
    overlap: Number = Field(description="with the truth that it took")


class RowTruth(Answer):
    """A truth."""

    class_name: str
    box: list[float]
    area: float = Field(description="as the annotation says it, not always width x height")
    crowd: bool
    annotation_id: int
    verdict: TruthVerdict
    prediction: int | None = Field(description="index of the prediction that took it; of a crowd the last")


class RowPair(Answer):
    """A prediction and a truth, by index, that overlap by 0.05 or more, whatever their classes.

    Of more than can be kept only those that overlap more.
    """

    prediction: int
    truth: int
    overlap: float


class RunRowInFull(Answer):
    """A row of a run at thresholds. Predictions go by class and falling confidence, truths as in their file."""

    run_id: str
    dataset_id: str
    dataset_version: int
    global_key: str
    ordinal: int | None
    labelled: bool = Field(description="the version says what is there; otherwise the row is in no metric")
    predicted: bool
    iou: float
    confidence: Number
    values: RowCounts | None = Field(description="null for a row that isn't labelled")
    predictions: list[RowPrediction]
    truths: list[RowTruth]
    pairs: list[RowPair]
    asset_url: str | None
    width: int | None
    height: int | None
    split: str | None
    metadata: dict[str, Any]


async def run_row(sources: Sources, run_id: str, global_key: str, thresholds: Thresholds) -> RunRowInFull:
    """One row, matched at the thresholds."""
    reads = sources.reads
    run = await run_document(reads, run_id)
    dataset_id, version = run["dataset_id"], run["dataset_version"]
    names = await class_names(reads, run["ontology_id"])
    data_row, truth, run_row = await reads.row_of_run(run_id, dataset_id, version, global_key)
    if data_row is None and truth is None and run_row is None:
        raise not_found("row", "the run's dataset has no row of this global_key")
    evidence = _evidence(truth or _NONE, run_row or _NONE)
    check_kept(thresholds.iou, evidence)
    matches = match(evidence, thresholds.iou, thresholds.per_class(names, evidence.class_count))
    values = row_values_of_matches(evidence, matches)
    return RunRowInFull(
        run_id=run_id,
        dataset_id=dataset_id,
        dataset_version=version,
        global_key=global_key,
        ordinal=_ordinal(truth, data_row),
        labelled=truth is not None,
        predicted=bool(evidence.prediction_rows.count[0]),
        iou=thresholds.iou,
        confidence=thresholds.confidence,
        values=None if truth is None else RowCounts(**next(row_numbers(values))),
        predictions=_predictions(run_row or _NONE, evidence, matches, names, labelled=truth is not None),
        truths=_truths(truth or _NONE, evidence, matches, names),
        pairs=[
            RowPair(prediction=prediction, truth=truth, overlap=overlap)
            for prediction, truth, overlap in zip(
                evidence.pairs.prediction.tolist(),
                evidence.pairs.truth.tolist(),
                evidence.pairs.overlap.tolist(),
                strict=True,
            )
        ],
        **data_row_fields(dataset_id, global_key, data_row),
        metadata=dict((data_row or {}).get("metadata") or {}),
    )


_NONE: Document = {"count": 0, "pair_count": 0}
_UUID_BYTES = 16
_PREDICTION_VERDICTS: Mapping[int, PredictionVerdict] = {
    Verdict.UNSEEN: "below_threshold",
    Verdict.MATCHED: "true_positive",
    Verdict.UNMATCHED: "false_positive",
    Verdict.IGNORED: "ignored",
}
_TRUTH_VERDICTS: Mapping[int, TruthVerdict] = {
    Verdict.MATCHED: "found",
    Verdict.UNMATCHED: "missed",
    Verdict.IGNORED: "crowd",
}


def _column(document: Document, name: str, dtype: str) -> npt.NDArray[Any]:
    return np.frombuffer(document.get(name, b""), np.dtype(dtype))


def _evidence(truth: Document, run_row: Document) -> Evidence:
    """The evidence of one row, from its documents."""
    confidence = _column(run_row, "confidences", "<f8")
    predictions = PredictionColumns(
        _column(run_row, "class_ids", "<i4"),
        np.where(np.isnan(confidence), 1.0, confidence),
        _column(run_row, "areas", "<f8"),
        _column(run_row, "places", "<i4"),
    )
    truths = TruthColumns(
        _column(truth, "class_ids", "<i4"), _column(truth, "areas", "<f8"), _column(truth, "crowds", "?")
    )
    pairs = PairColumns(
        _column(run_row, "pair_predictions", "<i4"),
        _column(run_row, "pair_truths", "<i4"),
        _column(run_row, "pair_overlaps", "<f8"),
    )
    highest = max(predictions.class_id.max(initial=0), truths.class_id.max(initial=0))
    return Evidence(
        class_count=int(highest) + 1,
        ordinal=np.zeros(1, np.int64),
        truths=truths,
        truth_rows=_whole(len(truths.class_id)),
        predictions=predictions,
        prediction_rows=_whole(len(predictions.class_id)),
        pairs=pairs,
        pair_rows=_whole(len(pairs.truth)),
        least_overlap=least_overlap(run_row),
    )


def _whole(count: int) -> Spans:
    return Spans(np.zeros(1, np.int64), np.array([count], np.int32))


def _ordinal(truth: Document | None, data_row: Document | None) -> int | None:
    """The row's place in the version; where it isn't labelled there, the data row's own."""
    place = data_row if truth is None else truth
    return place["ordinal"] if place is not None else None


def _predictions(
    run_row: Document, evidence: Evidence, matches: Matches, names: Mapping[int, str], *, labelled: bool
) -> list[RowPrediction]:
    uuids: bytes = run_row.get("uuids", b"")
    boxes = _column(run_row, "boxes", "<f8").reshape(-1, 4)
    confidences = nulls(_column(run_row, "confidences", "<f8"))
    predictions = evidence.predictions
    return [
        RowPrediction(
            class_name=class_name(names, int(predictions.class_id[i])),
            confidence=confidences[i],
            box=boxes[i].tolist(),
            area=float(predictions.area[i]),
            place=int(predictions.place[i]),
            uuid=str(UUID(bytes=uuids[_UUID_BYTES * i : _UUID_BYTES * (i + 1)])),
            verdict=_PREDICTION_VERDICTS[int(matches.verdict[i])] if labelled else None,
            truth=_index(matches.truth[i]),
            overlap=float(matches.overlap[i]) if matches.truth[i] >= 0 else None,
        )
        for i in range(len(boxes))
    ]


def _truths(truth: Document, evidence: Evidence, matches: Matches, names: Mapping[int, str]) -> list[RowTruth]:
    boxes = _column(truth, "boxes", "<f8").reshape(-1, 4)
    annotation_ids = _column(truth, "annotation_ids", "<i8")
    truths = evidence.truths
    return [
        RowTruth(
            class_name=class_name(names, int(truths.class_id[i])),
            box=boxes[i].tolist(),
            area=float(truths.area[i]),
            crowd=bool(truths.crowd[i]),
            annotation_id=int(annotation_ids[i]),
            verdict=_TRUTH_VERDICTS[int(matches.truth_verdict[i])],
            prediction=_index(matches.prediction[i]),
        )
        for i in range(len(boxes))
    ]


def _index(index: np.int32) -> int | None:
    return int(index) if index >= 0 else None
