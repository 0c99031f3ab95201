"""The same evidence, lying otherwise in memory."""

from dataclasses import fields, replace

import numpy as np

from sightline.evaluation import Evidence, Spans

COLUMNS = [("truths", "truth_rows"), ("predictions", "prediction_rows"), ("pairs", "pair_rows")]


def scattered(evidence: Evidence, seed: int) -> Evidence:
    """Rows in another order, columns in yet others, with dead gaps of garbage between them, in read-only memory."""
    r = np.random.default_rng(seed)
    rows = r.permutation(evidence.row_count)
    moved = {"ordinal": read_only(evidence.ordinal[rows])}
    for columns_name, rows_name in COLUMNS:
        columns, spans = getattr(evidence, columns_name), getattr(evidence, rows_name)
        start, source, place = np.zeros(evidence.row_count, np.int64), [], 0
        for row in r.permutation(evidence.row_count):
            gap = np.zeros(int(r.integers(0, 3)) if len(columns_of(columns)[0]) else 0, np.int64)
            start[row] = place + len(gap)
            source += [gap, np.arange(spans.start[row], spans.start[row] + spans.count[row])]
            place = start[row] + spans.count[row]
        where = np.concatenate([*source, np.zeros(0, np.int64)])
        moved[columns_name] = type(columns)(*(read_only(column[where]) for column in columns_of(columns)))
        moved[rows_name] = Spans(read_only(start[rows]), read_only(spans.count[rows]))
    return replace(evidence, **moved)


def joined(parts: list[Evidence]) -> Evidence:
    """Evidence of several sets of rows as one."""
    moved = {"ordinal": np.concatenate([part.ordinal for part in parts])}
    for columns_name, rows_name in COLUMNS:
        columns = [columns_of(getattr(part, columns_name)) for part in parts]
        kind = type(getattr(parts[0], columns_name))
        moved[columns_name] = kind(*(np.concatenate(same) for same in zip(*columns, strict=True)))
        offset = np.cumsum([0, *(len(c[0]) for c in columns)])
        spans = [getattr(part, rows_name) for part in parts]
        moved[rows_name] = Spans(
            np.concatenate([s.start + before for s, before in zip(spans, offset[:-1], strict=True)]),
            np.concatenate([s.count for s in spans]),
        )
    return replace(parts[0], **moved)


def columns_of(columns) -> list[np.ndarray]:
    return [getattr(columns, field.name) for field in fields(columns)]


def read_only(array: np.ndarray) -> np.ndarray:
    return np.frombuffer(array.tobytes(), array.dtype)
