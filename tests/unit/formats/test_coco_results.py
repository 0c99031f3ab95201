"""The streaming reader of COCO results, against json.loads on the same bytes."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.formats.coco import ResultReader
from sightline.formats.faults import FileBroken, Rejection

Columns = tuple[list[int], list[int], list[list[float]], list[float | None], list[int]]


def read(chunks: Iterable[bytes], **options: int) -> tuple[Columns, list[Rejection]]:
    reader = ResultReader(**options)
    columns: Columns = ([], [], [], [], [])
    rejections: list[Rejection] = []

    def take(blocks: Iterator[Any]) -> None:
        for block in blocks:
            columns[0].extend(block.image_id.tolist())
            columns[1].extend(block.category_id.tolist())
            columns[2].extend(block.box.tolist())
            columns[3].extend(None if math.isnan(c) else c for c in block.confidence.tolist())
            columns[4].extend(block.place.tolist())
            rejections.extend(block.rejections)

    for chunk in chunks:
        take(reader.feed(chunk))
    take(reader.finish())
    return columns, rejections


def expected(items: list[dict[str, Any]]) -> Columns:
    return (
        [item["image_id"] for item in items],
        [item["category_id"] for item in items],
        [[float(number) for number in item["bbox"]] for item in items],
        [None if item.get("score") is None else float(item["score"]) for item in items],
        list(range(len(items))),
    )


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(places)]


longs = st.integers(-(2**63), 2**63 - 1)
coordinates = st.floats(-1e9, 1e9) | st.integers(-(10**6), 10**6)
sides = st.floats(0, 1e9) | st.integers(0, 10**6)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
results = st.fixed_dictionaries(
    {
        "image_id": longs,
        "category_id": longs,
        "bbox": st.tuples(coordinates, coordinates, sides, sides).map(list),
    },
    optional={
        "score": st.floats(0, 1) | st.sampled_from([0, 1, None]),
        "id": st.integers(),
        "segmentation": anything,
        '"quoted" ü\\': anything,
        "}],{[": anything,
    },
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(results, max_size=8),
    st.lists(st.integers(0, 10_000), max_size=6),
    st.sampled_from([None, 1, "\t"]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_equals_json_loads_however_the_bytes_are_cut(
    items: list[dict[str, Any]], cuts: list[int], indent: int | str | None, ascii: bool, random: Any
) -> None:
    shuffled = [dict(random.sample(sorted(item.items()), len(item))) for item in items]
    data = json.dumps(shuffled, indent=indent, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    assert read(split(data, cuts)) == (expected(items), [])


@pytest.mark.parametrize(
    "number",
    [
        "0.1",
        "1e-5",
        "123456789.123456789",
        "0.30000000000000004",
        "1.7976931348623157e300",
        "4.9e-324",
        "2.2250738585072011e-308",
        "9007199254740993",
        "9007199254740993.0",
        "0.000000000000000000000000000000000000123456789012345678",
        "12345678901234567890123",
        "5E+2",
        "1.00000000000000000000000000000000000001",
        "8.5e22",
        "3e23",
        "1e23",
        "179.76931348623157e-3",
        "-0.0",
    ],
)
def test_numbers_are_read_exactly(number: str) -> None:
    data = f'[{{"image_id": 1, "category_id": 2, "bbox": [{number}, -{number.lstrip("-")}, 1, 1], "score": 0.5}}]'
    (_, _, boxes, _, _), rejections = read([data.encode()])
    assert rejections == []
    assert [math.copysign(1, x) for x in boxes[0]] == [math.copysign(1, x) for x in json.loads(data)[0]["bbox"]]
    assert boxes[0] == [float(x) for x in json.loads(data)[0]["bbox"]]


@settings(deadline=None, max_examples=500)
@given(st.floats(0, 1), st.floats(-1e150, 1e150), st.floats(0, 1e150))
def test_any_float_is_read_exactly(score: float, x: float, side: float) -> None:
    data = json.dumps([{"image_id": 1, "category_id": 2, "bbox": [x, x, side, side], "score": score}])
    assert read([data.encode()]) == (expected(json.loads(data)), [])


GOOD = '{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}'

BAD = {
    "nan": ('{"image_id": 1, "category_id": 2, "bbox": [NaN, 2, 3, 4], "score": 0.5}', "malformed", "[1]"),
    "infinity": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": Infinity}', "malformed", "[1]"),
    "minus infinity": ('{"image_id": 1, "category_id": 2, "bbox": [-Infinity, 2, 3, 4]}', "malformed", "[1]"),
    "too large": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 1e999]}', "invalid", "[1].bbox[3]"),
    "overflowing area": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 1e200, 1e200]}', "out_of_range", "[1].bbox"),
    "three numbers": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3], "score": 0.5}', "invalid", "[1].bbox"),
    "five numbers": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4, 5]}', "invalid", "[1].bbox"),
    "negative width": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, -3, 4]}', "negative_size", "[1].bbox"),
    "negative height": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, -4]}', "negative_size", "[1].bbox"),
    "score above": (
        '{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 1.5}',
        "confidence_out_of_range",
        "[1].score",
    ),
    "score below": (
        '{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": -0.5}',
        "confidence_out_of_range",
        "[1].score",
    ),
    "score as text": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": "1"}', "invalid", "[1].score"),
    "text id": ('{"image_id": "1", "category_id": 2, "bbox": [1, 2, 3, 4]}', "invalid", "[1].image_id"),
    "fractional id": ('{"image_id": 1.5, "category_id": 2, "bbox": [1, 2, 3, 4]}', "invalid", "[1].image_id"),
    "boolean id": ('{"image_id": true, "category_id": 2, "bbox": [1, 2, 3, 4]}', "invalid", "[1].image_id"),
    "id beyond 64 bits": (
        '{"image_id": 9223372036854775808, "category_id": 2, "bbox": [1, 2, 3, 4]}',
        "invalid",
        "[1].image_id",
    ),
    "no image": ('{"category_id": 2, "bbox": [1, 2, 3, 4]}', "invalid", "[1]"),
    "no category": ('{"image_id": 2, "bbox": [1, 2, 3, 4]}', "invalid", "[1]"),
    "no box": ('{"image_id": 1, "category_id": 2}', "invalid", "[1]"),
    "null box": ('{"image_id": 1, "category_id": 2, "bbox": null}', "invalid", "[1].bbox"),
    "a number": ("17", "invalid", "[1]"),
    "a list": ("[1, 2]", "invalid", "[1]"),
    "nothing": (" ", "malformed", "[1]"),
    "leading zero": ('{"image_id": 01, "category_id": 2, "bbox": [1, 2, 3, 4]}', "malformed", "[1]"),
    "bare point": ('{"image_id": 1, "category_id": 2, "bbox": [1., 2, 3, 4]}', "malformed", "[1]"),
    "plus": ('{"image_id": 1, "category_id": 2, "bbox": [+1, 2, 3, 4]}', "malformed", "[1]"),
    "no colon": ('{"image_id" 1, "category_id": 2, "bbox": [1, 2, 3, 4]}', "malformed", "[1]"),
    "trailing comma": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4],}', "malformed", "[1]"),
    "two objects": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]} {}', "malformed", "[1]"),
    "control character": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "x": "\n"}', "malformed", "[1]"),
    "bad escape": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "x": "\\q"}', "malformed", "[1]"),
    "bad literal": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "x": nil}', "malformed", "[1]"),
    "wrong bracket": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4}}', "malformed", "[1]"),
    "wrong bracket below": ('{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "x": {]}', "malformed", "[1]"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_item_is_told_and_the_others_go_through(name: str) -> None:
    bad, code, where = BAD[name]
    data = f"[{GOOD}, {bad}, {GOOD}]".encode()
    (images, *_, places), rejections = read([data])
    assert (images, places) == ([1, 1], [0, 2])
    assert [(r.number, r.code, r.where) for r in rejections] == [(2, code, where)]


def test_many_bad_items_among_many_good_ones() -> None:
    items = [BAD["nan"][0] if i % 7 == 3 else GOOD for i in range(30_000)]
    (_, _, _, _, places), rejections = read([("[" + ",".join(items) + "]").encode()])
    assert places == [i for i in range(30_000) if i % 7 != 3]
    assert [r.number for r in rejections] == [i + 1 for i in range(30_000) if i % 7 == 3]


@pytest.mark.parametrize("kind", ["segmentation", "keypoints"])
def test_results_of_other_kinds_are_named(kind: str) -> None:
    data = f'[{{"image_id": 1, "category_id": 2, "{kind}": [1, 2], "score": 0.5}}]'
    _, rejections = read([data.encode()])
    assert rejections[0].message == f"This result has `{kind}` and no `bbox`: only boxes are read."


def test_zero_is_a_size_and_a_score_and_absent_is_not_zero() -> None:
    item = {"image_id": 0, "category_id": 0, "bbox": [0, 0, 0, 0]}
    (*_, confidences, _), rejections = read([json.dumps([{**item, "score": 0}, item]).encode()])
    assert (confidences, rejections) == ([0.0, None], [])


@pytest.mark.parametrize(
    ("data", "offset", "said"),
    [
        (b"", 0, "empty"),
        (b"  \n", 3, "empty"),
        (b'{"images": []}', 0, "a JSON object"),
        (b"hello", 0, "something else"),
        (b"\x89PNG\r\n", 0, "something else"),
        (b"[" + GOOD.encode(), 1 + len(GOOD), "cut off in `[0]`"),
        (b"[" + GOOD.encode() + b",", 2 + len(GOOD), "cut off in `[1]`"),
        (b"[" + GOOD[:30].encode(), 31, "cut off in `[0]`"),
        (b"[]]", 2, "follows"),
        (b"[" + GOOD.encode() + b"}", 1 + len(GOOD), "another bracket"),
        (b"[" + b"[" * 1000, 201, "deeper"),
    ],
)
def test_a_broken_file_says_where(data: bytes, offset: int, said: str) -> None:
    for chunks in ([data], [data[i : i + 1] for i in range(len(data))]):
        with pytest.raises(FileBroken, match=re.escape(said)) as caught:
            read(chunks)
        assert caught.value.offset == offset


def test_an_element_over_the_limit_is_refused() -> None:
    data = f'[{GOOD}, {{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "x": "{"x" * 3_000_000}"}}]'.encode()
    assert len(read([data])[0][0]) == 2
    with pytest.raises(FileBroken, match="larger than 2,000,000 bytes"):
        read(split(data, range(0, len(data), 4096)), element_limit=2_000_000)


def test_empty_lists_and_white_space_and_a_mark_in_front() -> None:
    for data in (b"[]", b" [ ] ", b"\xef\xbb\xbf[]\n"):
        assert read([data])[0][0] == []
    assert read([b"\xef\xbb\xbf \n[ " + GOOD.encode() + b" ]\t"])[0][0] == [1]


def test_memory_is_bounded() -> None:
    import tracemalloc

    item = (GOOD + ", ").encode()
    chunk = item * 1000
    reader = ResultReader()
    list(reader.feed(b"["))
    tracemalloc.start()
    for _ in range(200):
        for block in reader.feed(chunk):
            assert len(block) <= 20_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 << 20


def test_columns_have_their_types() -> None:
    reader = ResultReader()
    blocks = [*reader.feed(f"[{GOOD}]".encode()), *reader.finish()]
    block = blocks[0]
    assert (block.image_id.dtype, block.category_id.dtype, block.place.dtype) == (np.int64,) * 3
    assert (block.box.dtype, block.confidence.dtype, block.box.shape) == (np.float64, np.float64, (1, 4))


def test_whole_numbers_may_be_written_as_floats() -> None:
    items = [{"image_id": 7.0, "category_id": -2.00, "bbox": [1.0, 2, 3, 4], "score": 0.5}] * 3
    items[1] = {"image_id": 8, "category_id": 1, "bbox": [1, 2, 3, 4], "note": '"image_id": 1.0, "id" : 2.0}'}
    found, rejections = read([json.dumps(items).encode()])
    assert rejections == []
    assert found[0] == [7, 8, 7]
    assert found[1] == [-2, 1, -2]
