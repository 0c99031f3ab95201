"""Thresholds as URLs write them."""

import math

import pytest

from services.common.runtime.errors import Problem
from services.query.thresholds import Thresholds, from_text

NAMES = {1: "car", 3: "van:old"}


def test_defaults_are_the_operating_point():
    assert from_text() == Thresholds(0.5, 0.5, {})


def test_single_classes_have_their_own():
    at = from_text(0.3, "0.7", ["car:0.2", "van:old:null"])
    assert at.per_class(NAMES, 5).tolist() == [0.7, 0.2, 0.7, math.inf, 0.7]
    assert (at.of_class("car"), at.of_class("van:old"), at.of_class("bus")) == (0.2, None, 0.7)


def test_null_is_a_threshold_from_which_nothing_counts():
    assert from_text(confidence="null").per_class(NAMES, 2).tolist() == [math.inf, math.inf]


def test_a_class_beyond_the_evidence_changes_nothing():
    assert from_text(class_confidence=["van:old:0.1"]).per_class(NAMES, 2).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("iou", [0.049, 0.0, -1.0, 1.01, math.nan, math.inf])
def test_an_iou_for_which_no_pairs_are_kept_is_refused(iou: float):
    with pytest.raises(Problem) as refused:
        from_text(iou)
    assert (refused.value.status, refused.value.slug) == (422, "iou-out-of-range")


@pytest.mark.parametrize("confidence", ["1.1", "-0.1", "nan", "inf", "many", ""])
def test_a_confidence_outside_0_to_1_is_refused(confidence: str):
    for asked in ({"confidence": confidence}, {"class_confidence": [f"car:{confidence}"]}):
        with pytest.raises(Problem) as refused:
            from_text(**asked)
        assert refused.value.status == 422


@pytest.mark.parametrize("item", ["car", ":0.3", ""])
def test_a_class_threshold_needs_a_name_and_a_number(item: str):
    with pytest.raises(Problem):
        from_text(class_confidence=[item])


def test_a_class_that_nobody_defined_is_refused_with_those_that_are():
    with pytest.raises(Problem) as refused:
        from_text(class_confidence=["bus:0.5"]).per_class(NAMES, 5)
    assert refused.value.slug == "unknown-class"
    assert "car, van:old" in refused.value.detail
    assert "bus" not in refused.value.detail
