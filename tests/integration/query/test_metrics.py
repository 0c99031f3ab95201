"""Metrics of a run, at any thresholds, are what the library says of the same files."""

import math

import pytest

from tests.integration.query.conftest import Api
from tests.integration.query.world import World

METRICS = "/v1/model-runs/run_1/metrics"
COUNTS = ("support", "true_positive_count", "false_positive_count", "false_negative_count", "precision", "recall", "f1")

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("iou", "confidence"), [(0.5, 0.5), (0.05, 0.0), (0.333, 0.7), (0.75, 0.123456789), (1.0, 1.0)]
)
async def test_counts_at_any_thresholds(shared: Api, world: World, iou: float, confidence: float):
    expected = world.evaluation.metrics(iou, confidence)
    for _ in range(3):  # counted, then from running sums, then from those that are kept
        answer = await shared.get(METRICS, iou=iou, confidence=confidence)
        assert (answer["iou"], answer["confidence"]) == (iou, confidence)
        assert answer["coco"] == expected["coco"]
        assert answer["total"] == expected["total"]
        for name, numbers in answer["classes"].items():
            assert numbers == {**expected["classes"][name], "confidence": confidence}


async def test_the_default_is_the_operating_point(shared: Api, world: World):
    answer = await shared.get(METRICS)
    assert (answer["iou"], answer["confidence"]) == (0.5, 0.5)
    assert answer["total"] == world.evaluation.total


async def test_classes_have_their_own_thresholds(shared: Api, world: World):
    first, second = sorted(world.names.values())[:2]
    answer = await shared.get(METRICS, iou=0.4, confidence=0.6, class_confidence=[f"{first}:0.2", f"{second}:null"])
    strict, loose = (world.evaluation.metrics(0.4, confidence)["classes"] for confidence in (0.6, 0.2))
    for name, numbers in answer["classes"].items():
        if name == second:
            assert numbers["confidence"] is None
            assert (numbers["true_positive_count"], numbers["false_positive_count"]) == (0, 0)
            assert numbers["precision"] is None
        else:
            expected = loose if name == first else strict
            assert {k: numbers[k] for k in COUNTS} == {k: expected[name][k] for k in COUNTS}
    assert answer["total"]["true_positive_count"] == sum(c["true_positive_count"] for c in answer["classes"].values())


async def test_nothing_predicted_is_undefined_and_null(shared: Api):
    answer = await shared.get(METRICS, confidence="null")
    assert answer["confidence"] is None
    assert answer["total"]["precision"] is None
    assert answer["total"]["recall"] == 0
    assert answer["total"]["false_negative_count"] == answer["total"]["support"] > 0


async def test_every_class_with_truths_or_predictions_is_listed(shared: Api, world: World):
    seen = {item["category_id"] for item in (*world.truth["annotations"], *world.results)}
    answer = await shared.get(METRICS, confidence=1)
    assert set(answer["classes"]) == {world.names[world.class_ids[category]] for category in seen}


async def test_macro_means_are_over_defined_classes(shared: Api):
    answer = await shared.get(METRICS, iou=0.6, confidence=0.4)
    precisions = [numbers["precision"] for numbers in answer["classes"].values() if numbers["precision"] is not None]
    assert math.isclose(answer["total"]["macro_precision"], sum(precisions) / len(precisions))


async def test_rows_in_scope_and_predicted(shared: Api, world: World):
    answer = await shared.get(METRICS)
    assert answer["rows_in_scope"] == len(world.truth["images"])
    assert answer["rows_predicted"] == len({result["image_id"] for result in world.results})
    assert answer["freshness"]["counts_at"] == answer["freshness"]["coco_at"] == {str(p): 5 for p in range(4)}
    assert answer["freshness"]["coco_behind"] is False


async def test_caches_can_be_left_out(shared: Api, world: World):
    for _ in range(2):
        answer = await shared.client.get(METRICS, params={"iou": 0.7}, headers={"Cache-Control": "no-cache"})
        assert answer.json()["total"] == world.evaluation.metrics(0.7)["total"]


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({"iou": 0.049}, "iou-out-of-range"),
        ({"iou": 1.1}, "iou-out-of-range"),
        ({"iou": "nan"}, "iou-out-of-range"),
        ({"iou": "x"}, "invalid-request"),
        ({"confidence": 2}, "confidence-out-of-range"),
        ({"confidence": "nan"}, "invalid-request"),
        ({"class_confidence": "car"}, "invalid-request"),
        ({"class_confidence": "no such class:0.5"}, "unknown-class"),
    ],
)
async def test_thresholds_out_of_range_are_refused(shared: Api, parameters: dict[str, object], kind: str):
    assert await shared.refused(METRICS, **parameters) == (422, kind)
