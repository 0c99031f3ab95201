"""Which JSON is kept."""

from typing import Any

import pytest

from sightline.domain.json_values import DEPTH_LIMIT, json_fault


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        *(float("inf"), float("nan"), 2**63, -(2**63) - 1),
        *("\ud800", {"\ud800": 1}, {"a": [{"\0": 1}]}, {1: 2}, nested(DEPTH_LIMIT)),
    ],
)
def test_json_that_can_not_be_kept(value: Any) -> None:
    assert json_fault({"x": value})


@pytest.mark.parametrize(
    "value", [None, True, 0, -(2**63), 2**63 - 1, 1.5, "a\0", [], {"$a.b": {}}, nested(DEPTH_LIMIT - 1)]
)
def test_json_that_can(value: Any) -> None:
    assert json_fault({"x": value}) is None


def test_depth_needs_no_recursion() -> None:
    assert "nested deeper" in (json_fault(nested(100_000)) or "")
