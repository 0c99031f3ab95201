"""Matching at any threshold, whatever way the evidence lies in memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.evaluation import Verdict, count, evidence_of_coco, match, row_values
from tests.unit.evaluation import oracle
from tests.unit.evaluation.synthetic import coco

ious = st.one_of(st.floats(0.05, 1), st.sampled_from([0.05, 0.5, 0.75, 0.95, 1.0]))
confidences = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0, float("inf")]))
area_ranges = st.sampled_from([(0, np.inf), (0, 1e10), (0, 1024.0), (1024.0, 9216.0), (9216.0, 1e10)])


def named(truth, evidence, matches):
    """Matches as the oracle lists them: (image, category, score, id of the truth taken, ignored)."""
    image_ids = sorted(image["id"] for image in truth["images"])
    category_ids = sorted(category["id"] for category in truth["categories"])
    listed = []
    for row, image_id in enumerate(image_ids):
        ids = [annotation["id"] for annotation in truth["annotations"] if annotation["image_id"] == image_id]
        start, size = evidence.prediction_rows.start[row], evidence.prediction_rows.count[row]
        for p in range(start, start + size):
            if matches.verdict[p] == Verdict.UNSEEN:
                continue
            taken = ids[matches.truth[p]] if matches.truth[p] >= 0 else 0
            category_id = category_ids[evidence.predictions.class_id[p]]
            score = evidence.predictions.confidence[p]
            listed.append((image_id, category_id, score, taken, bool(matches.ignored[p])))
    return sorted(listed)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), ious, st.lists(confidences, min_size=4, max_size=4), area_ranges, st.data())
def test_equals_pycocotools_on_the_filtered_detections(seed, iou, confidence, area_range, data):
    truth, results = coco(seed, images=5, classes=4, detections=15)
    limit = data.draw(st.sampled_from([None, 1, 3, 100]))
    evidence, _ = evidence_of_coco(truth, results)
    matches = match(evidence, iou, np.array(confidence), area_range=area_range, max_detections=limit)
    least = dict(zip(sorted(c["id"] for c in truth["categories"]), confidence, strict=True))
    kept = [result for result in results if result["score"] >= least[result["category_id"]]]
    judge = oracle.evaluated(truth, kept, iou=iou, area_range=area_range, max_detections=limit or 10**6)
    assert named(truth, evidence, matches) == oracle.matches(judge)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), ious, confidences)
def test_truths_and_predictions_agree_on_who_took_whom(seed, iou, confidence):
    truth, results = coco(seed, images=5, classes=3)
    evidence, _ = evidence_of_coco(truth, results)
    matches = match(evidence, iou, confidence)
    for row in range(evidence.row_count):
        p0, t0 = evidence.prediction_rows.start[row], evidence.truth_rows.start[row]
        for t in range(evidence.truth_rows.count[row]):
            by = matches.prediction[t0 + t]
            if evidence.truths.crowd[t0 + t]:
                assert matches.truth_verdict[t0 + t] == Verdict.IGNORED
            else:
                assert matches.truth_verdict[t0 + t] == (Verdict.MATCHED if by >= 0 else Verdict.UNMATCHED)
            if by >= 0:
                assert matches.truth[p0 + by] == t
                assert matches.overlap[p0 + by] >= min(iou, 1 - 1e-10)
    assert (matches.overlap[matches.truth < 0] == 0).all()


def test_rows_outside_the_mask_are_unseen_and_the_others_as_before():
    evidence, _ = evidence_of_coco(*coco(3))
    mask = np.arange(evidence.row_count) % 2 == 0
    masked, whole = match(evidence, 0.5, 0.1, row_mask=mask), match(evidence, 0.5, 0.1)
    inside = np.zeros(len(masked.verdict), np.bool_)
    for start, size in zip(evidence.prediction_rows.start[mask], evidence.prediction_rows.count[mask], strict=True):
        inside[start : start + size] = True
    assert (masked.verdict == np.where(inside, whole.verdict, Verdict.UNSEEN)).all()


@pytest.mark.parametrize("iou", [0.0, 0.049, 1.01, float("nan")])
def test_an_iou_that_was_not_kept_is_refused(iou):
    evidence, _ = evidence_of_coco(*coco(4, images=2))
    with pytest.raises(ValueError, match="IoU"):
        match(evidence, iou)


@pytest.mark.parametrize("confidence", [float("nan"), np.zeros(2), np.full(5, np.nan)])
def test_thresholds_that_say_nothing_are_refused(confidence):
    evidence, _ = evidence_of_coco(*coco(4, images=2))
    with pytest.raises(ValueError, match="confidence"):
        match(evidence, 0.5, confidence)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), ious, confidences)
def test_row_values_add_up(seed, iou, confidence):
    evidence, _ = evidence_of_coco(*coco(seed, images=6))
    rows, classes, matches = (
        row_values(evidence, iou, confidence),
        count(evidence, iou, confidence),
        match(evidence, iou, confidence),
    )
    for name in ("true_positive", "false_positive", "false_negative"):
        assert getattr(rows.counts, name).sum() == getattr(classes, name).sum()
    for row in range(evidence.row_count):
        start, size = evidence.prediction_rows.start[row], evidence.prediction_rows.count[row]
        verdict = matches.verdict[start : start + size]
        overlap = matches.overlap[start : start + size][verdict == Verdict.MATCHED].sum()
        parts = rows.counts.false_positive[row] + rows.counts.support[row]
        assert np.isnan(rows.iou[row]) if parts == 0 else rows.iou[row] == pytest.approx(overlap / parts)
        seen = evidence.predictions.confidence[start : start + size][verdict != Verdict.UNSEEN]
        if len(seen):
            assert (rows.minimum_confidence[row], rows.maximum_confidence[row]) == (seen.min(), seen.max())
        else:
            assert np.isnan(rows.minimum_confidence[row])
            assert np.isnan(rows.maximum_confidence[row])
