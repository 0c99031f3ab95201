"""What counts as a difference between two documents."""

from __future__ import annotations

import pytest

from services.common.readmodel.comparison import differing_fields

DOCUMENT = {"_id": "a", "packed": b"\x00\x01", "numbers": [1.0, 0.0], "at": {"x": 1, "y": [{"p": 1, "q": 2}]}}


@pytest.mark.parametrize(
    ("other", "fields"),
    [
        (DOCUMENT, ()),
        ({**DOCUMENT, "at": {"y": [{"q": 2, "p": 1}], "x": 1}}, ()),
        ({**DOCUMENT, "packed": b"\x00\x02"}, ("packed",)),
        ({**DOCUMENT, "numbers": [1.0, -0.0]}, ("numbers",)),
        ({**DOCUMENT, "numbers": [1, 0.0]}, ("numbers",)),
        ({**DOCUMENT, "numbers": [0.0, 1.0]}, ("numbers",)),
        ({**DOCUMENT, "more": None}, ("more",)),
        ({"_id": "a"}, ("at", "numbers", "packed")),
    ],
)
def test_fields_differ_by_their_bytes_and_not_by_their_order(other: dict[str, object], fields: tuple[str, ...]) -> None:
    assert differing_fields(DOCUMENT, other) == fields


def test_what_is_left_out_is_not_looked_at() -> None:
    assert differing_fields(DOCUMENT, {**DOCUMENT, "packed": b""}, frozenset({"packed"})) == ()


def test_not_a_number_is_equal_to_itself() -> None:
    assert differing_fields({"x": float("nan")}, {"x": float("nan")}) == ()
