"""The numbers are pycocotools', on data that is hard on purpose."""

import copy

import msgspec
import pytest

from sightline.evaluation import coco_averages, count, evaluate, evidence_of_coco
from tests.unit.evaluation import oracle
from tests.unit.evaluation.synthetic import coco

SIZES = [
    {"images": 1, "classes": 1},
    {"images": 3, "classes": 2, "detections": 5},
    {"images": 20, "classes": 5},
    {"images": 60, "classes": 12, "truths": 10, "detections": 60},
    {"images": 40, "classes": 3, "crowded": False},
    {"images": 150, "classes": 30, "truths": 6, "detections": 40},
]


def close(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name] == (None if value is None else pytest.approx(value, abs=1e-9)), name


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_twelve_numbers_and_the_table_per_class(size, seed):
    truth, results = coco(seed, **size)
    judge = oracle.evaluated(truth, results)
    ours = evaluate(truth, results)
    close(ours.coco, oracle.twelve(judge))
    for place, name in enumerate(ours.class_names.values()):
        mine = {number: ours.classes[name][number] for number in oracle.NUMBERS}
        close(mine, oracle.twelve_of_class(judge, place))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("iou", [0.05, 0.3, 0.5, 0.75, 0.95, 1.0])
def test_counts(iou, seed):
    truth, results = coco(seed + 50, images=25)
    evidence, names = evidence_of_coco(truth, results)
    for confidence in (0.0, 0.2, 0.5, 0.9, 1.0):
        kept = [result for result in results if result["score"] >= confidence]
        theirs = oracle.counts(oracle.evaluated(truth, kept, iou=iou))
        ours = count(evidence, iou, confidence)
        columns = zip(ours.true_positive, ours.false_positive, ours.false_negative, strict=True)
        assert [[int(value) for value in column] for column in columns] == [theirs[i] for i in sorted(theirs)]
        assert len(names) == len(theirs)


def test_annotation_id_zero_is_an_id_like_any_other():
    truth, results = coco(7)
    from_zero = copy.deepcopy(truth)
    for annotation in from_zero["annotations"]:
        annotation["id"] -= 1
    close(evaluate(from_zero, results).coco, oracle.twelve(oracle.evaluated(truth, results)))


def test_bytes_of_files_are_as_good_as_parsed_json():
    truth, results = coco(8)
    from_bytes = evaluate(msgspec.json.encode(truth), msgspec.json.encode(results))
    assert from_bytes.metrics() == evaluate(truth, results).metrics()


def test_nothing_predicted():
    truth, _ = coco(9)
    ours = evaluate(truth, [])
    close(ours.coco, oracle.twelve(oracle.evaluated(truth, [])))
    assert ours.total["precision"] is None
    assert ours.total["recall"] == 0


def test_nothing_at_all():
    ours = evaluate({"images": [], "categories": [], "annotations": []}, [])
    assert set(ours.coco.values()) == {None}
    assert ours.total["support"] == 0
    assert ours.total["f1"] is None
    assert ours.confusion_matrix()[0].tolist() == [[0]]


def test_a_class_without_truths_counts_its_false_positives_and_is_in_no_mean():
    truth, results = coco(10)
    lonely = {"id": 1000, "name": "lonely"}
    truth["categories"].append(lonely)
    before = evaluate(truth, results).coco
    results += [{"image_id": truth["images"][0]["id"], "category_id": 1000, "bbox": [1, 2, 3, 4], "score": 0.9}]
    ours = evaluate(truth, results)
    assert ours.coco == before
    assert ours.classes["lonely"]["false_positive_count"] == 1
    assert ours.classes["lonely"]["precision"] == 0
    assert ours.classes["lonely"]["recall"] is None
    assert ours.classes["lonely"]["map"] is None


def test_negative_zero_ties_with_zero():
    truth, results = coco(11)
    for i, result in enumerate(results):
        result["score"] = [0.0, -0.0, -0.5][i % 3]
    judge = oracle.evaluated(truth, results)
    averages = coco_averages(evidence_of_coco(truth, results)[0])
    close({k: None if v != v else v for k, v in averages.total().items()}, oracle.twelve(judge))
