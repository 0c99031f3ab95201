"""Which uuids an upload has given: exactly as a set would say."""

from __future__ import annotations

import contextlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.importing.seen_uuids import SeenUuids


def octets(ids: list[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(id.to_bytes(16) for id in ids), np.uint8).reshape(-1, 16)


@given(st.lists(st.lists(st.one_of(st.integers(0, 5), st.integers(0, 2**128 - 1)), max_size=9), max_size=9))
def test_as_a_set_would_say(blocks: list[list[int]]) -> None:
    with contextlib.closing(SeenUuids()) as seen:
        known: set[int] = set()
        for ids in blocks:
            expected: list[bool] = []
            for id in ids:
                expected.append(id in known)
                known.add(id)
            assert seen.repeated(octets(ids)).tolist() == expected


def test_many_that_differ_in_few_bits_stay_apart_while_the_table_grows() -> None:
    with contextlib.closing(SeenUuids()) as seen:
        for begin in range(0, 200_000, 10_000):
            ids = [n << (64 if n % 2 else 0) for n in range(begin + 1, begin + 10_001)]
            assert not seen.repeated(octets(ids)).any()
        assert seen.repeated(octets([1 << 64, 2, 199_999 << 64, 200_000])).all()
