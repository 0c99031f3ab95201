"""One row in full."""

import numpy as np
import pytest

from services.common.documents import Replace
from services.common.readmodel.mongo import ReadModel
from tests.integration.query.conftest import Api, opened
from tests.integration.query.world import DATASET, PROJECT, World

TRUTH = {
    "images": [{"id": 4, "width": 100, "height": 80, "file_name": "a/b c.png"}],
    "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "van"}],
    "annotations": [
        {"id": 0, "image_id": 4, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 90.0, "iscrowd": 0},
        {"id": 1, "image_id": 4, "category_id": 2, "bbox": [20, 0, 10, 10], "area": 100.0, "iscrowd": 0},
        {"id": 2, "image_id": 4, "category_id": 1, "bbox": [50, 0, 40, 40], "area": 1600.0, "iscrowd": 1},
    ],
}
RESULTS = [
    {"image_id": 4, "category_id": 1, "bbox": [0, 0, 10, 10], "score": 0.6},
    {"image_id": 4, "category_id": 1, "bbox": [0, 0, 10, 9], "score": 0.8},
    {"image_id": 4, "category_id": 1, "bbox": [60, 5, 10, 10], "score": 0.7},
    {"image_id": 4, "category_id": 2, "bbox": [20, 0, 10, 10], "score": 0.2},
]
ROW = "/v1/model-runs/run_1/rows/a/b c.png"


@pytest.fixture
async def small() -> World:
    return World(TRUTH, RESULTS)


async def test_everything_of_a_row(store: ReadModel, small: World):
    await small.store(store)
    async with opened(store) as api:
        row = await api.get(ROW)
        assert (row["global_key"], row["ordinal"], row["labelled"], row["predicted"]) == ("a/b c.png", 4, True, True)
        assert row["metadata"] == {"lighting": "dim"}
        assert row["asset_url"] == f"/v1/datasets/{DATASET}/data-rows/a%2Fb%20c.png/asset"
        shown = [(p["class_name"], p["confidence"], p["verdict"], p["truth"], p["place"]) for p in row["predictions"]]
        assert shown == [
            ("car", 0.8, "true_positive", 0, 1),
            ("car", 0.7, "ignored", 2, 2),
            ("car", 0.6, "false_positive", None, 0),
            ("van", 0.2, "below_threshold", None, 3),
        ]
        assert row["predictions"][0]["overlap"] == pytest.approx(0.9)
        assert row["predictions"][0]["box"] == [0, 0, 10, 9]
        assert row["predictions"][0]["uuid"] == "00000000-0000-0000-0000-000000000001"
        truths = [(t["annotation_id"], t["verdict"], t["prediction"], t["area"], t["crowd"]) for t in row["truths"]]
        assert truths == [
            (0, "found", 0, 90.0, False),
            (1, "missed", None, 100.0, False),
            (2, "crowd", 1, 1600.0, True),
        ]
        assert {(p["prediction"], p["truth"]) for p in row["pairs"]} == {(0, 0), (2, 0), (1, 2), (3, 1)}
        values = {k: row["values"][k] for k in ("tp", "fp", "fn", "precision", "recall")}
        assert values == {"tp": 1, "fp": 1, "fn": 1, "precision": 0.5, "recall": 0.5}

        strict = await api.get(ROW, iou=0.95, confidence=0.1)
        assert [p["verdict"] for p in strict["predictions"]] == [
            "false_positive",
            "ignored",
            "true_positive",
            "true_positive",
        ]
        assert strict["values"]["fn"] == 0
        assert (await api.get(ROW, confidence="null"))["values"]["precision"] is None
        assert (await api.client.get("/v1/model-runs/run_1/rows/a%2Fb%20c.png")).json() == row


async def test_a_confidence_that_is_absent_counts_as_one_and_stays_absent(store: ReadModel, small: World):
    await small.store(store)
    (row,) = small.rows()["run_rows"]
    row["confidences"] = np.array([np.nan, 0.7, 0.6, 0.2]).tobytes()
    await store.write([Replace("run_rows", row)])
    async with opened(store) as api:
        first = (await api.get(ROW, confidence=1))["predictions"][0]
        assert (first["confidence"], first["verdict"]) == (None, "true_positive")


async def test_a_row_that_is_not_labelled_is_in_no_metric(store: ReadModel, small: World):
    await small.store(store)
    await store.delete("truths", f"{PROJECT}/{DATASET}/a/b c.png@1")
    (row,) = small.rows()["run_rows"]
    await store.write(
        [
            Replace(
                "run_rows", {**row, "pair_count": 0, "pair_predictions": b"", "pair_truths": b"", "pair_overlaps": b""}
            )
        ]
    )
    async with opened(store) as api:
        row = await api.get(ROW)
        assert row["labelled"] is False
        assert row["values"] is None
        assert {p["verdict"] for p in row["predictions"]} == {None}


async def test_truth_is_that_of_the_run_s_version(store: ReadModel, small: World):
    await small.store(store)
    (truth,) = small.rows()["truths"]
    await store.write(
        [
            Replace("truths", {**truth, "to": 2}),
            Replace(
                "truths", {**truth, "_id": f"{truth['row']}@2", "from": 2, "count": 0, "class_ids": b"", "boxes": b""}
            ),
        ]
    )
    async with opened(store) as api:
        assert len((await api.get(ROW))["truths"]) == 3


async def test_rows_that_are_not_there(api: Api):
    for path in ("/v1/model-runs/run_1/rows/none", "/v1/model-runs/none/rows/1.jpg", "/v1/model-runs/run_1/rows/../x"):
        assert (await api.refused(path))[0] == 404
