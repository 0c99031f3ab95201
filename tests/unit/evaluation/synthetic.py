"""Seeded COCO data with every hard case in it: small enough for pycocotools, nasty enough for us."""

from typing import Any

import numpy as np

Json = dict[str, Any]


def coco(
    seed: int, images: int = 20, classes: int = 5, truths: float = 5, detections: float = 30, crowded: bool = True
) -> tuple[Json, list[Json]]:
    """Truth and results: jittered truths and clutter, all shuffled.

    With crowds, empty images, absent classes, ties, duplicates, twins in other classes, tiny and huge boxes, areas that
    aren't width x height, and an image with more than 100 detections of one class.
    """
    r = np.random.default_rng(seed)
    image_ids = r.permutation(10 * images)[:images].tolist()
    category_ids = (r.permutation(3 * classes)[:classes] + 1).tolist()
    with_truth = category_ids[: max(1, classes - 1)]
    predicted = category_ids[1:] if classes > 2 else category_ids
    annotations: list[Json] = []
    results: list[Json] = []
    for image_id in image_ids:
        mine: list[list[float]] = []
        for _ in range(0 if r.random() < 0.1 else r.poisson(truths)):
            box = _box(r)
            category_id = int(r.choice(with_truth))
            annotations.append(
                {
                    "image_id": image_id,
                    "category_id": category_id,
                    "bbox": box,
                    "area": box[2] * box[3] * float(r.choice([1.0, r.uniform(0.3, 1)])),
                    "iscrowd": int(crowded and r.random() < 0.1),
                }
            )
            mine.append([category_id, *box])
            if r.random() < 0.15:
                twin = {**annotations[-1], "iscrowd": 0, "area": annotations[-1]["area"] * float(r.choice([1, 0.2]))}
                annotations.append({**twin, "category_id": int(r.choice([category_id, r.choice(with_truth)]))})
        if r.random() < 0.5:
            # Two truths that one prediction overlaps equally, and a second one that only has the later to take.
            category_id = int(r.choice(predicted))
            for left in r.permutation([104.0, 96.0]).tolist():
                between = {"category_id": category_id, "bbox": [left, 100.0, 64.0, 32.0], "area": 2048.0, "iscrowd": 0}
                annotations.append({"image_id": image_id, **between})
            for left, score in ((100.0, 0.9), (float(r.choice([80, 120])), 0.8)):
                near = {"category_id": category_id, "bbox": [left, 100.0, 64.0, 32.0], "score": score}
                results.append({"image_id": image_id, **near})
        clutter = 0 if r.random() < 0.1 else r.poisson(detections)
        for category_id, *box in mine:
            for _ in range(r.integers(0, 4)):
                jitter = r.normal(0, r.choice([0.0, 0.05, 0.15]), 4) * [box[2], box[3], box[2], box[3]]
                near = (np.array(box) + jitter).tolist()
                near[2:] = np.maximum(near[2:], 0.5).tolist()
                named = int(category_id) if r.random() < 0.8 else int(r.choice(predicted))
                results.append(_result(r, image_id, named, near))
        results += [_result(r, image_id, int(r.choice(predicted)), _box(r)) for _ in range(clutter)]
    for _ in range(int(images > 4) * 130):
        near = np.array(annotations[0]["bbox"]) + r.normal(0, 8, 4).clip(-40, 40) * [1, 1, 0, 0]
        results.append(_result(r, annotations[0]["image_id"], annotations[0]["category_id"], near.tolist()))
    results += [dict(results[i]) for i in r.integers(0, len(results), len(results) // 20)]
    results += [
        {**results[i], "category_id": int(r.choice(predicted))} for i in r.integers(0, len(results), len(results) // 10)
    ]
    order = r.permutation(len(annotations))
    annotations = [{"id": int(i) + 1, **annotations[k]} for i, k in enumerate(order)]
    results = [results[i] for i in r.permutation(len(results))]
    return {
        "images": [{"id": i, "width": 640, "height": 480, "file_name": f"{i}.jpg"} for i in image_ids],
        "categories": [{"id": i, "name": f"class {i}"} for i in category_ids],
        "annotations": annotations,
    }, results


def _box(r: np.random.Generator) -> list[float]:
    size = r.choice([1.5, 30.0, 96.0, 200.0, 200_000.0], 2, p=[0.1, 0.3, 0.3, 0.29, 0.01])
    wide, high = (size * r.uniform(0.5, 1.5, 2)).tolist() if r.random() < 0.7 else [32.0, 32.0]
    return [*(r.uniform(0, 300, 2).round(int(r.choice([0, 2])))).tolist(), wide, high]


def _result(r: np.random.Generator, image_id: int, category_id: int, box: list[float]) -> Json:
    score = round(float(r.beta(2, 3)), int(r.choice([1, 2, 9])))
    return {"image_id": image_id, "category_id": category_id, "bbox": box, "score": score}
