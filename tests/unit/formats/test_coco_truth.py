"""The streaming reader of COCO truth."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.formats.coco import Truth, TruthReader, read_truth, truth_digest
from sightline.formats.faults import FileBroken

TRUTH: dict[str, Any] = {
    "info": {"description": 'with "quotes" and [brackets}', "contributors": ["a", {"b": [1, 2, [3]]}]},
    "licenses": [],
    "images": [
        {"id": 7, "file_name": "b.jpg", "width": 640, "height": 480},
        {"id": -3, "file_name": "a.jpg"},
        {"id": 12, "file_name": "ü/ß 空.jpg", "width": 1, "height": 1, "extra": {"x": [None]}},
    ],
    "annotations": [
        {"id": 0, "image_id": 12, "category_id": 5, "bbox": [0.1, 0.2, 3, 4], "area": 11.5, "iscrowd": 1},
        {"id": 9, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "segmentation": [[1, 2, 3, 4, 5, 6]]},
        {"id": 4, "image_id": 12, "category_id": 2, "bbox": [5, 5, 0, 4], "area": None, "iscrowd": False},
    ],
    "categories": [{"id": 5, "name": "car", "supercategory": "vehicle"}, {"id": 2, "name": "person"}],
}


def read(truth: dict[str, Any] | bytes, step: int = 1 << 16, **options: int) -> Truth:
    data = truth if isinstance(truth, bytes) else json.dumps(truth).encode()
    reader = TruthReader(**options)
    for begin in range(0, len(data), step):
        reader.feed(data[begin : begin + step])
    return reader.finish()


def seen(truth: Truth) -> dict[str, Any]:
    return {
        name: (
            int(truth.image_ids[i]),
            int(truth.widths[i]),
            int(truth.heights[i]),
            [
                (
                    truth.categories[int(r["category_id"])],
                    r["box"].tolist(),
                    float(r["area"]),
                    int(r["crowd"]),
                    int(r["annotation_id"]),
                )
                for r in truth.annotations(i)
            ],
        )
        for i, name in enumerate(truth.names)
    }


def reordered(truth: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: truth[key] for key in keys}


def test_reads_what_is_there() -> None:
    assert seen(read(TRUTH)) == {
        "b.jpg": (7, 640, 480, [("person", [1, 2, 3, 4], 12.0, 0, 9)]),
        "a.jpg": (-3, -1, -1, []),
        "ü/ß 空.jpg": (
            12,
            1,
            1,
            [("car", [0.1, 0.2, 3, 4], 11.5, 1, 0), ("person", [5, 5, 0, 4], 0.0, 0, 4)],
        ),
    }


@settings(deadline=None, max_examples=60)
@given(st.permutations(list(TRUTH)), st.integers(1, 2000), st.sampled_from([None, 2]))
def test_keys_in_any_order_and_bytes_cut_anywhere_are_the_same(keys: list[str], step: int, indent: int | None) -> None:
    data = json.dumps(reordered(TRUTH, keys), indent=indent).encode()
    truth = read(data, step)
    assert seen(truth) == seen(read(TRUTH))
    assert truth.digest() == read(TRUTH).digest()
    assert truth.rejections.count == 0


def test_the_digest_changes_with_everything_that_counts_and_with_nothing_else() -> None:
    first = truth_digest([json.dumps(TRUTH).encode()])
    same = copy.deepcopy(TRUTH)
    same["info"] = {}
    same["images"].reverse()
    same["categories"].reverse()
    assert truth_digest([json.dumps(same).encode()]) == first

    def changed(path: str, value: Any) -> str:
        other = copy.deepcopy(TRUTH)
        *parents, last = (int(p) if p.isdigit() else p for p in path.split("/"))
        place: Any = other
        for key in parents:
            place = place[key]
        place[last] = value
        return truth_digest([json.dumps(other).encode()])

    digests = {
        changed("images/0/file_name", "c.jpg"),
        changed("images/1/id", -4),
        changed("images/0/width", 641),
        changed("annotations/0/bbox", [0.1, 0.2, 3, 4.000000000000001]),
        changed("annotations/0/area", 11.6),
        changed("annotations/0/iscrowd", 0),
        changed("annotations/0/id", 1),
        changed("annotations/0/category_id", 2),
        changed("annotations/0/image_id", 7),
        changed("categories/0/name", "bus"),
        changed("annotations", TRUTH["annotations"][:2]),
        changed("annotations", [TRUTH["annotations"][i] for i in (2, 1, 0)]),
    }
    assert len(digests) == 12
    assert first not in digests


@pytest.mark.parametrize("keep", [0, 100, 1 << 20])
def test_annotations_may_be_kept_in_a_file(keep: int) -> None:
    truth = read(TRUTH, keep_in_memory=keep)
    assert seen(truth) == seen(read(TRUTH))


def test_a_spilled_truth_outlives_its_reader() -> None:
    reader = TruthReader(keep_in_memory=10)
    reader.feed(json.dumps(TRUTH).encode())
    truth = reader.finish()
    reader.close()
    assert seen(truth) == seen(read(TRUTH))


def test_equal_names_are_told_apart_by_id() -> None:
    truth = read(
        {
            "images": [
                {"id": 1, "file_name": "x"},
                {"id": 2, "file_name": "x"},
                {"id": 3, "file_name": "1"},
                {"id": 4},
                {"id": 5, "file_name": "y"},
                {"id": 6, "file_name": "4"},
            ],
            "annotations": [],
            "categories": [],
        }
    )
    assert truth.names == ("1", "2", "3", "4", "y", "6")


BAD_ANNOTATIONS = {
    "negative": ({"bbox": [1, 2, -3, 4]}, "negative_size", "annotations[1].bbox"),
    "area": ({"area": -1.0}, "negative_area", "annotations[1].area"),
    "crowd": ({"iscrowd": 2}, "invalid", "annotations[1].iscrowd"),
    "huge crowd": ({"iscrowd": 10**30}, "invalid", "annotations[1].iscrowd"),
    "box": ({"bbox": [1, 2, 3]}, "invalid", "annotations[1].bbox"),
    "no id": ({"id": None}, "invalid", "annotations[1].id"),
    "category": ({"category_id": 77}, "unknown_class", "annotations[1].category_id"),
}


@pytest.mark.parametrize("name", BAD_ANNOTATIONS)
def test_a_bad_annotation_withholds_its_image(name: str) -> None:
    change, code, where = BAD_ANNOTATIONS[name]
    bad = copy.deepcopy(TRUTH)
    bad["annotations"][1].update(change)
    truth = read(bad)
    assert [(r.number, r.code, r.where) for r in truth.rejections.kept] == [(2, code, where)]
    assert dict(zip(truth.names, truth.withheld.tolist(), strict=True)) == {
        "b.jpg": True,
        "a.jpg": False,
        "ü/ß 空.jpg": False,
    }
    assert truth.annotation_count == 2


def test_an_annotation_that_is_no_json_withholds_its_image() -> None:
    data = json.dumps(TRUTH).replace("[1, 2, 3, 4]", "[NaN, 2, 3, 4]", 1).encode()
    truth = read(data)
    assert [r.code for r in truth.rejections.kept] == ["malformed"]
    assert truth.withheld.tolist() == [True, False, False]


def test_an_annotation_of_no_image() -> None:
    bad = copy.deepcopy(TRUTH)
    bad["annotations"][1]["image_id"] = 99
    truth = read(bad)
    assert [(r.code, r.where) for r in truth.rejections.kept] == [("unknown_image", "annotations[1].image_id")]
    assert not truth.withheld.any()


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ({"id": 7, "file_name": "z"}, "duplicate_id"),
        ({"id": 8, "file_name": "n" * 201}, "name"),
        ({"id": 8, "file_name": "a\nb"}, "name"),
        ({"id": 8, "file_name": "z", "width": -1}, "out_of_range"),
        ({"id": 8, "file_name": "z", "width": 2**31}, "out_of_range"),
        ({"file_name": "z"}, "invalid"),
        ({"id": 2**63}, "invalid"),
        ({"id": 2**53}, "out_of_range"),
        ({"id": -(2**63)}, "out_of_range"),
    ],
)
def test_bad_images(image: dict[str, Any], code: str) -> None:
    truth = read({**TRUTH, "images": [*TRUTH["images"], image]})
    assert [(r.number, r.code) for r in truth.rejections.kept] == [(4, code)]
    assert len(truth.names) == 3


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (b"[]", "a JSON list"),
        (b'{"images": [], "annotations": []}', "no list `categories`"),
        (b'{"images": {}, "annotations": [], "categories": []}', "`images` is no list"),
        (b'{"images": [], "images": [], "annotations": [], "categories": []}', "twice"),
        (b'{"images": [], "annotations": [{"id": 1, ', "cut off in `annotations"),
        (b'{"images": [], "annotations": []', "cut off before its end"),
        (b'{"images": [] "annotations": []}', "comma is missing"),
        (b'{"info": {"a": 1', "cut off"),
        (b'{"images": [], annotations: []}', "no key"),
        (b'{"images": [], "\xff": []}', "a key that can't be read"),
        (
            b'{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}',
            "same name",
        ),
        (b'{"images": [], "annotations": [], "categories": []} x', "follows"),
    ],
)
def test_a_broken_file_says_so(truth: bytes, said: str) -> None:
    for step in (1, 1 << 16):
        with pytest.raises(FileBroken, match=re.escape(said)):
            read(truth, step)


def test_what_lies_under_other_keys_is_passed_over_in_bounded_memory() -> None:
    import tracemalloc

    reader = TruthReader()
    reader.feed(b'{"images": [], "categories": [], "annotations": [], "notes": [')
    tracemalloc.start()
    for _ in range(64):
        reader.feed(b'{"a": ["x]}", 1, 2, {"b": null}]},' * 30_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    reader.feed(b"0]}")
    assert reader.finish().names == ()
    assert peak < 16 << 20


def test_large_shuffled_truth_keeps_file_order_inside_images() -> None:
    r = random.Random(1)
    annotations = [{"id": i, "image_id": r.randrange(50), "category_id": 1, "bbox": [i, 0, 1, 1]} for i in range(5_000)]
    images = [{"id": i, "file_name": f"{i}.png"} for i in range(50)]
    r.shuffle(images)
    truth = read({"annotations": annotations, "categories": [{"id": 1, "name": "c"}], "images": images}, 1000)
    for i, id in enumerate(truth.image_ids.tolist()):
        assert truth.annotations(i)["annotation_id"].tolist() == [a["id"] for a in annotations if a["image_id"] == id]


def test_read_truth_reads_chunks() -> None:
    data = json.dumps(TRUTH).encode()
    assert seen(read_truth(data[i : i + 10] for i in range(0, len(data), 10))) == seen(read(TRUTH))


def test_whole_numbers_may_be_written_as_floats() -> None:
    def floats(item: dict[str, Any]) -> dict[str, Any]:
        whole = ("id", "image_id", "category_id", "width", "height", "iscrowd")
        return {k: float(v) if k in whole else v for k, v in item.items()}

    written = {
        **TRUTH,
        **{key: [floats(item) for item in TRUTH[key]] for key in ("images", "annotations", "categories")},
    }
    truth = read(written)
    assert truth.rejections.count == 0
    assert truth.digest() == read(TRUTH).digest()
