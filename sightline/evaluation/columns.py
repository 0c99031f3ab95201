"""The columns of evidence as one argument of a kernel."""

from __future__ import annotations

from typing import NamedTuple

from sightline.evaluation.evidence import Evidence
from sightline.kernel import InBools, InFloats, InInts, InLongs, read_only


class Columns(NamedTuple):
    """What evidence holds, flat: see `PredictionColumns`, `TruthColumns`, `PairColumns` and `Spans`."""

    class_id: InInts
    confidence: InFloats
    area: InFloats
    place: InInts
    prediction_start: InLongs
    prediction_count: InInts
    truth_class: InInts
    truth_area: InFloats
    crowd: InBools
    truth_start: InLongs
    truth_count: InInts
    pair_prediction: InInts
    pair_truth: InInts
    pair_overlap: InFloats
    pair_start: InLongs
    pair_count: InInts


def columns_of(evidence: Evidence) -> Columns:
    """The columns of evidence, for a kernel."""
    predictions, truths, pairs = evidence.predictions, evidence.truths, evidence.pairs
    return Columns(
        read_only(predictions.class_id),
        read_only(predictions.confidence),
        read_only(predictions.area),
        read_only(predictions.place),
        read_only(evidence.prediction_rows.start),
        read_only(evidence.prediction_rows.count),
        read_only(truths.class_id),
        read_only(truths.area),
        read_only(truths.crowd),
        read_only(evidence.truth_rows.start),
        read_only(evidence.truth_rows.count),
        read_only(pairs.prediction),
        read_only(pairs.truth),
        read_only(pairs.overlap),
        read_only(evidence.pair_rows.start),
        read_only(evidence.pair_rows.count),
    )
