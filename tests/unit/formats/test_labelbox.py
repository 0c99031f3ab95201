"""Annotations as NDJSON in Labelbox's shape."""

from __future__ import annotations

import json
import math
import uuid
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.formats.labelbox import AnnotationBlock, AnnotationReader
from sightline.formats.labelbox_writing import RowName, truth_lines
from sightline.formats.uuids import parse_uuids

numbers = st.one_of(st.floats(), st.integers(-(10**30), 10**30), st.booleans(), st.none(), st.text(max_size=3))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
keys = st.one_of(st.sampled_from(["a.jpg", "b/ü.jpg"]), st.text(max_size=4))
boxes = st.fixed_dictionaries(dict.fromkeys(("top", "left", "height", "width"), numbers))
lines = st.fixed_dictionaries(
    {},
    optional={
        "dataRow": st.one_of(st.fixed_dictionaries({"globalKey": keys}), json_values),
        "name": st.one_of(st.just("car"), json_values),
        "bbox": st.one_of(boxes, json_values),
        "confidence": numbers,
        "uuid": st.one_of(st.uuids().map(str), st.text(max_size=40)),
        "empty": st.booleans(),
        "customMetrics": json_values,
        "polygon": json_values,
    },
)
good = st.fixed_dictionaries(
    {
        "dataRow": st.just({"globalKey": "a.jpg"}),
        "name": st.just("car"),
        "bbox": st.fixed_dictionaries({side: st.floats(0, 1e6) for side in ("top", "left", "height", "width")}),
    },
    optional={"confidence": st.floats(0, 1), "uuid": st.uuids().map(str)},
)
texts = st.one_of(
    st.one_of(good, lines, json_values).map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=30).map(lambda octets: octets.replace(b"\n", b"")),
    st.sampled_from([b"", b" ", b"\r", b"{}{}", b'{"a":', b"}", b"NaN", b"[" * 2000, b"\xef\xbb\xbf{}"]),
    st.tuples(good, good).map(lambda both: b"".join(json.dumps(each).encode() for each in both)),
)


LINE: dict[str, Any] = {
    "dataRow": {"globalKey": "a.jpg"},
    "name": "car",
    "bbox": {"top": 1, "left": 2, "height": 3, "width": 4},
}


def read(data: bytes, step: int) -> list[AnnotationBlock]:
    reader = AnnotationReader()
    blocks = [block for i in range(0, len(data), step) for block in reader.feed(data[i : i + step])]
    return [*blocks, *reader.finish()]


@settings(deadline=None, max_examples=300)
@given(st.lists(texts, max_size=12), st.integers(1, 400), st.sampled_from([b"\n", b"\r\n"]))
def test_every_line_is_accepted_or_rejected_exactly_once(texts: list[bytes], step: int, end: bytes) -> None:
    data = end.join(texts)
    blocks = read(data, step)
    decided = [
        *(int(number) for block in blocks for number in block.line),
        *(number for block in blocks for _, number in block.empty),
        *(rejection.number for block in blocks for rejection in block.rejections),
    ]
    plain = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert sorted(decided) == [number for number, text in enumerate(plain, 1) if text.strip(b" \t\r")]
    for block in blocks:
        for number, box, name, key in zip(block.line, block.box, block.names, block.global_keys, strict=True):
            said: dict[str, Any] = json.loads(plain[number - 1])
            assert (said["name"], said["dataRow"]["globalKey"]) == (name, key)
            assert [float(said["bbox"][side]) for side in ("left", "top", "width", "height")] == box.tolist()
            assert all(map(math.isfinite, box))


@settings(deadline=None)
@given(st.lists(good, max_size=20), st.integers(1, 400))
def test_good_lines_come_through_as_they_are(items: list[dict[str, Any]], step: int) -> None:
    blocks = read(b"\n".join(json.dumps(item).encode() for item in items), step)
    assert [rejection for block in blocks for rejection in block.rejections] == []
    confidence = [None if math.isnan(c) else c for block in blocks for c in block.confidence.tolist()]
    assert confidence == [item.get("confidence") for item in items]
    given_uuids = [
        str(uuid.UUID(bytes=octets.tobytes())) if there else None
        for block in blocks
        for octets, there in zip(block.uuid, block.has_uuid, strict=True)
    ]
    assert given_uuids == [item.get("uuid") for item in items]


@given(
    st.lists(st.one_of(st.none(), st.uuids().map(str), st.uuids().map(lambda u: str(u).upper()), st.text()), max_size=9)
)
def test_uuids_are_read_as_python_reads_them(texts: list[str | None]) -> None:
    octets, there, wrong = parse_uuids(texts)
    assert there.tolist() == [text is not None for text in texts]
    for text, found, bad in zip(texts, octets, wrong.tolist(), strict=True):
        try:
            right = text is not None and len(text) == 36 and str(uuid.UUID(text)) == text.lower()
        except ValueError:
            right = False
        assert bad == (text is not None and not right)
        assert found.tobytes() == (uuid.UUID(text).bytes if right and text else bytes(16))


def read_truth(*texts: bytes) -> list[AnnotationBlock]:
    reader = AnnotationReader(truth=True)
    return [*reader.feed(b"\n".join(texts)), *reader.finish()]


@given(
    st.lists(
        st.tuples(
            st.tuples(*[st.floats(0, 1e6)] * 4), st.one_of(st.none(), st.just(0), st.floats(0, 1e300)), st.booleans()
        ),
        max_size=20,
    )
)
def test_written_truth_is_read_as_it_was(said: list[tuple[tuple[float, ...], float | None, bool]]) -> None:
    boxes = np.array([box for box, _, _ in said], np.float64).reshape(-1, 4)
    areas = np.array([w * h if area is None else area for (_, _, w, h), area, _ in said], np.float64)
    crowds = np.array([crowd for _, _, crowd in said], np.bool_)
    text = truth_lines([RowName("a.jpg")] * len(said), ["car"] * len(said), boxes, areas, crowds)
    blocks = read_truth(text)
    assert sum(block.rejections.count + block.unknown_fields for block in blocks) == 0
    for name, column in (("box", boxes), ("areas", areas), ("crowds", crowds)):
        found = [getattr(block, name) for block in blocks]
        assert np.array_equal(np.concatenate(found) if found else column[:0], column)


def test_areas_and_crowds_of_truth() -> None:
    said: list[dict[str, Any]] = [
        *({}, {"area": None, "iscrowd": None}, {"area": 0, "iscrowd": True}, {"area": 7.5, "iscrowd": 1}),
        *({"area": -1}, {"area": "large"}, {"iscrowd": 2}, {"iscrowd": -(10**30)}, {"iscrowd": "yes"}),
    ]
    texts = [json.dumps(LINE | more).encode() for more in said]
    (block,) = read_truth(*texts, b"")
    assert (block.areas.tolist(), block.crowds.tolist()) == ([12, 12, 0, 7.5], [False, False, True, True])
    assert sorted((each.number, each.code, each.where) for each in block.rejections) == [
        (5, "negative_area", "line 5: area"),
        (6, "invalid", "line 6: area"),
        *((number, "invalid", f"line {number}: iscrowd") for number in (7, 8, 9)),
    ]
    (block,) = read(b"\n".join([*texts[:4], b""]), 1 << 16)
    assert block.unknown_fields == 3, "predictions have neither"


def test_rejected_lines_tell_their_uuid_as_far_as_they_can_be_read() -> None:
    id = "00000000-0000-0000-0000-00000000000A"
    texts = [
        b'{"dataRow": {"globalKey": "b.jpg"}, "uuid": "%b", "bbox"' % id.encode(),
        json.dumps(LINE | {"confidence": 2, "uuid": id}).encode(),
        json.dumps(LINE | {"confidence": 2, "uuid": "seven"}).encode(),
        b'{"dataRow": {"globalKey": 7}}',
    ]
    uuids = {r.number: r.uuid for block in read(b"\n".join(texts), 1 << 16) for r in block.rejections}
    assert uuids == {1: id.lower(), 2: id.lower(), 3: "", 4: ""}


BAD = b'"name": "car", "bbox": {"top": 1, "left": 1, "width": -5, "height": 5}'
LATE = b'{"x": "%b", "dataRow": {"globalKey": "a"}}' % (b"x" * (1 << 20))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (b'{"dataRow": {"globalKey": "b\\u00fc"}, "bbox"', {"bü"}),
        (b'{"dataRow": {"global\\u004bey": "a"}, ' + BAD + b"}", {"a"}),
        (b'{"dataRow": {"global\\u004bey": "a"}, ' + BAD, {"a"}),
        (b'{"relations": [{"globalKey": "b"}], "dataRow": {"globalKey": "a"}, ' + BAD + b"}", {"a"}),
        (b'{"relations": [{"globalKey": "b"}], "dataRow": {"globalKey": "a"}, ' + BAD, {"a"}),
        (b'{"dataRow": {"globalKey": "b", "globalKey": "a"}, ' + BAD + b"}", {"a"}),
        (b'{"dataRow": {"globalKey": "b"}, "dataRow": {"globalKey": "a"}, ' + BAD + b"}", {"a"}),
        (b'{"dataRow": {"globalKey": "b"}}{"dataRow": {"id": {}, "globalKey": "a"}, ' + BAD + b"}", {"a", "b"}),
        (b'[{"dataRow": {"globalKey": "a"}, ' + BAD + b"}]", {"a"}),
        (b'{"note": "\\"dataRow\\": {\\"globalKey\\": \\"b\\"", "dataRow": {"globalKey": "a"}, "x": NaN}', {"a"}),
        (b'{"dataRow": {"globalKey": "long"}, "x": "' + b"x" * (1 << 20) + b'"}', {"long"}),
        (b'{"dataRow": {"globalKey": "a"}, "bbox": null, "\xff": 1}', {"a"}),
        (b'{"dataRow": {"globalKey": "a"}, "empty": true, "name": "car"}', {"a"}),
        (LATE, set()),
        (b'{"dataRow": {"globalK', set()),
        (b'{"dataRow": {"id": "a"}, ' + BAD + b"}", set()),
        (b'{"dataRow": {"globalKey": 7}, ' + BAD + b"}", set()),
        (b"{'dataRow': {'globalKey': 'a'}}", set()),
        (b"[" * 5_000, set()),
        (b"}]:" * 100, set()),
        (b"{}", set()),
        (b'"\\', set()),
    ],
)
def test_rejected_lines_tell_their_rows_or_that_nobody_can(text: bytes, rows: set[str]) -> None:
    blocks = read_truth(json.dumps(LINE).encode(), text, text)
    assert {key for block in blocks for key in block.rejected_keys} == rows
    assert sum(block.of_no_row for block in blocks) == (0 if rows else 2)
    assert [rejection.number for block in blocks for rejection in block.rejections] == [2, 3]


@pytest.mark.parametrize("text", [b'{"dataRow"' + b'\\"' * 400_000, b'{"a":"' * 200_000, b'{"dataRow":{' * 90_000])
def test_what_is_no_json_is_read_in_one_go(text: bytes) -> None:
    (block,) = read_truth(text)
    assert block.of_no_row == 1


def test_many_rejections_are_counted_and_the_first_are_kept() -> None:
    reader = AnnotationReader()
    blocks = [*reader.feed(b"{}\n1\n\n" * 150_000), *reader.finish()]
    kept = [rejection for block in blocks for rejection in block.rejections]
    assert (len(kept), kept[0].number, kept[-1].number) == (100_000, 1, 149_999)
    assert sum(block.rejections.count for block in blocks) == 300_000
    assert blocks[-1].lines == 450_000


@pytest.mark.parametrize("more", [b'"name": "car", "\xff": 1', b'"polygon": [], "n\xf6te": 1'])
def test_a_line_of_another_encoding_is_rejected_alone(more: bytes) -> None:
    good = json.dumps(LINE).encode()
    blocks = read(b"\n".join((good, b'{"dataRow": {"globalKey": "a"}, %b}' % more, good)), 1 << 16)
    rejected = [(rejection.number, rejection.code) for block in blocks for rejection in block.rejections]
    assert rejected == [(2, "malformed")]
    assert sum(map(len, blocks)) == 2


def test_columns_of_nothing_have_their_shapes() -> None:
    (block,) = read(b"{}", 9)
    assert block.box.shape == (0, 4)
    assert block.uuid.shape == (0, 16)
    assert np.array_equal(block.line, [])


@pytest.mark.parametrize("step", [1, 2, 3, 4, 1 << 16])
def test_a_byte_order_mark_is_none_of_the_first_line_however_it_is_cut(step: int) -> None:
    text = json.dumps(LINE).encode()
    for data, taken in ((b"\xef\xbb\xbf" + text, 1), (b"\xef\xbb\xbf", 0), (b"", 0)):
        blocks = read(data, step)
        assert sum(map(len, blocks)) == taken
        assert [rejection for block in blocks for rejection in block.rejections] == []
    (block,) = read(b"\xef\xbb" + text, step)
    assert [rejection.code for rejection in block.rejections] == ["malformed"]


@pytest.mark.parametrize("broken", [[], [b"[1]"]])
def test_lines_with_unknown_fields_are_taken_and_counted(broken: list[bytes]) -> None:
    known = {"customMetrics": [], "classifications": [], "schemaId": "ck1", "confidence": 1}
    texts = [json.dumps(LINE | more).encode() for more in (known, {"confidance": 0.1}, {}, {"page": 1, "unit": "pt"})]
    blocks = read(b"\n".join(texts + broken), 1 << 16)
    assert (sum(map(len, blocks)), sum(block.unknown_fields for block in blocks)) == (4, 2)


@pytest.mark.parametrize(
    ("changed", "where", "said"),
    [
        ({"bbox": [1, 2, 3, 4]}, "line 1: bbox", "`left`, `top`, `width` and `height`"),
        ({"bbox": {"x": 1, "y": 2}}, "line 1: bbox", "`left`, `top`, `width` and `height`"),
        ({"bbox": {**LINE["bbox"], "top": "7"}}, "line 1: bbox.top", "`left`, `top`, `width` and `height`"),
        ({"confidence": "0.5"}, "line 1: confidence", "between 0 and 1"),
        ({"name": None, "schemaId": "ck1"}, "line 1: name", "`schemaId` is not known"),
        ({"dataRow": {"id": "ck1"}}, "line 1: dataRow", "global key"),
        ({"dataRow": "a.jpg"}, "line 1: dataRow", "`globalKey`"),
        ({"dataRow": {"globalKey": 7}}, "line 1: dataRow.globalKey", "text"),
        ({"name": 3}, "line 1: name", "no text"),
        ({"uuid": 3}, "line 1: uuid", "hexadecimal"),
        ({"bbox": None, "polygon": []}, "line 1", "`polygon` and no `bbox`"),
    ],
)
def test_what_a_line_should_say_is_told_in_words(changed: dict[str, Any], where: str, said: str) -> None:
    (block,) = read(json.dumps(LINE | changed).encode(), 1 << 16)
    (rejection,) = block.rejections
    assert rejection.where == where
    assert said in rejection.message
