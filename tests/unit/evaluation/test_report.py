"""The report of a notebook against scikit-learn's, asked about pycocotools' matches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report

from sightline.evaluation import evaluate
from tests.unit.evaluation import oracle
from tests.unit.evaluation.synthetic import coco

NOTHING = "(none)"
NUMBERS = ("precision", "recall", "f1-score", "support")


def expected(truth, results, iou, confidence):
    """As FiftyOne makes it: a true and a predicted label for every pair; who has no partner gets `(none)`."""
    names = {category["id"]: category["name"] for category in truth["categories"]}
    kept = [result for result in results if result["score"] >= confidence]
    true, predicted = [], []
    for category_id, (hits, wrong, missed) in oracle.counts(oracle.evaluated(truth, kept, iou=iou)).items():
        name = names[category_id]
        true += [name] * hits + [NOTHING] * wrong + [name] * missed
        predicted += [name] * hits + [name] * wrong + [NOTHING] * missed
    return classification_report(true, predicted, labels=[*names.values()], output_dict=True, zero_division=np.nan)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.05, 0.3, 0.5, 0.75]), st.sampled_from([0.0, 0.3, 0.6]))
def test_equals_scikit_learn(seed, iou, confidence):
    truth, results = coco(seed, images=8, classes=6)
    mine = evaluate(truth, results).report(iou, confidence)
    theirs = expected(truth, results, iou, confidence)
    assert set(mine) == set(theirs)
    for name, line in theirs.items():
        for number in NUMBERS:
            value = mine[name][number]
            assert (np.nan if value is None else value) == pytest.approx(line[number], abs=1e-12, nan_ok=True), (
                name,
                number,
            )


def test_the_operating_point_is_that_of_the_evaluation():
    truth, results = coco(3)
    at = evaluate(truth, results, iou=0.3, confidence=0.7)
    assert at.report() == evaluate(truth, results).report(0.3, 0.7) != evaluate(truth, results).report()
