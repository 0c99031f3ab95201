"""The annotation kinds."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sightline.domain.kinds import BOX, KINDS


def test_every_kind_is_found_by_its_name() -> None:
    assert {name: kind.name for name, kind in KINDS.items()} == {name: name for name in KINDS}
    assert KINDS["box"] is BOX


@pytest.mark.parametrize(
    ("box", "code"),
    [
        ([0, 0, 1, 1], None),
        ([-5, -5, 0, 0], None),
        ([1e300, 0, 1, 1], None),
        ([0, 0, -1e-9, 4], "negative_size"),
        ([0, 0, 4, -1], "negative_size"),
        ([np.nan, 0, 1, 1], "out_of_range"),
        ([0, 0, np.inf, 1], "out_of_range"),
        ([1.7e308, 0, 1.7e308, 1], "out_of_range"),
        ([0, 0, 1e200, 1e200], "out_of_range"),
        ([0, 0, np.nan, -1], "out_of_range"),
    ],
)
def test_boxes(box: list[float], code: str | None) -> None:
    good = [2.0, 3.0, 4.0, 5.0]
    first, fault, last = BOX.check(np.array([good, box, good], np.float64)).tolist()
    assert (first, last) == (0, 0)
    assert (BOX.faults[fault - 1].code if fault else None) == code


@given(st.tuples(*[st.floats(width=64)] * 4))
@example((0.0, 0.0, -0.0, -0.0))
@example((0.0, 0.0, 5e-324, -5e-324))
@example((math.nan, math.inf, -math.inf, 0.0))
@example((-1.7e308, 0.0, -1.7e308, 1.0))
def test_any_four_numbers(box: tuple[float, float, float, float]) -> None:
    x, y, width, height = box
    measurable = all(map(math.isfinite, (x + width, y + height, width * height)))
    code = "out_of_range" if not measurable else "negative_size" if width < 0 or height < 0 else None
    [fault] = BOX.check(np.array([box], np.float64)).tolist()
    assert (BOX.faults[fault - 1].code if fault else None) == code


def test_none_at_all() -> None:
    empty = np.empty((0, BOX.width))
    assert BOX.check(empty).tolist() == BOX.area(empty).tolist() == []


def test_the_area_of_a_box() -> None:
    assert BOX.area(np.array([[9.0, 9.0, 3.0, 4.0], [0.0, 0.0, 0.0, 7.0]])).tolist() == [12.0, 0.0]
