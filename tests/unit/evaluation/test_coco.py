"""COCO files as boxes: bytes and parsed JSON agree, and what is wrong is said."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.evaluation import boxes_of_coco, evidence_of_coco
from sightline.formats.coco import read_results
from sightline.formats.json_elements import MOST_ELEMENTS
from tests.unit.evaluation.synthetic import coco

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.one_of(
    finite.map(repr),
    finite.map(lambda value: f"{value:.25g}"),
    st.decimals(-1000, 1000, places=18).map(str),
    st.integers(-(10**25), 10**25).map(str),
    st.sampled_from(
        [
            "0",
            "-0",
            "0.0",
            "-0.0",
            "0e5",
            "1E-7",
            "1e+22",
            "9007199254740993",
            "9007199254740993.0",
            str(2**64),
            f"{2**64}.5",
        ]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, min_size=5, max_size=5))
def test_numbers_are_read_as_python_reads_them(numbers):
    line = '[{"image_id": -3, "bbox": [%s, %s,%s ,%s], "category_id": 12, "score":%s, "other": -1.5e3}]' % (  # noqa: UP031
        *numbers,
    )
    columns = read_results(line.encode())
    read = [*columns.box[0], *columns.confidence]
    assert [float(number) for number in numbers] == read
    assert (columns.image_id.tolist(), columns.category_id.tolist()) == ([-3], [12])


def test_many_random_numbers():
    r = np.random.default_rng(0)
    values = np.concatenate([r.random(20_000), r.uniform(0, 2000, 20_000), r.random(20_000).astype(np.float32)])
    values = r.permutation(values).reshape(-1, 4)
    results = [{"image_id": 1, "category_id": 2, "bbox": v} for v in values.tolist()]
    assert (read_results(json.dumps(results, indent=1).encode()).box == values).all()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "{}",
        "[]x",
        "[{}]",
        '[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]},]',
        '[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4],}]',
        '[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]}',
        '[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3]}]',
        '[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4, 5]}]',
        '[{"image_id": 1, "category_id": 2, "bbox": [01, 2, 3, 4]}]',
        '[{"image_id": 1, "category_id": 2, "bbox": [1., 2, 3, 4]}]',
        '[{"image_id": 1, "category_id": 2, "bbox": [.1, 2, 3, 4]}]',
        '[{"image_id": 1, "category_id": 2, "bbox": [1e, 2, 3, 4]}]',
        '[{"image_id": 1, "category_id": 2, "bbox": [NaN, 2, 3, 4]}]',
        '[{"image_id": 1, "category_id": 2, "bbox": [-, 2, 3, 4]}]',
        '[{"image_id": 1.5, "category_id": 2, "bbox": [1, 2, 3, 4]}]',
        '[{"image_id": 1, "bbox": [1, 2, 3, 4]}]',
        '[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": "high"}]',
        '[{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]} {}]',
    ],
)
def test_what_is_broken_is_left_to_the_parser_that_explains_it(text):
    truth, _ = coco(1, images=2)
    assert read_results(text.encode()) is None
    with pytest.raises(ValueError):
        boxes_of_coco(truth, text.encode())


def test_every_cut_of_a_file_is_refused_without_reading_past_its_end():
    text = b'[{"image_id": 1, "category_id": 2, "bbox": [1.5, 2, 3e1, 4], "score": 0.5}]'
    assert read_results(text) is not None
    assert all(read_results(text[:n]) is None for n in range(len(text)))


@pytest.mark.parametrize("extra", ['"segmentation": []', '"note": "a \\" b"', '"t\\u0061g": 1', '"score": 0.1'])
def test_more_than_numbers_is_read_too(extra):
    text = '[{"image_id": %d, "category_id": %d, "bbox": [1, 2, 3, 4], "score": 0.5, %s}]'
    truth, _ = coco(1, images=2)
    text = text % (truth["images"][0]["id"], truth["categories"][0]["id"], extra)
    boxes = boxes_of_coco(truth, text.encode())
    assert boxes.predictions.confidence.tolist() == [json.loads(text)[0]["score"]]


def test_an_empty_list_is_no_results():
    truth, _ = coco(1, images=2)
    assert len(boxes_of_coco(truth, b" [ ] \n").predictions.confidence) == 0


def test_spaces_anywhere():
    spaced = b'\n[ { "image_id" : 1 , "category_id" : 2 , "bbox" : [ 1 , 2 , 3 , 4 ] } , '
    spaced += b'{"score":0.25,"image_id":2,"category_id":3,"bbox":[1,2,3,4]}\t]\r\n'
    columns = read_results(spaced)
    assert columns.confidence[1] == 0.25
    assert np.isnan(columns.confidence[0])
    assert columns.image_id.tolist() == [1, 2]


def test_a_file_of_several_pieces():
    results = [
        {"image_id": n, "category_id": 2, "bbox": [1.5, 2, 3, n], "score": 0.5} for n in range(MOST_ELEMENTS + 5)
    ]
    for some in (results, [{**result, "}, {": 1, "},{": "],["} for result in results]):
        columns = read_results(json.dumps(some).encode())
        assert columns.image_id.tolist() == list(range(len(results)))
        assert columns.box[:, 3].tolist() == list(range(len(results)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 10**6}, "image_id is 1000000"),
        ({"category_id": 10**6}, "category_id is 1000000"),
        ({"score": float("inf")}, "score is not finite"),
        ({"bbox": [0, 0, float("nan"), 1]}, "bbox is not finite"),
        ({"bbox": [0, 0, 1]}, "bbox"),
        ({"image_id": "1"}, "image_id"),
    ],
)
def test_strangers_and_nonsense_are_refused(change, message):
    truth, results = coco(2, images=3)
    results[3] = {**results[3], **change}
    with pytest.raises(ValueError, match=message):
        boxes_of_coco(truth, results)


@pytest.mark.parametrize("score", [1.5, -0.5, None])
def test_bytes_are_taken_for_what_parsed_json_is_taken_for(score):
    truth, results = coco(4, images=3)
    results[1] = {**results[1], "score": score}
    results[2] = {**results[2], "bbox": [5, 5, -1, 2]}
    parsed, read = (
        boxes_of_coco(truth, results),
        boxes_of_coco(json.dumps(truth).encode(), json.dumps(results).encode()),
    )
    assert (parsed.predictions.confidence == read.predictions.confidence).all()
    assert (parsed.predictions.box == read.predictions.box).all()
    assert read.predictions.confidence[1] == (1 if score is None else score)


def test_an_absent_score_counts_as_one_and_an_absent_area_is_that_of_the_box():
    truth, results = coco(3, images=3)
    del results[0]["score"], truth["annotations"][0]["area"]
    for boxes in (boxes_of_coco(truth, results), boxes_of_coco(truth, msgspec.json.encode(results))):
        assert boxes.predictions.confidence[0] == 1
        assert boxes.truths.area[0] == boxes.truths.box[0, 2] * boxes.truths.box[0, 3]


def test_whole_numbers_may_be_written_as_floats() -> None:
    truth = {
        "images": [{"id": 1.0}],
        "categories": [{"id": 3.0, "name": "a"}],
        "annotations": [{"image_id": 1.0, "category_id": 3.0, "bbox": [0, 0, 9, 9], "iscrowd": 0.0}],
    }
    results = [{"image_id": 1.0, "category_id": 3.0, "bbox": [0, 0, 9, 9], "score": 1}]
    for parsed in (truth, json.dumps(truth).encode()):
        for found in (results, json.dumps(results).encode()):
            evidence, _ = evidence_of_coco(parsed, found)
            assert evidence.predictions.confidence.tolist() == [1.0]
            assert evidence.pairs.overlap.tolist() == [1.0]
