"""What a file is by how it begins, and what its owner is told to do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.formats.beginnings import unreadable

LINE: dict[str, Any] = {"dataRow": {"globalKey": "a.jpg"}, "name": "car", "bbox": {"top": 1, "left": 2}}
RESULT = {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}
TRUTH: dict[str, Any] = {"images": [], "annotations": [], "categories": []}


@pytest.mark.parametrize(
    ("beginning", "said"),
    [
        (b"PK\x03\x04rest", "zip archive: unpack it"),
        (b"\x28\xb5\x2f\xfdrest", "zstd.*gzip"),
        (b"ARROW1\0\0", "Arrow file.*Python client"),
        (b"PAR1rest", "Parquet.*Python client"),
        ('{"a": 1}'.encode("utf-16"), "UTF-16.*UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "UTF-16.*UTF-8"),
        ('{"a": 1}'.encode("utf-16-be"), "UTF-16.*UTF-8"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "XML"),
        (b"image,x,y\r\na.jpg,1,2\r\n", "CSV.*pandas"),
        (b"image\tx\na.jpg\t1", "CSV"),
    ],
)
@pytest.mark.parametrize("lines", [True, False])
def test_what_is_no_json_is_named_with_a_way_out(beginning: bytes, said: str, lines: bool) -> None:
    assert re.search(said, unreadable(beginning, lines=lines) or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps([RESULT]), "sightline import coco"),
        (json.dumps([RESULT], indent=2), "sightline import coco"),
        (json.dumps(TRUTH), "sightline import coco"),
        (json.dumps(TRUTH, indent=2), "sightline import coco"),
        (json.dumps([LINE]), "jq -c '.\\[\\]'"),
        (json.dumps([LINE], indent=2), "jq -c '.\\[\\]'"),
        (json.dumps(LINE, indent=2), "jq -c ."),
    ],
)
def test_json_that_is_not_in_lines_says_how_to_make_lines_of_it(text: str, said: str) -> None:
    for mark in (b"", b"\xef\xbb\xbf", b"\n\n "):
        assert re.search(said, unreadable(mark + text.encode(), lines=True) or "")
        assert unreadable(mark + text.encode(), lines=False) is None


@pytest.mark.parametrize("line", [LINE, {"name": "car", "confidence": 0.5, **LINE}, {"global_key": "a.jpg"}])
def test_lines_that_should_be_coco_say_how_lines_are_sent(line: dict[str, Any]) -> None:
    text = b"\xef\xbb\xbf" + json.dumps(line).encode() + b"\n"
    assert "application/x-ndjson" in (unreadable(text, lines=False) or "")
    assert unreadable(text, lines=True) is None
    assert unreadable(json.dumps({"info": {"dataRow": 1}, "global_key": []}).encode(), lines=False) is None


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9), min_size=1), max_size=5), st.integers(0, 99))
def test_objects_in_lines_are_nothing_else_wherever_they_are_cut(items: list[dict[str, str]], end: int) -> None:
    text = b"\n".join(json.dumps(item).encode() for item in items)
    assert unreadable(text, lines=True) is None
    assert unreadable(text[:end], lines=True) is None


@pytest.mark.parametrize("text", [b"", b"\n", b"{bad\n{}", b"[1]\n{}", b"hello\n{}", b"a,b\n{}", b"a, b", b"{", b"["])
def test_one_bad_line_in_front_does_not_condemn_a_file(text: bytes) -> None:
    assert unreadable(text, lines=False) is None
    assert unreadable(text, lines=True) is None or text == b"["
