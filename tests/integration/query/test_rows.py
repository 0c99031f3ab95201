"""Rows of a run: filters, orders and pages, against brute force over rows in full."""

import itertools
import math
from typing import Any

import pytest

from tests.integration.query.conftest import Api
from tests.integration.query.world import World

ROWS = "/v1/model-runs/run_1/rows"
Json = dict[str, Any]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def in_full(shared: Api, world: World, **thresholds: Any) -> list[Json]:
    return [await shared.get(f"{ROWS}/{image['file_name']}", **thresholds) for image in world.truth["images"]]


def counted(row: Json, classes: set[str] | None = None) -> list[float]:
    """Confidences of the predictions that count."""
    return [
        prediction["confidence"]
        for prediction in row["predictions"]
        if prediction["verdict"] != "below_threshold" and (classes is None or prediction["class_name"] in classes)
    ]


def expected(row: Json, sort: str = "ordinal", classes: set[str] | None = None) -> Json:
    """Row values by hand."""

    def mine(item: Json) -> bool:
        return classes is None or item["class_name"] in classes

    predictions = [p for p in row["predictions"] if mine(p)]
    matched = [p["overlap"] for p in predictions if p["verdict"] == "true_positive"]
    tp, fp = len(matched), sum(p["verdict"] == "false_positive" for p in predictions)
    fn = sum(t["verdict"] == "missed" for t in row["truths"] if mine(t))
    confidences = counted(row, classes)
    extreme = min if sort == "confidence" else max
    return {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "precision": tp / (tp + fp) if tp + fp else None,
        "recall": tp / (tp + fn) if tp + fn else None,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None,
        "iou": math.fsum(matched) / (tp + fp + fn) if tp + fp + fn else None,
        "confidence": extreme(confidences) if confidences else None,
        "global_key": row["global_key"],
        "ordinal": row["ordinal"],
        "predictions": len(row["predictions"]),
        "truths": len(row["truths"]),
    }


def same(found: Json, wanted: Json) -> bool:
    return all(found[k] == (pytest.approx(v, rel=1e-12) if isinstance(v, float) else v) for k, v in wanted.items())


@pytest.mark.parametrize("thresholds", [{}, {"iou": 0.3, "confidence": 0.1}, {"iou": 0.8, "confidence": 0.75}])
async def test_row_values(shared: Api, world: World, thresholds: dict[str, float]):
    full = {row["global_key"]: row for row in await in_full(shared, world, **thresholds)}
    found = await shared.pages(ROWS, 1000, **thresholds)
    assert [row["ordinal"] for row in found] == sorted(image["id"] for image in world.truth["images"])
    for row in found:
        assert same(row, expected(full[row["global_key"]]))
        assert row["split"] == "validation"
        assert (row["width"], row["height"]) == (640, 480)


@pytest.mark.parametrize("sort", ["ordinal", "confidence", "-confidence", "iou", "-iou"])
@pytest.mark.parametrize("page_size", [1, 7, 1000])
async def test_orders_and_pages(shared: Api, world: World, sort: str, page_size: int):
    thresholds = {"iou": 0.6, "confidence": 0.85}  # so that some rows have no counted prediction
    found = await shared.pages(ROWS, page_size, sort=sort, **thresholds)
    field, sign = sort.removeprefix("-"), -1 if sort.startswith("-") else 1
    rows = [expected(row, sort) for row in await in_full(shared, world, **thresholds)]

    def place(row: Json) -> tuple[float, int]:
        value = None if field == "ordinal" else row[field]
        return (0.0 if field == "ordinal" else math.inf if value is None else sign * value, row["ordinal"])

    assert [row["global_key"] for row in found] == [row["global_key"] for row in sorted(rows, key=place)]
    if field != "ordinal":
        values = [row[field] for row in found]
        nulls = [value is None for value in values]
        assert nulls == sorted(nulls)
        assert sort != "-confidence" or any(nulls)


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({"min_tp": 1}, lambda row: row["tp"] >= 1),
        ({"max_fp": 3, "min_fn": 2}, lambda row: row["fp"] <= 3 and row["fn"] >= 2),
        ({"max_tp": 0}, lambda row: row["tp"] == 0),
        ({"min_fp": 2, "max_fp": 4}, lambda row: 2 <= row["fp"] <= 4),
        ({"min_iou": 0.1}, lambda row: row["iou"] is not None and row["iou"] >= 0.1),
        ({"max_iou": 0.3}, lambda row: row["iou"] is not None and row["iou"] <= 0.3),
        ({"max_fn": -1}, lambda row: False),
    ],
)
async def test_filters_by_row_values(shared: Api, world: World, filters: dict[str, float], passes: Any):
    found = await shared.pages(ROWS, 5, **filters)
    wanted = [row for row in map(expected, await in_full(shared, world)) if passes(row)]
    assert {row["global_key"] for row in found} == {row["global_key"] for row in wanted}


@pytest.mark.parametrize(("least", "most"), [(0.9, None), (None, 0.55), (0.6, 0.65), (0.99, 0.1)])
async def test_filter_by_confidence(shared: Api, world: World, least: float | None, most: float | None):
    low, high = 0 if least is None else least, 1 if most is None else most
    asked = {"min_confidence": least, "max_confidence": most}
    found = await shared.pages(ROWS, 1000, **{k: v for k, v in asked.items() if v is not None})
    wanted = [row for row in await in_full(shared, world) if any(low <= c <= high for c in counted(row))]
    assert {row["global_key"] for row in found} == {row["global_key"] for row in wanted}


async def test_filter_by_class(shared: Api, world: World):
    full = await in_full(shared, world)
    names = sorted(world.names.values())
    for classes in ({names[0]}, {names[1], names[3]}):
        found = await shared.pages(ROWS, 4, **{"class": sorted(classes)})
        wanted = [
            expected(row, classes=classes)
            for row in full
            if counted(row, classes) or any(truth["class_name"] in classes for truth in row["truths"])
        ]
        assert {row["global_key"] for row in found} == {row["global_key"] for row in wanted}
        by_key = {row["global_key"]: row for row in found}
        for row in wanted:
            assert same(by_key[row["global_key"]], row)
    assert await shared.refused(ROWS, **{"class": "no such"}) == (422, "unknown-class")


async def test_a_token_belongs_to_its_question(shared: Api):
    first = await shared.get(ROWS, page_size=3, sort="iou")
    token = first["next_page_token"]
    for other in ({"sort": "-iou"}, {"sort": "iou", "confidence": 0.4}, {"sort": "iou", "min_tp": 1}, {}):
        assert await shared.refused(ROWS, page_token=token, **other) == (422, "bad-page-token")
    assert await shared.get(ROWS, page_size=9, sort="iou", page_token=token)
    for broken in ("x", token[:-4], token + "AAAA"):
        assert await shared.refused(ROWS, page_token=broken, sort="iou") == (422, "bad-page-token")


async def test_unknown_orders_are_refused(shared: Api):
    assert await shared.refused(ROWS, sort="tp") == (422, "invalid-request")
    assert await shared.refused("/v1/model-runs/none/rows") == (404, "not-found")


async def test_rows_add_up_to_the_metrics(shared: Api):
    for iou, confidence in itertools.product((0.4, 0.9), (0.3, 0.8)):
        rows = await shared.pages(ROWS, 11, iou=iou, confidence=confidence)
        total = (await shared.get("/v1/model-runs/run_1/metrics", iou=iou, confidence=confidence))["total"]
        assert sum(row["tp"] for row in rows) == total["true_positive_count"]
        assert sum(row["fp"] for row in rows) == total["false_positive_count"]
        assert sum(row["fn"] for row in rows) == total["false_negative_count"]
