"""Seeded COCO-like data of any size: jittered truths and clutter, crowds, empty images, tied scores, duplicates.

`python -m benchmarks.generate FOLDER [--images N] [--truths N] [--detections N] [--classes N] [--seed N]` writes
`gt.json` and `dt.json`. About a second for half a million detections.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

Json = dict[str, Any]
_Floats = npt.NDArray[np.float64]

WIDTH, HEIGHT = 640, 480


def generate(
    images: int = 5000, truths: int = 36_000, detections: int = 500_000, classes: int = 80, seed: int = 7
) -> tuple[Json, list[Json]]:
    """Truth with about so many annotations, and exactly so many results (or more, to echo every truth)."""
    r = np.random.default_rng(seed)
    image_ids = r.permutation(12 * images)[:images] + 1
    per_image = np.where(r.random(images) < 0.02, 0, r.exponential(1.09 * truths / images, images)).astype(np.int64)
    image = np.repeat(np.arange(images), per_image)
    boxes = _boxes(r, len(image), 90)
    classes_of = np.minimum(r.exponential(classes / 8, len(image)).astype(np.int64), classes - 1)
    area = (boxes[:, 2] * boxes[:, 3] * r.uniform(0.5, 1, len(image))).round(2)
    crowd = (r.random(len(image)) < 0.01).astype(np.int64)

    echo = np.repeat(np.arange(len(image)), r.choice([0, 1, 1, 1, 2, 3], len(image)))
    near = boxes[echo]
    near += r.normal(0, 1, near.shape) * r.choice([0.02, 0.06, 0.12], (len(echo), 1)) * near[:, [2, 3, 2, 3]]
    near[:, :2], near[:, 2:] = np.maximum(near[:, :2], 0), np.maximum(near[:, 2:], 0.5)
    named = np.where(r.random(len(echo)) < 0.9, classes_of[echo], r.integers(0, classes, len(echo)))
    clutter = max(0, detections - len(echo))
    found_image = np.concatenate([image[echo], r.integers(0, images, clutter)])
    found_box = np.concatenate([near, _boxes(r, clutter, 70)]).round(2)
    found_class = np.concatenate([named, r.integers(0, classes, clutter)])
    score = np.concatenate([r.beta(5, 2, len(echo)), r.beta(1, 6, clutter)]).round(3)
    # One image in five hundred is full of one class; one detection in two hundred came twice.
    full = found_image % 500 == 3
    found_class[full] = found_image[full] % classes
    order = r.permutation(len(score))
    twice = r.integers(0, len(score), len(score) // 200)
    order[: len(twice)] = order[len(order) - len(twice) :]

    truth = {
        "images": [
            {"id": i, "file_name": f"{i:012d}.jpg", "width": WIDTH, "height": HEIGHT} for i in image_ids.tolist()
        ],
        "categories": [{"id": 3 * c + 1, "name": f"class {c:02d}"} for c in range(classes)],
        "annotations": [
            {"id": n + 1, "image_id": i, "category_id": c, "bbox": b, "area": a, "iscrowd": k}
            for n, (i, c, b, a, k) in enumerate(
                zip(
                    image_ids[image].tolist(),
                    (3 * classes_of + 1).tolist(),
                    boxes.tolist(),
                    area.tolist(),
                    crowd.tolist(),
                    strict=True,
                )
            )
        ],
    }
    results = [
        {"image_id": i, "category_id": c, "bbox": b, "score": s}
        for i, c, b, s in zip(
            image_ids[found_image[order]].tolist(),
            (3 * found_class[order] + 1).tolist(),
            found_box[order].tolist(),
            score[order].tolist(),
            strict=True,
        )
    ]
    return truth, results


def _boxes(r: np.random.Generator, count: int, size: float) -> _Floats:
    wide = np.minimum(4 + r.exponential(size, count), 0.95 * WIDTH)
    high = np.minimum(4 + r.exponential(size, count), 0.95 * HEIGHT)
    left, top = r.uniform(0, 1, count) * (WIDTH - wide), r.uniform(0, 1, count) * (HEIGHT - high)
    return np.stack([left, top, wide, high], axis=1).round(2)


def write_coco(
    truth_file: Path,
    results_file: Path,
    images: int = 5000,
    truths: int = 36_000,
    detections: int = 500_000,
    classes: int = 80,
    seed: int = 7,
) -> int:
    """Generate into two files; the number of detections."""
    made_truth, made_results = generate(images, truths, detections, classes, seed)
    truth_file.write_bytes(msgspec.json.encode(made_truth))
    results_file.write_bytes(msgspec.json.encode(made_results))
    return len(made_results)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--truths", type=int, default=36_000)
    parser.add_argument("--detections", type=int, default=500_000)
    parser.add_argument("--classes", type=int, default=80)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    folder: Path = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / "gt.json", folder / "dt.json"
    count = write_coco(*files, asked.images, asked.truths, asked.detections, asked.classes, asked.seed)
    print(f"{count} detections in {folder}")


if __name__ == "__main__":
    main()
