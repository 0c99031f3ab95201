"""Neither the order of arrival nor the cuts between windows can be seen in any answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.evaluation import (
    coco_averages,
    confusion_matrix,
    count,
    evidence_of_coco,
    prefix_counts,
    row_values,
)
from tests.unit.evaluation.layouts import joined, scattered
from tests.unit.evaluation.synthetic import coco

seeds = st.integers(0, 10**6)


def answers(evidence):
    averages, prefix = coco_averages(evidence), prefix_counts(evidence, 0.6)
    counts, rows = count(evidence, 0.3, 0.2), row_values(evidence, 0.3, 0.2)
    by_ordinal = np.argsort(evidence.ordinal)
    return [
        *(averages.precision, averages.recall, averages.limited_recall),
        *(prefix.confidence, prefix.true_positive, prefix.false_positive, prefix.support),
        *(counts.true_positive, counts.false_positive, counts.false_negative),
        *(rows.iou[by_ordinal], rows.counts.precision[by_ordinal], rows.minimum_confidence[by_ordinal]),
        confusion_matrix(evidence, 0.3, 0.2),
    ]


def same(ours, theirs):
    for a, b in zip(answers(ours), answers(theirs), strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=30, deadline=None)
@given(seeds, seeds)
def test_where_rows_lie_changes_nothing(seed, other):
    evidence, _ = evidence_of_coco(*coco(seed, images=8))
    same(scattered(evidence, other), evidence)


@settings(max_examples=20, deadline=None)
@given(seeds, seeds)
def test_the_order_of_rows_in_the_files_changes_nothing(seed, other):
    truth, results = coco(seed, images=8)
    evidence, _ = evidence_of_coco(truth, results)
    place = {image["id"]: p for image, p in zip(truth["images"], np.random.default_rng(other).random(8), strict=True)}
    truth["images"].sort(key=lambda image: place[image["id"]])
    results.sort(key=lambda result: place[result["image_id"]])
    truth["annotations"].sort(key=lambda annotation: place[annotation["image_id"]])
    same(evidence_of_coco(truth, results)[0], evidence)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 5))
def test_any_split_of_a_run_changes_nothing(seed, windows):
    truth, results = coco(seed, images=8)
    window = {image["id"]: n % windows for n, image in enumerate(truth["images"])}
    parts = []
    for n in range(windows):
        some = {key: truth[key] for key in ("categories",)}
        some["images"] = [image for image in truth["images"] if window[image["id"]] == n]
        some["annotations"] = [a for a in truth["annotations"] if window[a["image_id"]] == n]
        parts.append(evidence_of_coco(some, [r for r in results if window[r["image_id"]] == n])[0])
    whole, _ = evidence_of_coco(truth, results)
    same(joined(parts), whole)
    counts = [count(part, 0.5, 0.3) for part in parts]
    assert (sum(c.true_positive for c in counts) == count(whole, 0.5, 0.3).true_positive).all()
    assert (sum(c.false_positive for c in counts) == count(whole, 0.5, 0.3).false_positive).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_row_mask_is_a_smaller_dataset(seed):
    truth, results = coco(seed, images=12)
    evidence, _ = evidence_of_coco(truth, results)
    mask = np.random.default_rng(seed).random(evidence.row_count) < 0.5
    kept = set(evidence.ordinal[mask].tolist())
    smaller = {
        "images": [image for image in truth["images"] if image["id"] in kept],
        "categories": truth["categories"],
        "annotations": [a for a in truth["annotations"] if a["image_id"] in kept],
    }
    small, _ = evidence_of_coco(smaller, [r for r in results if r["image_id"] in kept])
    masked, alone = coco_averages(evidence, row_mask=mask), coco_averages(small)
    np.testing.assert_array_equal(masked.precision, alone.precision)
    np.testing.assert_array_equal(masked.limited_recall, alone.limited_recall)
    for confidence in (0.0, 0.4):
        ours, theirs = count(evidence, 0.5, confidence, row_mask=mask), count(small, 0.5, confidence)
        assert (ours.true_positive == theirs.true_positive).all()
        assert (ours.false_negative == theirs.false_negative).all()
        prefix = prefix_counts(evidence, 0.5, row_mask=mask).at(confidence)
        assert (prefix.false_positive == theirs.false_positive).all()
    matrix = confusion_matrix(evidence, 0.5, 0.3, row_mask=mask)
    assert (matrix == confusion_matrix(small, 0.5, 0.3)).all()


def test_a_run_large_enough_for_two_threads():
    evidence, _ = evidence_of_coco(*coco(1, images=400, classes=8, detections=150, truths=8))
    assert len(evidence.predictions.class_id) > 60_000
    same(scattered(evidence, 1), evidence)
    halves = [count(evidence, 0.5, 0.3, row_mask=np.arange(400) % 2 == n) for n in range(2)]
    whole = count(evidence, 0.5, 0.3)
    assert (halves[0].true_positive + halves[1].true_positive == whole.true_positive).all()
