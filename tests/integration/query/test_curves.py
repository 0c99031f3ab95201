"""Curves and confusion matrix are what the library says of the same files."""

import pytest

from tests.integration.query.conftest import Api
from tests.integration.query.world import World

RUN = "/v1/model-runs/run_1"

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("iou", [0.5, 0.05, 0.87])
async def test_a_point_is_what_the_metrics_say_at_its_confidence(shared: Api, world: World, iou: float):
    answer = await shared.get(f"{RUN}/curves", iou=iou, points=1000)
    curves = world.evaluation.curves(iou)
    for name, curve in answer["classes"].items():
        confidence = curves[name].confidence.tolist()
        assert set(curve["confidence"]) <= set(confidence)
        assert len(curve["precision"]) == len(curve["confidence"])
        middle = len(curve["confidence"]) // 2
        if curve["confidence"]:
            at = curve["confidence"][middle]
            metrics = await shared.get(f"{RUN}/metrics", iou=iou, confidence=at)
            assert metrics["classes"][name]["precision"] == curve["precision"][middle]
            if curve["support"]:
                assert metrics["classes"][name]["recall"] == curve["recall"][middle]
        assert curve["support"] or curve["recall"] == []


async def test_curves_are_thinned_with_both_ends_kept(shared: Api):
    whole, few = [await shared.get(f"{RUN}/curves", points=points) for points in (1000, 5)]
    for name, curve in few["classes"].items():
        assert len(curve["confidence"]) <= 5
        full = whole["classes"][name]["confidence"]
        assert curve["confidence"][:1] == full[:1]
        assert curve["confidence"][-1:] == full[-1:]


async def test_confusion_matrix(shared: Api, world: World):
    answer = await shared.get(f"{RUN}/confusion-matrix", iou=0.3, confidence=0.2)
    matrix, names = world.evaluation.confusion_matrix(0.3, 0.2)
    by_name = {row["truth"]: dict(zip(answer["classes"], row["counts"], strict=True)) for row in answer["rows"]}
    for truth in answer["classes"]:
        for predicted in answer["classes"]:
            assert by_name[truth][predicted] == matrix[names.index(truth), names.index(predicted)]
    assert answer["classes"][-1] == "background"


async def test_both_refuse_what_metrics_refuses(shared: Api):
    for question in ("curves", "confusion-matrix"):
        assert await shared.refused(f"{RUN}/{question}", iou=0.01) == (422, "iou-out-of-range")
        assert await shared.refused(f"/v1/model-runs/none/{question}") == (404, "not-found")
