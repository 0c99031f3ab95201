"""Columns that grow, against rows kept as lists."""

from __future__ import annotations

import random

import numpy as np
import pytest

from services.common.readmodel.columns.store import Growing, SpanColumns


def test_what_was_handed_out_stays() -> None:
    column = Growing("<i4")
    handed: list[tuple[np.ndarray, list[int]]] = []
    expected: list[int] = []
    for length in (0, 1, 5, 2_000, 3, 0, 40_000):
        values = list(range(length))
        column.append(np.array(values, np.int32))
        expected += values
        handed.append((column.values, expected.copy()))

    for view, was in handed:
        assert view.tolist() == was
    column.trim()
    assert column.nbytes == 4 * len(expected)
    assert column.values.tolist() == expected


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_replaced_cleared_and_compacted(seed: int) -> None:
    chance = random.Random(seed)
    columns = SpanColumns({"a": "<i4", "b": "<f8"})
    rows: list[list[int]] = []
    held: list[tuple[list[np.ndarray], list[list[int]]]] = []
    compacted = 0
    for _ in range(150):
        rows += [[] for _ in range(chance.randint(0, 8))]
        columns.make_rows(len(rows))
        touched = chance.sample(range(len(rows)), min(len(rows), chance.randint(0, 12)))
        if chance.random() < 0.2:
            columns.clear(np.array(touched, np.int64))
            for row in touched:
                rows[row] = []
        else:
            new = [[chance.randint(0, 99) for _ in range(chance.choice((0, 3, 300)))] for _ in touched]
            flat = np.array([value for entries in new for value in entries], np.int32)
            counts = np.array([len(entries) for entries in new], np.int32)
            columns.replace(np.array(touched, np.int64), counts, {"a": flat, "b": flat * 0.5})
            for row, entries in zip(touched, new, strict=True):
                rows[row] = entries
        compacted += columns.compact()
        assert columns.live == sum(map(len, rows))
        assert _rows(columns, len(rows)) == rows
        if chance.random() < 0.1:
            spans = [
                columns.column("a")[start : start + count]
                for start, count in zip(columns.start.tolist(), columns.count.tolist(), strict=True)
            ]
            held.append((spans, [entries.copy() for entries in rows]))

    assert compacted > 0
    for spans, was in held:
        assert [span.tolist() for span in spans[: len(was)]] == was


def test_gaps_stay_small() -> None:
    columns = SpanColumns({"a": "<i4"})
    columns.make_rows(10)
    entries = np.zeros(10_000, np.int32)
    for at in range(100):
        columns.replace(np.array([at % 10]), np.array([10_000], np.int32), {"a": entries})
        columns.compact()
        assert len(columns.column("a")) <= columns.live / 0.7 + (1 << 14)


def _rows(columns: SpanColumns, rows: int) -> list[list[int]]:
    a, b = columns.column("a"), columns.column("b")
    spans = [slice(start, start + count) for start, count in zip(columns.start, columns.count, strict=True)][:rows]
    for span in spans:
        assert (b[span] == a[span] * 0.5).all()
    return [a[span].tolist() for span in spans]
