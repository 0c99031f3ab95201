"""The confusion matrix against a second implementation, written from its definition with lists and dicts."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask

from sightline.evaluation import confusion_matrix, count, evidence_of_coco
from tests.unit.evaluation.synthetic import coco


def brute_force(truth, results, iou, confidence):
    classes = {c: n for n, c in enumerate(sorted(category["id"] for category in truth["categories"]))}
    background = len(classes)
    matrix = np.zeros((background + 1, background + 1), np.int64)
    for image in truth["images"]:
        truths = [a for a in truth["annotations"] if a["image_id"] == image["id"]]
        mine = [r for r in results if r["image_id"] == image["id"] and r["score"] >= confidence]
        mine.sort(key=lambda r: -r["score"])
        overlaps = np.array(
            mask.iou([r["bbox"] for r in mine], [t["bbox"] for t in truths], [t["iscrowd"] for t in truths])
        ).reshape(len(mine), len(truths))
        cells, taken, left = [], set(), []
        for p, result in enumerate(mine):
            can = [
                t
                for t, a in enumerate(truths)
                if a["category_id"] == result["category_id"]
                and overlaps[p, t] >= min(iou, 1 - 1e-10)
                and (a["iscrowd"] or t not in taken)
            ]
            if not can:
                left.append(p)
                continue
            best = max(can, key=lambda t: (not truths[t]["iscrowd"], overlaps[p, t], t))
            if not truths[best]["iscrowd"]:
                taken.add(best)
                cells.append((result["category_id"], result["category_id"]))
        for p in left:
            can = [
                t
                for t, a in enumerate(truths)
                if not a["iscrowd"] and t not in taken and overlaps[p, t] >= min(iou, 1 - 1e-10)
            ]
            best = max(can, key=lambda t: (overlaps[p, t], t), default=None)
            taken.add(best)
            cells.append((None if best is None else truths[best]["category_id"], mine[p]["category_id"]))
        cells += [(a["category_id"], None) for t, a in enumerate(truths) if t not in taken and not a["iscrowd"]]
        for row, column in cells:
            matrix[classes.get(row, background), classes.get(column, background)] += 1
    return matrix


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 1), st.floats(0, 1))
def test_equals_the_definition_and_agrees_with_the_counts(seed, iou, confidence):
    truth, results = coco(seed, images=5, classes=4)
    evidence, _ = evidence_of_coco(truth, results)
    matrix, counts = confusion_matrix(evidence, iou, confidence), count(evidence, iou, confidence)
    assert (matrix == brute_force(truth, results, iou, confidence)).all()
    inner = matrix[:-1, :-1]
    assert (np.diag(inner) == counts.true_positive).all()
    assert (matrix[:-1].sum(axis=1) == counts.support).all()
    assert (matrix[:, :-1].sum(axis=0) == counts.true_positive + counts.false_positive).all()
    assert matrix[-1, -1] == 0
