"""From what was stored and what events say to what a row then holds: one pass over many rows.

A *statement* is a contiguous part of the prediction columns that says something of one row: first what was stored, then
each event in its order. A row's statements follow each other in the statement columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.arrays import Bits, Ints, Longs
from sightline.evaluation.evidence import Spans
from sightline.identity import NEXT_HIGH, NEXT_LOW, InBitTable, OutBitTable
from sightline.kernel import InBits, InInts, InLongs, OutInts, inner, kernel

STORED = 1
"""What the row holds: identities, places and marks are given."""
CLEAR = 2
"""Forget what was there first: the first words of a replacing import."""
NEW_IMPORT = 4
"""An import speaks of the row for the first time: its bit may still be that of another."""
ALONE = 8
"""A write of its own, outside any import: leaves the marks of imports as they are."""
TAKE_BACK = 16
"""Remove what has these identities."""
NAMED = 32
"""Identities came with the event; otherwise they are of the content's first occurrence."""
ADD = 64
"""What has the same identity stays as it is."""
CLASSES = 128
"""The run's classes are known now: what is of a higher class than `start` goes. Says nothing itself."""
BIT = 8
"""From here on: the number of the bit by which the import marks what it says."""


@dataclass(frozen=True, slots=True)
class Statements:
    """Statements of many rows. `start`, `count` and `flags` have one entry per statement; `rows` groups them."""

    start: Longs
    count: Ints
    flags: Ints
    rows: Spans


@dataclass(frozen=True, slots=True)
class Merged:
    """What rows hold after their statements. Row r has the entries `rows.start[r] ..` of every column.

    `source` is where the content lies in the prediction columns; `changed` says whether a row differs from what was
    stored (import marks count as well); `overfull` whether it held more than it may after any of its statements;
    `unknown` how many went because of their class.
    """

    rows: Spans
    source: Ints
    place: Ints
    mark: Ints
    identity: Bits
    next_place: Ints
    changed: Ints
    overfull: Ints
    unknown: Ints


def merge(
    statements: Statements,
    class_id: Ints,
    boxes: Bits,
    confidence: Bits,
    identity: Bits,
    place: Ints,
    mark: Ints,
    next_place: Ints,
    most: int,
) -> Merged:
    """Apply the statements of every row in their order.

    `class_id`, `boxes` (n, 4), `confidence`, `identity` (n, 2), `place` and `mark` have one entry per prediction said
    or stored, numbers as their bits; a mark has a bit for each import that said it. `next_place` has one entry per row.
    `most`: what a row may hold.
    """
    ends = np.concatenate((np.zeros(1, np.int64), np.cumsum(statements.count, dtype=np.int64)))
    first = statements.rows.start
    start = ends[first]
    size = ends[first + statements.rows.count] - start
    total = int(ends[-1])
    merged = Merged(
        Spans(start, np.zeros(len(start), np.int32)),
        # Zeros, so that what lies between rows can be gathered along.
        np.zeros(total, np.int32),
        np.empty(total, np.int32),
        np.empty(total, np.int32),
        np.empty((total, 2), np.uint64),
        next_place.copy(),
        np.zeros(len(start), np.int32),
        np.zeros(len(start), np.int32),
        np.zeros(len(start), np.int32),
    )
    _merge(
        statements.start,
        statements.count,
        statements.flags,
        first,
        statements.rows.count,
        class_id,
        boxes,
        confidence,
        identity,
        place,
        mark,
        start,
        int(size.max(initial=0)),
        most,
        merged.rows.count,
        merged.source,
        merged.place,
        merged.mark,
        merged.identity,
        merged.next_place,
        merged.changed,
        merged.overfull,
        merged.unknown,
    )
    return merged


@inner
def _find(table: Ints, mask: int, low: np.uint64, high: np.uint64, identity: Bits, base: int) -> int:
    """Where an identity is in the table, or where it would be put. The table holds entries of the row, -1 for free."""
    at = np.int64(low & np.uint64(mask))
    while table[at] >= 0 and not (identity[base + table[at], 0] == low and identity[base + table[at], 1] == high):
        at = (at + 1) & mask
    return int(at)


@kernel
def _merge(
    statement_start: InLongs,
    statement_count: InInts,
    statement_flags: InInts,
    first_statement: InLongs,
    statements: InInts,
    class_id: InInts,
    boxes: InBitTable,
    confidence: InBits,
    identity: InBitTable,
    place: InInts,
    mark: InInts,
    row_start: InLongs,
    longest: int,
    most: int,
    row_count: OutInts,
    out_source: OutInts,
    out_place: OutInts,
    out_mark: OutInts,
    out_identity: OutBitTable,
    next_place: OutInts,
    changed: OutInts,
    overfull: OutInts,
    unknown: OutInts,
) -> None:
    """Each row builds its entries in its part of the output, in a hash table by identity; then closes the gaps.

    An entry that was taken back keeps its place in the table (source -1) until the gaps are closed.
    """
    size = 16
    while size < 2 * longest:
        size *= 2
    table = np.empty(size, np.int32)
    # Where the chain of occurrences of a content goes on, good while `hinted` names the statement.
    hint, hinted = np.zeros(longest, np.int32), np.zeros(longest, np.int64)
    said = np.zeros(longest, np.int64)
    for row in range(len(row_start)):
        base, entries, live = row_start[row], 0, 0
        held = 0
        for s in range(first_statement[row], first_statement[row] + statements[row]):
            held += statement_count[s]
        mask = 15
        while mask + 1 < 2 * held:
            mask = 2 * mask + 1
        table[: mask + 1] = -1
        hinted[:held] = -1
        said[:held] = -1
        for s in range(first_statement[row], first_statement[row] + statements[row]):
            flags = statement_flags[s]
            own = np.int32(1) << (flags >> BIT)
            if flags & CLEAR:
                if next_place[row] > 0:  # also where all was taken back: places begin anew, however batches are cut
                    changed[row] = 1
                table[: mask + 1] = -1
                hinted[:entries] = -1
                said[:entries] = -1
                entries, live = 0, 0
                next_place[row] = 0
            if flags & NEW_IMPORT:
                for entry in range(entries):
                    out_mark[base + entry] &= ~own
            if flags & CLASSES:
                for entry in range(entries):
                    if out_source[base + entry] >= 0 and class_id[out_source[base + entry]] > statement_start[s]:
                        out_source[base + entry] = -1
                        live -= 1
                        unknown[row] += 1
                        changed[row] = 1
                continue
            alone = flags & ALONE != 0
            for i in range(statement_start[s], statement_start[s] + statement_count[s]):
                low, high = identity[i, 0], identity[i, 1]
                at = _find(table, mask, low, high, out_identity, base)
                if flags & TAKE_BACK:
                    if table[at] >= 0 and out_source[base + table[at]] >= 0:
                        out_source[base + table[at]] = -1
                        live -= 1
                        changed[row] = 1
                    continue
                if not flags & (NAMED | STORED):
                    # The first occurrence that this upload hasn't said yet.
                    root, k = table[at], 0
                    if root >= 0 and hinted[root] == s:
                        k = hint[root]
                    while True:
                        if k > 0:
                            low = identity[i, 0] + np.uint64(k) * NEXT_LOW
                            high = identity[i, 1] ^ (np.uint64(k) * NEXT_HIGH)
                            at = _find(table, mask, low, high, out_identity, base)
                        entry = table[at]
                        if entry < 0 or out_source[base + entry] < 0:
                            break
                        if (said[entry] != s) if alone else (out_mark[base + entry] & own == 0):
                            break
                        k += 1
                    if root >= 0:
                        hint[root] = k + 1
                        hinted[root] = s
                entry = table[at]
                if entry < 0:
                    entry = entries
                    entries += 1
                    table[at] = entry
                    out_identity[base + entry, 0] = low
                    out_identity[base + entry, 1] = high
                    out_source[base + entry] = -1
                said[entry] = s
                to = base + entry
                if out_source[to] < 0:
                    live += 1
                if flags & STORED:
                    out_source[to] = i
                    out_place[to] = place[i]
                    out_mark[to] = mark[i]
                    continue
                if out_source[to] < 0:
                    out_source[to] = i
                    out_place[to] = next_place[row]
                    out_mark[to] = 0 if alone else own
                    next_place[row] += 1
                    changed[row] = 1
                    continue
                if flags & ADD:
                    continue
                old = out_source[to]
                same = class_id[old] == class_id[i] and confidence[old] == confidence[i]
                for k in range(4):
                    same = same and boxes[old, k] == boxes[i, k]
                if not same:
                    out_source[to] = i
                    changed[row] = 1
                if not alone and out_mark[to] & own == 0:
                    out_mark[to] |= own
                    changed[row] = 1
            if live > most and not flags & (STORED | TAKE_BACK):
                overfull[row] = 1
        kept = 0
        for entry in range(entries):
            if out_source[base + entry] < 0:
                continue
            if kept != entry:
                out_source[base + kept] = out_source[base + entry]
                out_place[base + kept] = out_place[base + entry]
                out_mark[base + kept] = out_mark[base + entry]
                out_identity[base + kept, 0] = out_identity[base + entry, 0]
                out_identity[base + kept, 1] = out_identity[base + entry, 1]
            kept += 1
        row_count[row] = kept
