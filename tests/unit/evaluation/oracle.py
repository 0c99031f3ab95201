"""pycocotools, asked quietly."""

import contextlib
import copy
import io
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

NUMBERS = [
    *("map", "map_50", "map_75", "map_small", "map_medium", "map_large"),
    *("mar_1", "mar_10", "mar_100", "mar_small", "mar_medium", "mar_large"),
]


def evaluated(
    truth: dict[str, Any],
    results: list[dict[str, Any]],
    *,
    iou: float | None = None,
    area_range: tuple[float, float] = (0, np.inf),
    max_detections: int = 10**6,
) -> COCOeval:
    """COCO's own protocol; with `iou`, only that IoU, area range and limit."""
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = copy.deepcopy(truth)
        gt.createIndex()
        if results:
            dt = gt.loadRes(copy.deepcopy(results))
        else:
            dt = COCO()
            dt.dataset = {**gt.dataset, "annotations": []}
            dt.createIndex()
        judge = COCOeval(gt, dt, "bbox")
        if iou is not None:
            judge.params.iouThrs = np.array([iou])
            judge.params.maxDets = [max_detections]
            judge.params.areaRng, judge.params.areaRngLbl = [list(area_range)], ["all"]
        judge.evaluate()
        if iou is None:
            judge.accumulate()
            judge.summarize()
    return judge


def twelve(judge: COCOeval) -> dict[str, float | None]:
    return {name: None if value == -1 else float(value) for name, value in zip(NUMBERS, judge.stats, strict=True)}


def twelve_of_class(judge: COCOeval, place: int) -> dict[str, float | None]:
    precision, recall = judge.eval["precision"][:, :, place], judge.eval["recall"][:, place]
    values = [
        *(precision[:, :, 0, 2], precision[0, :, 0, 2], precision[5, :, 0, 2]),
        *(precision[:, :, area, 2] for area in (1, 2, 3)),
        *(recall[:, 0, limit] for limit in (0, 1, 2)),
        *(recall[:, area, 2] for area in (1, 2, 3)),
    ]
    return {n: float(v[v > -1].mean()) if (v > -1).any() else None for n, v in zip(NUMBERS, values, strict=True)}


def counts(judge: COCOeval) -> dict[int, list[int]]:
    """True positives, false positives, false negatives by category id, of a judge asked at one IoU."""
    found = {category_id: [0, 0, 0] for category_id in judge.params.catIds}
    for image in filter(None, judge.evalImgs):
        matched, ignored = image["dtMatches"][0] > 0, image["dtIgnore"][0].astype(bool)
        hits = int((matched & ~ignored).sum())
        mine = found[image["category_id"]]
        mine[0] += hits
        mine[1] += int((~matched & ~ignored).sum())
        mine[2] += int((~np.array(image["gtIgnore"], bool)).sum()) - hits
    return found


def matches(judge: COCOeval) -> list[tuple[Any, ...]]:
    """Every prediction in play as (image, category, score, id of the truth taken, ignored), sorted."""
    return sorted(
        (image["image_id"], image["category_id"], score, int(truth), bool(ignored))
        for image in filter(None, judge.evalImgs)
        for score, truth, ignored in zip(image["dtScores"], image["dtMatches"][0], image["dtIgnore"][0], strict=True)
    )
