"""Which numbers rows get as COCO's pictures, in the order of their keys."""

from __future__ import annotations

import numpy as np
import pytest

from services.query.bulk.image_ids import numbering


def numbers(*ordinals: int | None) -> list[int]:
    said = sorted(ordinal for ordinal in ordinals if ordinal is not None)
    ids = numbering(np.array(said, np.int64), len(ordinals) - len(said))
    return [ids.of(ordinal) for ordinal in ordinals]


def test_a_row_is_numbered_by_its_ordinal_and_those_without_follow() -> None:
    assert numbers(7, None, -3, None) == [7, 8, -3, 9]
    assert numbers(None, None) == [1, 2]
    assert numbers() == []


def test_rows_that_share_an_ordinal_are_numbered_by_their_keys() -> None:
    assert numbers(5, None, 5) == [1, 2, 3]


@pytest.mark.parametrize("highest", [2**53 - 1, 2**63 - 1])
def test_without_room_behind_the_highest_all_are_numbered_in_the_same_order(highest: int) -> None:
    assert numbers(highest, None, -(2**63), None) == [2, 3, 1, 4]
    assert numbers(highest, -(2**63)) == [highest, -(2**63)]
