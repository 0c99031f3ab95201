"""The two orders that everything rests on: canonical inside a row, and by confidence inside a class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.arrays import Bools, Floats, Ints, Longs
from sightline.evaluation.evidence import Evidence, Spans
from sightline.evaluation.threads import in_chunks
from sightline.kernel import InFloats, InInts, InLongs, OutFloats, OutInts, inner, kernel


def canonical_order(class_id: Ints, confidence: Floats, place: Ints, spans: Spans) -> Ints:
    """Where each prediction comes from when every row is put into canonical order: column[order] is sorted.

    Sorts inside each span by class, confidence descending, place. Entries outside all spans stay.
    """
    order = np.arange(len(class_id), dtype=np.int32)
    scratch = np.empty_like(order)

    def sort(rows: Longs) -> None:
        _sort_rows(class_id, confidence, place, spans.start, spans.count, rows, order, scratch)

    in_chunks(sort, np.arange(len(spans.start)), spans.count)
    return order


@dataclass(frozen=True, slots=True)
class ByConfidence:
    """Predictions of each class by confidence descending; equal ones by row ordinal, then their order in the row.

    Class c has the entries `start[c] .. start[c + 1]`. `prediction` are places in the prediction columns.
    """

    prediction: Ints
    confidence: Floats
    start: Longs


def by_confidence(evidence: Evidence, row_mask: Bools | None = None) -> ByConfidence:
    """Order the predictions of all rows (of those in `row_mask`) by class and confidence."""
    rows = rows_of(evidence, row_mask)
    rows = rows[np.argsort(evidence.ordinal[rows], kind="stable")]
    predictions, spans = evidence.predictions, evidence.prediction_rows
    start = _class_starts(predictions.class_id, spans.start, spans.count, rows, evidence.class_count)
    prediction, confidence = np.empty(start[-1], np.int32), np.empty(start[-1], np.float64)
    _gather(
        predictions.class_id,
        predictions.confidence,
        spans.start,
        spans.count,
        rows,
        start,
        prediction,
        confidence,
    )

    def sort(classes: Longs) -> None:
        _sort_classes(start, classes, prediction, confidence)

    in_chunks(sort, np.arange(evidence.class_count), np.diff(start))
    return ByConfidence(prediction, confidence, start)


def rows_of(evidence: Evidence, row_mask: Bools | None) -> Longs:
    """Indices of the rows in a mask (one entry per row); of all rows without one."""
    return np.arange(evidence.row_count) if row_mask is None else np.flatnonzero(row_mask)


@inner
def _before(class_id: Ints, confidence: Floats, place: Ints, a: int, b: int) -> bool:
    if class_id[a] != class_id[b]:
        return bool(class_id[a] < class_id[b])
    if confidence[a] != confidence[b]:
        return bool(confidence[a] > confidence[b])
    return bool(place[a] < place[b])


@kernel
def _sort_rows(
    class_id: InInts,
    confidence: InFloats,
    place: InInts,
    start: InLongs,
    count: InInts,
    rows: InLongs,
    order: OutInts,
    scratch: OutInts,
) -> None:
    """Sort each row's part of `order` by merging ever longer runs; `scratch` is as long as `order`."""
    for row in rows:
        low, high = start[row], start[row] + count[row]
        for i in range(low + 1, high):
            item = order[i]
            k = i
            while k > low and (k - low) % 16 != 0 and _before(class_id, confidence, place, item, order[k - 1]):
                order[k] = order[k - 1]
                k -= 1
            order[k] = item
        width = 16
        while width < high - low:
            for left in range(low, high - width, 2 * width):
                middle, end = left + width, min(left + 2 * width, high)
                if not _before(class_id, confidence, place, order[middle], order[middle - 1]):
                    continue
                scratch[left:middle] = order[left:middle]
                i, k, to = left, middle, left
                while i < middle and k < end:
                    if _before(class_id, confidence, place, order[k], scratch[i]):
                        order[to] = order[k]
                        k += 1
                    else:
                        order[to] = scratch[i]
                        i += 1
                    to += 1
                order[to : to + middle - i] = scratch[i:middle]
            width *= 2


@kernel
def _class_starts(class_id: InInts, start: InLongs, count: InInts, rows: InLongs, class_count: int) -> Longs:
    starts = np.zeros(class_count + 1, np.int64)
    for row in rows:
        for p in range(start[row], start[row] + count[row]):
            starts[class_id[p] + 1] += 1
    return np.cumsum(starts)


@kernel
def _gather(
    class_id: InInts,
    confidence: InFloats,
    start: InLongs,
    count: InInts,
    rows: InLongs,
    class_start: InLongs,
    prediction: OutInts,
    sorted_confidence: OutFloats,
) -> None:
    """Put predictions into their class's part, row after row. Adding 0.0 makes -0.0 equal to 0.0 in its bits too."""
    to = class_start.copy()
    for row in rows:
        for p in range(start[row], start[row] + count[row]):
            c = class_id[p]
            prediction[to[c]] = p
            sorted_confidence[to[c]] = confidence[p] + 0.0
            to[c] += 1


@kernel
def _sort_classes(start: InLongs, classes: InLongs, prediction: OutInts, confidence: OutFloats) -> None:
    """Sort each class's part by confidence descending, equal ones as they stand: a radix sort, a byte a pass."""
    longest = 0
    for c in classes:
        longest = max(longest, start[c + 1] - start[c])
    key, next_key = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    item, next_item = np.empty(longest, np.int32), np.empty(longest, np.int32)
    held = np.zeros((8, 256), np.int64)
    sign = np.uint64(1) << np.uint64(63)
    for c in classes:
        low, size = start[c], start[c + 1] - start[c]
        bits = confidence[low : low + size].view(np.uint64)
        held[:] = 0
        for i in range(size):
            # Bits of a float sort like the float once negative ones are flipped; descending flips all the others.
            k = bits[i] if bits[i] & sign else ~(bits[i] | sign)
            key[i] = k
            item[i] = prediction[low + i]
            for digit in range(8):
                held[digit, (k >> np.uint64(8 * digit)) & np.uint64(255)] += 1
        for digit in range(8):
            shift = np.uint64(8 * digit)
            if size == 0 or held[digit, (key[0] >> shift) & np.uint64(255)] == size:
                continue
            at = 0
            for value in range(256):
                here = held[digit, value]
                held[digit, value] = at
                at += here
            for i in range(size):
                byte = (key[i] >> shift) & np.uint64(255)
                to = held[digit, byte]
                next_key[to] = key[i]
                next_item[to] = item[i]
                held[digit, byte] = to + 1
            key, next_key = next_key, key
            item, next_item = next_item, item
        for i in range(size):
            bits[i] = key[i] if key[i] & sign else ~key[i] & ~sign
            prediction[low + i] = item[i]
