"""Where a batch of changes ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from bson.timestamp import Timestamp

from services.common.readmodel.feed import Change, Feed, FeedLost, Watched

Event = dict[str, Any]

WATCHED = (Watched("run_rows", {}, ()), Watched("progress", {}, ()))


def event(at: int, collection: str = "run_rows", *, alone: bool = False, kind: str = "replace") -> Event:
    made: Event = {
        "operationType": kind,
        "ns": {"coll": collection},
        "documentKey": {"_id": f"{collection}/{at}"},
        "fullDocument": {},
        "clusterTime": Timestamp(at, 1),
    }
    return made if alone else {**made, "txnNumber": 1}


def applied(*batches: Sequence[Event]) -> list[list[int]]:
    got: list[list[int]] = []

    def apply(changes: Sequence[Change]) -> None:
        got.append([change.time.time for change in changes])

    feed = Feed(cast("Any", None), cast("Any", None), Timestamp(3, 1), WATCHED, "progress", apply)
    for batch in batches:
        feed._take(batch, {"postBatchResumeToken": {}})  # pyright: ignore[reportPrivateUsage]
    return got


def test_a_transaction_is_handed_over_whole() -> None:
    """However the server cuts it, and be there empty answers in between."""
    assert applied([event(5), event(5), event(5, "progress")]) == [[5, 5, 5]]
    assert applied([event(5)], [], [event(5)], [event(5, "progress")]) == [[5, 5, 5]]
    assert applied([event(5), event(5, "progress"), event(6)], [event(6, "progress"), event(7)]) == [[5, 5], [6, 6]]


def test_what_ends_otherwise_is_handed_over_with_the_next() -> None:
    assert applied([event(5)], [event(6)], [event(7, alone=True)]) == [[5], [6, 7]]
    assert applied([event(5, alone=True)], [event(6, alone=True)]) == [[5], [6]]


def test_what_was_there_at_the_beginning_is_left_out() -> None:
    assert applied([event(2, "progress"), event(3, "progress"), event(4, "progress")]) == [[4]]


@pytest.mark.parametrize("kind", ["drop", "rename", "dropDatabase", "invalidate"])
def test_a_change_of_shape_loses_the_feed(kind: str) -> None:
    with pytest.raises(FeedLost):
        applied([event(5, kind=kind)])


def test_what_is_not_watched_is_left_out() -> None:
    """The server sends it where ids are alike."""
    assert applied([event(5), event(5, "run_touches"), event(5, "progress")]) == [[5, 5]]
    assert applied([event(5, "run_touches", kind="drop"), event(6, "progress")]) == [[6]]
