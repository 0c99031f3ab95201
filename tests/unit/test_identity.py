"""What content makes is known as such."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sightline.identity import identities_said, made_of_content


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from([0.0, -0.0, 1.5]), st.sampled_from([np.nan, 0.5, 1.0]))))
def test_identities_that_content_makes_are_told_from_others(said: list[tuple[int, float, float]]) -> None:
    class_id = np.array([each[0] for each in said], np.int32)
    boxes = np.array([[each[1]] * 4 for each in said], np.float64).reshape(-1, 4)
    confidence = np.array([each[2] for each in said], np.float64)
    content: tuple[Any, ...] = (class_id, boxes, confidence)
    made = identities_said(*content).view(np.uint8).reshape(-1, 16)
    assert made_of_content(made, *content).all()
    given = made.copy()
    given[:, 15] ^= 1
    assert not made_of_content(given, *content).any()
