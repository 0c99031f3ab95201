"""Changes, one after the other and many at once: the tables end the same."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bson.timestamp import Timestamp

from services.common.readmodel.columns.joining import JoinedRun
from services.common.readmodel.columns.tables import RunTable, TruthTable
from services.common.readmodel.feed import Change, FeedLost

EARLY, LATE = Timestamp(1, 0), Timestamp(2, 0)
NO_PAIRS = {"pair_predictions": b"", "pair_truths": b"", "pair_overlaps": b""}


def run_change(kind: Any, name: str, count: int = 0, fields: Any = None) -> Change:
    if kind == "put":
        ints, floats = np.arange(count, dtype="<i4").tobytes(), np.linspace(1, 0, count).tobytes()
        fields = {"class_ids": ints, "confidences": floats, "areas": floats, "places": ints}
        fields |= {"pair_predictions": ints, "pair_truths": ints, "pair_overlaps": floats}
    return Change(kind, "run_rows", f"p/run/{name}", fields or {}, LATE)


def truth_change(kind: Any, name: str, begin: int, until: int | None = None, count: int = 1, **fields: Any) -> Change:
    if kind == "put":
        fields = {"ordinal": 1, **fields, "from": begin, "to": until}
        fields |= {"class_ids": bytes(4 * count), "areas": bytes(8 * count), "crowds": bytes(count)}
    return Change(kind, "truths", f"p/ds/{name}@{begin}", fields, LATE)


def run_table(*batches: list[Change]) -> RunTable:
    table = RunTable("p", "run")
    table.filled(EARLY)
    for batch in batches:
        table.follow(batch)
    return table


def truth_table(version: int, *batches: list[Change]) -> TruthTable:
    table = TruthTable("p", "ds", version)
    table.filled(EARLY)
    for batch in batches:
        table.follow(batch)
    return table


def rows_of(table: RunTable) -> dict[str, tuple[int, int, bool]]:
    return {
        name: (int(table.predictions.count[at]), int(table.pairs.count[at]), bool(table.there[at]))
        for at, name in enumerate(table.names)
    }


RUN_CHANGES = [
    run_change("put", "a", 3),
    run_change("update", "a", fields=NO_PAIRS),
    run_change("put", "a", 2),
    run_change("delete", "a"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_run_row_ends_as_its_last_change_says(order: tuple[int, ...]) -> None:
    changes = [RUN_CHANGES[at] for at in order]
    together = run_table(changes)
    apart = run_table(*([change] for change in changes))

    last = [at for at in order if at != 1][-1]
    count = {0: 3, 2: 2, 3: 0}[last]
    unpaired = order.index(1) > order.index(last)
    for table in (together, apart):
        assert rows_of(table).get("a", (0, 0, False)) == (count, 0 if unpaired else count, last != 3)


PAIR_CHANGES = [
    {"pair_predictions": b"\0\0\0\0", "pair_truths": b"\1\0\0\0", "pair_overlaps": np.float64(0.7).tobytes()},
    {"pair_overlaps": np.linspace(0.5, 0.25, 2).tobytes()},
    {"least_overlap": 0.2},
    {"least_overlap": None, **NO_PAIRS},
    {},
]


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("fields", PAIR_CHANGES)
def test_other_pairs_of_the_same_predictions_are_followed(fields: dict[str, Any], first: int) -> None:
    """What an update doesn't name is as it was, wherever the changes before it were cut."""
    before = [run_change("put", "a", 4), run_change("put", "b", 2), run_change("update", "b", fields=PAIR_CHANGES[1])]
    wanted = {**before[1].fields, "least_overlap": 0.05, **PAIR_CHANGES[1], **fields}
    changes = [*before, run_change("update", "b", fields=fields)]

    table = run_table(changes[:first], changes[first:])

    assert rows_of(table) == {"a": (4, 4, True), "b": (2, len(wanted["pair_truths"]) // 4, True)}
    row = table.numbers["b"]
    start, end = int(table.pairs.start[row]), int(table.pairs.start[row] + table.pairs.count[row])
    for name in NO_PAIRS:
        assert table.pairs.column(name)[start:end].tobytes() == wanted[name]
    assert table.least_overlap[row] == (math.inf if wanted["least_overlap"] is None else wanted["least_overlap"])


def test_pairs_of_a_row_that_is_gone_are_none() -> None:
    gone = [run_change("put", "a", 2), run_change("delete", "a"), run_change("update", "a", fields=PAIR_CHANGES[0])]
    for table in (run_table(gone), run_table(*([change] for change in gone))):
        assert rows_of(table).get("a", (0, 0, False)) == (0, 0, False)


def test_changes_of_before_the_fill_are_left_out() -> None:
    table = RunTable("p", "run")
    early = Change("delete", "run_rows", "p/run/a", {}, EARLY)
    table.follow([early, run_change("put", "b", 2)])
    table.fill([{"_id": "p/run/a", **run_change("put", "a", 3).fields}])
    table.filled(EARLY)

    assert rows_of(table) == {"a": (3, 3, True), "b": (2, 2, True)}


def test_a_change_that_cannot_be_followed_is_said() -> None:
    with pytest.raises(FeedLost):
        run_table([run_change("update", "a", fields={"class_ids": b""})])
    with pytest.raises(FeedLost):
        truth_table(1, [truth_change("put", "a", 1)], [truth_change("update", "a", 1, areas=b"")])
    with pytest.raises(FeedLost):
        truth_table(2, [truth_change("put", "a", 1, 2)], [truth_change("update", "a", 1, to=None)])


TRUTH_STORIES: list[tuple[list[Change], dict[int, int]]] = [
    # (changes, annotations of the row by version; a version that isn't here has no truth)
    ([truth_change("put", "a", 1, count=2)], {1: 2, 2: 2, 3: 2}),
    ([truth_change("put", "a", 1, count=2), truth_change("update", "a", 1, to=2)], {1: 2}),
    ([truth_change("put", "a", 1, count=2), truth_change("put", "a", 1, 2, count=2)], {1: 2}),
    (
        [
            truth_change("put", "a", 1, count=2),
            truth_change("update", "a", 1, to=2),
            truth_change("put", "a", 2, count=3),
        ],
        {1: 2, 2: 3, 3: 3},
    ),
    (
        [
            truth_change("put", "a", 1, count=2),
            truth_change("put", "a", 2, count=3),
            truth_change("update", "a", 1, to=2),
        ],
        {1: 2, 2: 3, 3: 3},
    ),
    (
        [
            truth_change("put", "a", 1, 2, count=2),
            truth_change("put", "a", 2, 3, count=3),
            truth_change("delete", "a", 2),
        ],
        {1: 2},
    ),
    ([truth_change("put", "a", 2, count=2), truth_change("delete", "a", 1)], {2: 2, 3: 2}),
    (
        [truth_change("put", "a", 1, count=2), truth_change("delete", "a", 1), truth_change("put", "a", 1)],
        {1: 1, 2: 1, 3: 1},
    ),
]


@pytest.mark.parametrize(("changes", "expected"), TRUTH_STORIES)
@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_truth_belongs_to_the_versions_of_its_span(
    version: int, changes: list[Change], expected: dict[int, int]
) -> None:
    for table in (truth_table(version, changes), truth_table(version, *([change] for change in changes))):
        names = table.layout.names
        assert names == (["a"] if version in expected else [])
        assert table.truths.count[table.layout.rows].tolist() == [expected.get(version)] * len(names)


def test_what_changes_nothing_in_a_version_leaves_it_as_it_was() -> None:
    table = truth_table(1, [truth_change("put", "a", 1)])
    before = table.changes

    table.follow([truth_change("update", "a", 1, to=2), truth_change("put", "a", 2)])

    assert table.changes == before


def test_rows_lie_by_ordinal_and_then_by_name_whatever_came_first() -> None:
    changes = [
        truth_change("put", name, 1, ordinal=ordinal)
        for name, ordinal in (("b", 5), ("z", None), ("a", 5), ("c", -1), ("y", None))
    ]
    for order in itertools.permutations(changes):
        layout = truth_table(1, list(order)).layout
        assert layout.names == ["c", "a", "b", "y", "z"]
        assert layout.ordinals.tolist() == [-1, 5, 5, 6, 7]


@pytest.mark.parametrize("highest", [2**53 - 2, 2**53 - 1, 2**63 - 1])
def test_without_room_behind_the_highest_ordinal_rows_are_numbered_by_their_places(highest: int) -> None:
    said = (("b", highest), ("z", None), ("a", -(2**63)), ("y", None))
    table = truth_table(1, [truth_change("put", name, 1, ordinal=ordinal) for name, ordinal in said])
    assert table.layout.names == ["a", "b", "y", "z"]
    assert table.layout.ordinals.tolist() == [0, 1, 2, 3]


def test_where_all_rows_have_ordinals_these_are_their_numbers_however_large() -> None:
    said = (("b", 2**63 - 1), ("a", -(2**63)))
    table = truth_table(1, [truth_change("put", name, 1, ordinal=ordinal) for name, ordinal in said])
    assert table.layout.names == ["a", "b"]
    assert table.layout.ordinals.tolist() == [-(2**63), 2**63 - 1]


def test_a_name_may_hold_anything() -> None:
    name = "a/b@3@ß"
    truths = truth_table(1, [truth_change("put", name, 1)])
    run = run_table([run_change("put", name, 4)])

    columns = JoinedRun(run, truths).at({}, {})

    assert columns.rows == [name]
    assert columns.evidence.prediction_rows.count.tolist() == [4]


def test_rows_find_each_other_whichever_comes_first() -> None:
    truths, run = truth_table(1), run_table()
    joined = JoinedRun(run, truths)
    seen: list[tuple[list[int], int]] = []
    for truth_name, run_name in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "e")):
        truths.follow([truth_change("put", truth_name, 1, ordinal=ord(truth_name))])
        run.follow([run_change("put", run_name, 2)])
        columns = joined.at({}, {})
        seen.append((columns.evidence.prediction_rows.count.tolist(), columns.unlabelled_rows))

    assert seen == [([0], 1), ([0, 2], 1), ([2, 2, 2], 0), ([2, 2, 2, 0], 1)]


def test_evidence_says_from_which_overlap_on_the_pairs_of_labelled_rows_are_whole() -> None:
    truths = truth_table(1, [truth_change("put", "a", 1), truth_change("put", "b", 1)])
    run = run_table()
    joined = JoinedRun(run, truths)
    seen: list[float] = []
    for name, least in (("a", 0.05), ("b", 0.2), ("unlabelled", 0.5), ("a", None), ("a", 0.1), ("b", 0.05)):
        change = run_change("put", name, 2)
        run.follow([replace(change, fields={**change.fields, "least_overlap": least})])
        seen.append(joined.at({}, {}).evidence.least_overlap)
    assert seen == [0.05, 0.2, 0.2, math.inf, 0.2, 0.1]
