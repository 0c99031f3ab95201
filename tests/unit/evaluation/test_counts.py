"""Sums along the confidence, curves and reports say what direct counting says."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.evaluation import count, evaluate, evidence_of_coco, prefix_counts, warm
from sightline.evaluation.presence import present_classes
from sightline.evaluation.report import counts_report
from tests.unit.evaluation.synthetic import coco


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 1), st.lists(st.floats(-0.1, 1.1), min_size=5, max_size=5))
def test_prefix_sums_equal_direct_counts(seed, iou, confidence):
    evidence, _ = evidence_of_coco(*coco(seed, images=6))
    prefix = prefix_counts(evidence, iou)
    exact = evidence.predictions.confidence[:: max(1, len(evidence.predictions.confidence) // 5)]
    for asked in (np.array(confidence), confidence[0], None, float("inf"), *exact.tolist()):
        ours, theirs = prefix.at(asked), count(evidence, iou, asked)
        assert (ours.true_positive == theirs.true_positive).all()
        assert (ours.false_positive == theirs.false_positive).all()
        assert (ours.false_negative == theirs.false_negative).all()


def test_curves_are_counts_at_every_distinct_confidence():
    truth, results = coco(5)
    evaluation = evaluate(truth, results)
    curves = evaluation.curves(0.4)
    for class_id, name in evaluation.class_names.items():
        curve = curves[name]
        of_class = evaluation.evidence.predictions.class_id == class_id
        distinct = np.unique(evaluation.evidence.predictions.confidence[of_class])[::-1]
        assert (curve.confidence == distinct).all()
        for i in range(0, len(distinct), 7):
            counts = count(evaluation.evidence, 0.4, distinct[i])
            np.testing.assert_array_equal(curve.precision[i], counts.precision[class_id])
            np.testing.assert_array_equal(curve.recall[i], counts.recall[class_id])


def test_a_report_is_plain_json_and_its_total_is_the_sum_of_its_classes():
    evaluation = evaluate(*coco(6), confidence=0.3)
    metrics = evaluation.metrics()
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert (evaluation.coco, evaluation.total, evaluation.classes) == tuple(metrics.values())
    for name in ("support", "true_positive_count", "false_positive_count", "false_negative_count"):
        assert metrics["total"][name] == sum(c[name] for c in metrics["classes"].values())
    tp, fp, fn = (metrics["total"][f"{n}_count"] for n in ("true_positive", "false_positive", "false_negative"))
    assert metrics["total"]["precision"] == tp / (tp + fp)
    assert metrics["total"]["recall"] == tp / (tp + fn)
    assert metrics["total"]["f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn))
    defined = [c["precision"] for c in metrics["classes"].values() if c["precision"] is not None]
    assert metrics["total"]["macro_precision"] == pytest.approx(sum(defined) / len(defined))


def test_thresholds_per_class_and_nothing_predicted():
    evaluation = evaluate(*coco(6))
    none = evaluation.metrics(confidence=np.full(5, np.inf))
    assert none["total"]["precision"] is None
    assert none["total"]["recall"] == 0
    assert none["total"]["f1"] == 0
    assert none["coco"] == evaluation.coco


def test_the_report_by_class_has_the_lines_people_know():
    report = evaluate(*coco(6), confidence=0.3).report()
    lines = list(report)
    assert lines[-3:] == ["micro avg", "macro avg", "weighted avg"]
    assert set(report["micro avg"]) == {"precision", "recall", "f1-score", "support"}
    weighted = [(line["recall"], line["support"]) for name, line in report.items() if not name.endswith("avg")]
    expected = sum(recall * support for recall, support in weighted if recall is not None)
    assert report["weighted avg"]["recall"] == pytest.approx(expected / report["weighted avg"]["support"])


def test_warm_runs_everything_and_leaves_nothing_to_compile():
    from sightline.evaluation import average_precision, confusion, counts, matching, ordering
    from sightline.evaluation.overlap import box

    warm()
    kernels = [box.find, ordering._sort_rows, matching._match_rows, counts._tally, confusion._confuse]
    kernels += [average_precision._sweep, average_precision._accumulate]
    assert all(len(kernel.signatures) == 1 and not kernel._can_compile for kernel in kernels)


def test_classes_are_present_by_truths_or_by_predictions():
    truth, results = coco(12)
    truth["categories"].append({"id": 1000, "name": "absent"})
    evidence, names = evidence_of_coco(truth, results)
    ids = {name: class_id for class_id, name in names.items()}
    seen = {item["category_id"] for item in [*truth["annotations"], *results]}
    assert present_classes(evidence) == sorted(ids[f"class {category_id}"] for category_id in seen)
    assert ids["absent"] not in present_classes(evidence)


def test_what_counts_alone_can_report():
    evaluation = evaluate(*coco(6), confidence=0.3)
    total, classes = counts_report(count(evaluation.evidence, 0.5, 0.3), evaluation.class_names)
    assert total == evaluation.total
    for name, numbers in classes.items():
        assert numbers.items() <= evaluation.classes[name].items()
