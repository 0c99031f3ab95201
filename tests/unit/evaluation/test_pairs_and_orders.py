"""Overlaps bit by bit, and the two orders, against what they stand for."""

import numpy as np
import pytest
from pycocotools import mask

import sightline.evaluation.overlap.box as box_overlap
from sightline.evaluation import Spans, by_confidence, canonical_order, evidence_of_coco, find_pairs, kinds
from sightline.evaluation.evidence import MINIMUM_OVERLAP
from sightline.evaluation.pairs import TOO_MANY
from tests.unit.evaluation.layouts import read_only
from tests.unit.evaluation.synthetic import coco


@pytest.mark.parametrize("seed", range(5))
def test_overlaps_are_those_of_pycocotools_to_the_last_bit(seed):
    r = np.random.default_rng(seed)
    sizes_p, sizes_t = r.integers(0, 30, 12).astype(np.int32), r.integers(0, 9, 12).astype(np.int32)
    predictions, truths = (r.uniform(0, 50, (n.sum(), 4)) for n in (sizes_p, sizes_t))
    truths[::5] = predictions[: len(truths[::5])]
    truths[::7, 2:] = 0
    crowd = r.random(len(truths)) < 0.3
    rows_p, rows_t = (Spans(np.cumsum([0, *n[:-1]]), n) for n in (sizes_p, sizes_t))
    pairs, spans = find_pairs(read_only(predictions).reshape(-1, 4), rows_p, truths, crowd, rows_t)
    for row in range(12):
        p0, t0 = rows_p.start[row], rows_t.start[row]
        mine, theirs = predictions[p0 : p0 + sizes_p[row]], truths[t0 : t0 + sizes_t[row]]
        expected = np.zeros((len(mine), len(theirs)))
        if expected.size:
            expected[:] = mask.iou(mine, theirs, crowd[t0 : t0 + sizes_t[row]].astype(np.uint8))
        p, t = np.nonzero(expected >= 0.05)
        here = slice(spans.start[row], spans.start[row] + spans.count[row])
        assert (pairs.prediction[here] == p).all()
        assert (pairs.truth[here] == t).all()
        assert (pairs.overlap[here] == expected[p, t]).all()


def crowded_boxes(r: np.random.Generator, kind: str, count: int) -> np.ndarray:
    corner, size = r.uniform(-300, 300, (count, 2)), r.lognormal(2.5, 1, (count, 2))
    match kind:
        case "on a grid":
            corner, size = np.round(corner / 20) * 20, np.round(size / 10) * 10
        case "on one spot":
            corner[:] = 5
        case "some large":
            size[r.random(count) < 0.1] *= 200
        case "far out":
            corner, size = corner * 1e16, size * 1e15
        case "next to nothing":
            corner, size = corner * 1e-310, size * 1e-310
        case _:
            pass
    return np.concatenate([corner, size], axis=1)


def all_with_all(predictions: np.ndarray, truths: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """pycocotools' operations, in their order."""
    (px, py, pw, ph), (tx, ty, tw, th) = predictions.T[:, :, None], truths.T[:, None, :]
    width = np.minimum(pw + px, tw + tx) - np.maximum(px, tx)
    height = np.minimum(ph + py, th + ty) - np.maximum(py, ty)
    shared, area = width * height, np.broadcast_to(pw * ph, width.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        overlap = shared / np.where(crowd, area, area + tw * th - shared)
    return np.where((width > 0) & (height > 0), overlap, -1)


@pytest.mark.parametrize("kind", ["plain", "on a grid", "on one spot", "some large", "far out", "next to nothing"])
def test_crowded_rows_have_the_same_pairs_in_the_same_order(kind):
    r = np.random.default_rng(4)
    sizes_p, sizes_t = np.array([1300, 40, 700], np.int32), np.array([900, 60, 1100], np.int32)
    assert min(sizes_p[0], sizes_t[0]) > box_overlap._CROWDED > max(sizes_p[1], sizes_t[1])
    predictions, truths = crowded_boxes(r, kind, sizes_p.sum()), crowded_boxes(r, kind, sizes_t.sum())
    crowd = r.random(len(truths)) < 0.2
    rows_p, rows_t = (Spans(np.cumsum([0, *n[:-1]]), n) for n in (sizes_p, sizes_t))
    pairs, spans = find_pairs(predictions, rows_p, truths, crowd, rows_t)
    for row in range(3):
        mine = slice(rows_p.start[row], rows_p.start[row] + sizes_p[row])
        theirs = slice(rows_t.start[row], rows_t.start[row] + sizes_t[row])
        expected = all_with_all(predictions[mine], truths[theirs], crowd[theirs])
        p, t = np.nonzero(~(expected < MINIMUM_OVERLAP))  # areas that underflow: 0 / 0 overlaps, as pycocotools has it
        here = slice(spans.start[row], spans.start[row] + spans.count[row])
        assert (pairs.prediction[here] == p).all()
        assert (pairs.truth[here] == t).all()
        np.testing.assert_array_equal(pairs.overlap[here], expected[p, t])


def test_a_row_with_more_pairs_than_may_be_kept_has_none_and_others_have_theirs():
    r = np.random.default_rng(2)
    counts = np.array([5, 600, 5], np.int32)
    rows = Spans(np.cumsum([0, *counts[:-1]]), counts)
    boxes = np.tile([0.0, 0.0, 10.0, 10.0], (counts.sum(), 1))
    crowd = r.random(len(boxes)) < 0.2
    pairs, spans = find_pairs(boxes, rows, boxes, crowd, rows, most=np.array([25, 600 * 600 - 1, 24]))
    assert spans.count.tolist() == [25, TOO_MANY, TOO_MANY]
    assert spans.start.tolist() == [0, 25, 25]
    assert len(pairs.overlap) == 25
    whole, spans = find_pairs(boxes, rows, boxes, crowd, rows, most=np.array([25, 600 * 600, 25]))
    assert spans.count.tolist() == [25, 600 * 600, 25]
    assert len(whole.overlap) == 600 * 600 + 50


def test_kinds_are_found_by_name():
    assert "box" in kinds()
    nothing = Spans(np.zeros(0, np.int64), np.zeros(0, np.int32))
    with pytest.raises(KeyError):
        find_pairs(np.zeros((0, 4)), nothing, np.zeros((0, 4)), np.zeros(0, np.bool_), nothing, kind="smell")


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 100, 3000])
def test_canonical_order(size):
    r = np.random.default_rng(size)
    class_id = r.integers(0, 4, size).astype(np.int32)
    confidence, place = r.random(size).round(1), r.permutation(size).astype(np.int32)
    cut = size // 3
    spans = Spans(np.array([0, cut]), np.array([cut, size - cut], np.int32))
    order = canonical_order(read_only(class_id), confidence, place, spans)
    for low, high in ((0, cut), (cut, size)):
        expected = low + np.lexsort((place[low:high], -confidence[low:high], class_id[low:high]))
        assert (order[low:high] == expected).all()


def test_canonical_order_leaves_gaps_alone():
    class_id, confidence = np.array([9, 1, 0, 9], np.int32), np.zeros(4)
    spans = Spans(np.array([1]), np.array([2], np.int32))
    assert canonical_order(class_id, confidence, np.arange(4, dtype=np.int32), spans).tolist() == [0, 2, 1, 3]


@pytest.mark.parametrize("seed", range(3))
def test_by_confidence(seed):
    evidence, _ = evidence_of_coco(*coco(seed, images=40))
    order, predictions = by_confidence(evidence), evidence.predictions
    ordinal = np.repeat(evidence.ordinal, evidence.prediction_rows.count)
    inside = np.arange(len(ordinal))
    expected = np.lexsort((inside, ordinal, -predictions.confidence, predictions.class_id))
    assert (order.prediction == expected).all()
    assert (order.confidence == predictions.confidence[expected]).all()
    assert (order.start == np.searchsorted(predictions.class_id[expected], np.arange(evidence.class_count + 1))).all()
