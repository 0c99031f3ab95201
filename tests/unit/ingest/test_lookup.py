"""Lookups by table and by search say the same as a dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.importing.id_lookup import Lookup

ids = st.integers(-20, 20) | st.integers(-(2**63), 2**63 - 1)


@settings(deadline=None)
@given(st.dictionaries(ids, st.integers(0, 2**31 - 1), max_size=10), st.lists(ids, max_size=20), st.booleans())
def test_it_is_a_dictionary(meanings: dict[int, int], asked: list[int], close: bool) -> None:
    if close:
        meanings = {id % 100: value for id, value in meanings.items()}
    asked += list(meanings)
    found, there = Lookup(meanings).find(np.array(asked, np.int64))
    assert there.tolist() == [id in meanings for id in asked]
    assert [v for v, t in zip(found.tolist(), there.tolist(), strict=True) if t] == [
        meanings[id] for id in asked if id in meanings
    ]
