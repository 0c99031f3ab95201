"""Every trace has a test by its number, where the table says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROWS = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", (TESTS / "README.md").read_text(), re.MULTILINE)


def test_all_of_them_are_there() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 16))


@pytest.mark.parametrize(("number", "where"), ROWS)
def test_a_trace_has_its_tests(number: str, where: str) -> None:
    folder = TESTS
    for name in re.findall(r"`(.*?)`", where):
        path = TESTS / name if "/" in name else folder / name
        folder = path.parent
        assert re.search(rf"def test_(trace_)?0?{number}_", path.read_text()), f"{path} has no test of trace {number}"
