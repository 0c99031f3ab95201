"""Data rows as NDJSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.formats.data_rows import DataRow, DataRowReader
from sightline.formats.faults import Rejection
from sightline.formats.ndjson import LINE_LIMIT


def read(data: bytes, step: int = 1 << 16) -> tuple[list[DataRow], list[Rejection]]:
    reader = DataRowReader()
    blocks = [block for i in range(0, len(data), step) for block in reader.feed(data[i : i + step])]
    blocks += reader.finish()
    return [row for block in blocks for row in block.rows], [r for block in blocks for r in block.rejections]


ROWS: list[dict[str, Any]] = [
    {
        "global_key": "a/b.jpg",
        "ordinal": -1,
        "width": 3,
        "height": 4,
        "split": "Test",
        "metadata": {"x": [1, 2.5, "ü"]},
    },
    {"global_key": "b", "asset_url": "https://example.org/b.png"},
    {"global_key": "c", "metadata": {}},
]


@settings(deadline=None)
@given(st.integers(1, 300), st.sampled_from([b"\n", b"\r\n", b"\n\n"]), st.booleans())
def test_lines_cut_anywhere(step: int, end: bytes, last: bool) -> None:
    data = end.join(json.dumps(row).encode() for row in ROWS) + (end if last else b"")
    rows, rejections = read(data, step)
    assert rejections == []
    assert [(r.global_key, r.ordinal, r.asset_url, r.split, r.metadata) for r in rows] == [
        ("a/b.jpg", -1, None, "test", {"x": [1, 2.5, "ü"]}),
        ("b", None, "https://example.org/b.png", None, None),
        ("c", None, None, None, {}),
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "malformed"),
        (b'{"global_key": "\xff"}', "malformed"),
        (b'{"global_key": "\\ud800"}', "malformed"),
        (b"[]", "invalid"),
        (b"{}", "invalid"),
        (b'{"global_key": ""}', "name"),
        (b'{"global_key": "a\\u0000"}', "name"),
        (b'{"global_key": "a", "color": 1}', "invalid"),
        (b'{"global_key": "a", "width": 1.5}', "invalid"),
        (b'{"global_key": "a", "metadata": [1]}', "invalid"),
        (b'{"global_key": "a", "metadata": {"x": 9223372036854775808}}', "invalid"),
        (b'{"global_key": "a", "metadata": {"a\\u0000": 1}}', "invalid"),
        (b'{"global_key": "a", "metadata": {"x": NaN}}', "malformed"),
        (b'{"global_key": "a", "metadata": {"x": ' + b"[" * 40 + b"]" * 40 + b"}}", "invalid"),
        (b'{"global_key": "a", "metadata": {"x": "' + b"y" * 70_000 + b'"}}', "out_of_range"),
        (b'{"global_key": "a", "asset_url": "' + b"y" * 2001 + b'"}', "out_of_range"),
    ],
)
def test_a_bad_line_is_told_and_the_others_go_through(line: bytes, code: str) -> None:
    rows, rejections = read(b'{"global_key": "x"}\n\n' + line + b'\n{"global_key": "y"}')
    assert [row.global_key for row in rows] == ["x", "y"]
    assert [(r.number, r.code, r.where.split(":")[0]) for r in rejections] == [(3, code, "line 3")]


@pytest.mark.parametrize("step", [1000, 1 << 16, 1 << 24])
@pytest.mark.parametrize("end", [b"", b'\n{"global_key": "y"}'])
def test_a_line_over_the_limit_is_left_out_and_the_others_go_through(step: int, end: bytes) -> None:
    long = b'{"global_key": "' + b"x" * (2 * LINE_LIMIT) + b'"}'
    rows, rejections = read(b'{"global_key": "x"}\n' + long + end, step)
    assert [row.global_key for row in rows] == (["x", "y"] if end else ["x"])
    assert [(r.number, r.code) for r in rejections] == [(2, "line_too_long")]


def test_a_misspelt_field_is_not_repeated_and_the_right_ones_are_told() -> None:
    _, (rejection,) = read(b'{"global_key": "a", "colour": 1}')
    assert "colour" not in rejection.message
    assert "global_key, ordinal, asset_url, width, height, split, metadata" in rejection.message


@pytest.mark.parametrize(
    ("said", "where", "message"),
    [
        ('"width": "3"', "line 1: width", "whole number of pixels"),
        ('"height": 0', "line 1: height", "whole number of pixels"),
        ('"split": "val"', "line 1", "training, validation, test, unassigned"),
        ('"split": 1', "line 1: split", "training, validation, test, unassigned"),
        ('"metadata": [1]', "line 1: metadata", "no JSON object"),
        (
            '"ordinal": 9007199254740992',
            "line 1: ordinal",
            "no whole number from -9007199254740991 to 9007199254740991",
        ),
        ('"ordinal": -9223372036854775808', "line 1: ordinal", "no whole number from -9007199254740991"),
        ('"ordinal": 9223372036854775808', "line 1: ordinal", "no whole number from -9007199254740991"),
    ],
)
def test_what_a_field_should_be_is_told_in_words(said: str, where: str, message: str) -> None:
    _, (rejection,) = read(b'{"global_key": "a", ' + said.encode() + b"}")
    assert rejection.where == where
    assert message in rejection.message
