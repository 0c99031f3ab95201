"""One image with more annotations than an event holds, through the whole stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from services.ingest.importing.truth import ANNOTATIONS_PER_EVENT
from sightline.evaluation import evaluate
from tests.e2e import data
from tests.e2e.stack import Stack

TRUTHS, PREDICTIONS, CLASSES, SIDE = 20_000, 30_000, 8, 5_000


def boxes(r: np.random.Generator, count: int) -> np.ndarray:
    return np.concatenate([r.uniform(0, SIDE, (count, 2)), r.lognormal(3.2, 0.6, (count, 2))], axis=1).round(2)


def crowded(folder: Path) -> data.Files:
    r = np.random.default_rng(20)
    marked, classes = boxes(r, TRUTHS), r.integers(1, CLASSES + 1, TRUTHS)
    crowds = r.random(TRUTHS) < 0.01
    of = r.integers(0, TRUTHS, PREDICTIONS)
    found = marked[of] + r.normal(0, 3, (PREDICTIONS, 4)).round(2)
    found[:, 2:] = np.maximum(found[:, 2:], 1)
    astray = r.random(PREDICTIONS) < 0.2
    found[astray] = boxes(r, int(astray.sum()))
    said = np.where(r.random(PREDICTIONS) < 0.9, classes[of], r.integers(1, CLASSES + 1, PREDICTIONS))
    scores = r.random(PREDICTIONS).round(3)
    truth: dict[str, Any] = {
        "images": [{"id": 7, "file_name": "crowded.jpg"}, {"id": 9, "file_name": "plain.jpg"}],
        "categories": [{"id": c, "name": f"class {c}"} for c in range(1, CLASSES + 1)],
        "annotations": [
            {"id": i + 1, "image_id": 7, "category_id": c, "bbox": box, "area": box[2] * box[3], "iscrowd": int(crowd)}
            for i, (c, box, crowd) in enumerate(zip(classes.tolist(), marked.tolist(), crowds.tolist(), strict=True))
        ],
    }
    results = [
        {"image_id": 7, "category_id": c, "bbox": box, "score": score}
        for c, box, score in zip(said.tolist(), found.tolist(), scores.tolist(), strict=True)
    ]
    return data.write(folder, truth, results)


def counted(files: data.Files, category: int, iou: float, confidence: float) -> list[int]:
    """COCO's matching in plain words: a prediction with all truths of its class at a time."""
    marked = [a for a in files.truth["annotations"] if a["category_id"] == category]
    marked.sort(key=lambda a: a["iscrowd"])
    found = [r for r in files.results if r["category_id"] == category and r["score"] >= confidence]
    found.sort(key=lambda r: -r["score"])
    x, y, w, h = np.array([a["bbox"] for a in marked]).T
    crowd = np.array([a["iscrowd"] for a in marked], bool)
    taken, right, ignored = np.zeros(len(marked), bool), 0, 0
    for result in found:
        px, py, pw, ph = result["bbox"]
        width = np.minimum(pw + px, w + x) - np.maximum(px, x)
        height = np.minimum(ph + py, h + y) - np.maximum(py, y)
        shared = np.where((width > 0) & (height > 0), width * height, 0)
        overlap = shared / np.where(crowd, pw * ph, pw * ph + w * h - shared)
        fits = (overlap >= iou) & ~(taken & ~crowd)
        for kind in (fits & ~crowd, fits & crowd):
            if kind.any():
                best = np.flatnonzero(kind & (overlap == overlap[kind].max()))[-1]
                taken[best] = True
                right, ignored = right + (not crowd[best]), ignored + bool(crowd[best])
                break
    return [right, len(found) - right - ignored, int((~crowd).sum()) - right]


def test_an_image_with_more_annotations_than_an_event_holds(tmp_path: Path) -> None:
    assert TRUTHS > ANNOTATIONS_PER_EVENT
    files = crowded(tmp_path / "files")
    with Stack(tmp_path / "data") as stack:
        done = stack.json(*files.arguments("crowded"), "--wait")
        assert (done["accepted"], done["rejected"]) == (PREDICTIONS, 0)
        # pycocotools takes a minute for this image; that a notebook has its numbers is tested elsewhere.
        assert stack.json("metrics", done["run_id"])["coco"] == evaluate(files.truth, files.results).metrics()["coco"]
        for iou, confidence in ((0.5, 0.5), (0.2, 0.0)):
            answer = stack.get(f"/v1/model-runs/{done['run_id']}/metrics", iou=iou, confidence=confidence)
            for category in range(1, CLASSES + 1):
                mine = answer["classes"][f"class {category}"]
                counts = [mine[f"{name}_count"] for name in ("true_positive", "false_positive", "false_negative")]
                assert counts == counted(files, category, iou, confidence), (category, iou, confidence)
        assert answer["total"]["support"] == sum(not a["iscrowd"] for a in files.truth["annotations"])
        assert answer["total"]["true_positive_count"] > TRUTHS / 4

        stack.kill()
        stack.start()
        again = stack.get(f"/v1/model-runs/{done['run_id']}/metrics", iou=iou, confidence=confidence)
        assert (again["classes"], again["coco"]) == (answer["classes"], answer["coco"])
