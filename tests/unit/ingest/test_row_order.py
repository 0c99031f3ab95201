"""Truth in the draft goes by the order of the data rows, whatever came first; a committed version keeps its order.

The handlers of both services, on one partition of a log in memory.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import pytest

from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH
from services.common.runloop.handling import Delivery
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.markers_pb2 import MARKER_SOURCE_DATA_ROWS, MARKER_SOURCE_GROUND_TRUTH
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import (
    committed,
    data_row,
    data_row_deleted,
    ended,
    in_chunks,
    key_of,
    keys_of,
    removed,
    topic_of,
    truth,
)

KEYS = keys_of(0, 3)
KEY = KEYS[0]
BOX = (1, (0.0, 0.0, 10.0, 10.0), False)
STALE, RIGHT = 9, 5

Spans = set[tuple[str, int, int | None, int | None]]
"""Row, from, to, ordinal."""


class World:
    """Two topics, who keeps data rows and who keeps truth."""

    def __init__(self, rows: Any, log: dict[str, list[Event]] | None = None) -> None:
        """With `log`: a replay, which publishes nothing."""
        self.replays = log is not None
        self.log = log or {DATA_ROWS: [], GROUND_TRUTH: []}
        self.rows = type(rows)(type(rows.store)())
        self.metrics = Partition()
        self._outbox: list[Event] = []
        self._read = Counter[str]()
        self._seen = 0

    def say(self, *events: Event) -> None:
        for event in events:
            self.log[topic_of(event)].append(event)

    def accept(self, sizes: dict[str, int]) -> None:
        """Who keeps data rows takes so many events of each topic."""
        batch: list[tuple[str, str, Event]] = []
        for topic, events in self.log.items():
            some = events[self._read[topic] : self._read[topic] + sizes[topic]]
            self._read[topic] += len(some)
            batch += [(topic, key_of(event), event) for event in some]
        if batch:
            outcome = self.rows.apply(*batch)
            assert not outcome.refused
            self._outbox = [out.event for out in outcome.events if out.topic == GROUND_TRUTH]
            self.publish()

    def publish(self) -> None:
        """What the last batch gave rise to comes out, perhaps not for the first time."""
        if not self.replays:
            self.say(*self._outbox)

    def measure(self, size: int) -> None:
        """Who keeps truth takes so many events."""
        some = self.log[GROUND_TRUTH][self._seen : self._seen + size]
        self.metrics.feed([Delivery(GROUND_TRUTH, 0, self._seen + i, key_of(e), e) for i, e in enumerate(some)])
        self._seen += len(some)
        assert not self.metrics.refused()

    def settle(self, dice: random.Random | None = None) -> None:
        """Until all is applied, and all that came of it."""
        while any(self._read[topic] < len(events) for topic, events in self.log.items()):
            self.accept({topic: dice.choice([0, 1, 3]) if dice else 100 for topic in self.log})
        while self._seen < len(self.log[GROUND_TRUTH]):
            self.measure(dice.choice([1, 3]) if dice else 100)

    def markers(self) -> list[Any]:
        said = [event.marker for event in self.log[GROUND_TRUTH]]
        return [marker for marker in said if marker.HasField("row_ordered")]

    def known(self) -> dict[str, int | None]:
        """The ordinals of data rows."""
        documents = self.rows.store.collections["data_rows"].values()
        return {d["global_key"]: d["ordinal"] for d in documents if d["known"]}

    def labelled(self) -> Spans:
        documents = self.rows.store.collections["data_rows"].values()
        return {(d["global_key"], i["from"], i["to"], i["ordinal"]) for d in documents for i in d["labelled"]}

    def spans(self) -> Spans:
        """By both services alike."""
        truths = self.metrics.store["truths"].values()
        found = {(d["global_key"], d["from"], d["to"], d["ordinal"]) for d in truths}
        assert found == self.labelled()
        return found

    def draft(self) -> dict[str, int | None]:
        return {key: ordinal for key, _, until, ordinal in self.spans() if until is None}


STEPS = {
    "row": data_row(KEY, ordinal=RIGHT),
    "truth": truth(KEY, [BOX], ordinal=STALE, import_id="imp"),
    "commit": committed(1, 10),
}


@pytest.mark.parametrize("settles", [False, True])
@pytest.mark.parametrize("order", [*itertools.permutations(STEPS)])
def test_the_draft_goes_by_the_row_in_any_order(rows: Any, order: tuple[str, ...], settles: bool) -> None:
    world = World(rows)
    for step in order:
        world.say(STEPS[step])
        if settles:
            world.settle()
    world.settle()
    assert world.draft() == {KEY: RIGHT}
    if settles and order.index("truth") < order.index("commit"):
        told = RIGHT if order[-1] == "commit" else STALE
        assert (KEY, 1, None if told == RIGHT else 2, told) in world.spans(), "as it was committed"


def test_what_was_committed_stays_and_the_draft_moves(rows: Any) -> None:
    world = World(rows)
    world.say(data_row(KEY, ordinal=1), truth(KEY, [BOX, BOX], ordinal=1, import_id="imp"), committed(1, 10))
    world.settle()
    for ordinal in (2, 3):
        world.say(data_row(KEY, ordinal=ordinal))
        world.settle()
        assert world.spans() == {(KEY, 1, 2, 1), (KEY, 2, None, ordinal)}
    before, after = (world.metrics.store["truths"][f"default/ds_a/{KEY}@{version}"] for version in (1, 2))
    place = ("_id", "from", "to", "ordinal")
    assert [{n: v for n, v in d.items() if n not in place} for d in (before, after)] == [
        {n: v for n, v in before.items() if n not in place}
    ] * 2
    assert {i["import_id"] for i in world.rows.store.collections["data_rows"][f"default/ds_a/{KEY}"]["labelled"]} == {
        "imp"
    }
    world.say(committed(2, 11), data_row(KEY, cleared=["ordinal"]))
    world.settle()
    assert world.spans() == {(KEY, 1, 2, 1), (KEY, 2, 3, 3), (KEY, 3, None, None)}


@pytest.mark.parametrize("first", [DATA_ROWS, GROUND_TRUTH])
def test_equal_ordinals_tell_nothing(rows: Any, first: str) -> None:
    """As a COCO file is imported, and imported again."""
    world = World(rows)
    said = {
        DATA_ROWS: [data_row(key, ordinal=n) for n, key in enumerate(KEYS)],
        GROUND_TRUTH: [truth(key, [BOX], ordinal=n, import_id="imp") for n, key in enumerate(KEYS)],
    }
    for _ in range(2):
        for topic in sorted(said, key=lambda topic: topic != first):
            world.say(*said[topic])
            world.settle()
        world.say(ended("imp", unlabel_others=True))
        world.settle()
    assert not world.markers()


def test_a_row_that_nobody_made_imposes_nothing(rows: Any) -> None:
    world = World(rows)
    world.say(truth(KEY, [BOX], ordinal=STALE))
    world.settle()
    assert world.draft() == {KEY: STALE}
    world.say(data_row(KEY, width=3))
    world.settle()
    assert world.draft() == {KEY: None}, "a row that is known has the order that it has, and be it none"
    world.say(data_row_deleted(KEY))
    world.settle()
    assert world.draft() == {}


def test_markers_say_what_caused_them(rows: Any) -> None:
    world = World(rows)
    world.say(truth(KEY, [BOX], ordinal=STALE))
    world.settle()
    world.say(data_row(KEYS[1]), data_row(KEY, ordinal=RIGHT))
    world.settle()
    world.say(truth(KEY, [BOX], ordinal=STALE))
    world.settle()
    assert [(m.source, m.source_offset, m.row_ordered.ordinal) for m in world.markers()] == [
        (MARKER_SOURCE_DATA_ROWS, 1, RIGHT),
        (MARKER_SOURCE_GROUND_TRUTH, 2, RIGHT),
    ]
    assert world.draft() == {KEY: RIGHT}


def test_a_row_that_moves_back_is_back_before_the_next_commit(rows: Any) -> None:
    """Though its truth is in place: what says that it goes away is on its way."""
    world = World(rows)
    world.say(data_row(KEY, ordinal=1), truth(KEY, [BOX], ordinal=1))
    world.settle()
    world.say(data_row(KEY, ordinal=2), data_row(KEY, ordinal=1))
    world.accept({DATA_ROWS: 2, GROUND_TRUTH: 0})
    world.say(committed(1, 10))
    world.settle()
    assert {ordinal for _, since, _, ordinal in world.spans() if since == 1} == {1}


def test_what_was_told_of_truth_that_is_gone_is_put_right(rows: Any) -> None:
    """The row moves while it has no truth, and what comes next is in order, until the first marker comes."""
    world = World(rows)
    world.say(data_row(KEY, ordinal=1), truth(KEY, [BOX], ordinal=1))
    world.settle()
    world.say(data_row(KEY, ordinal=2), data_row(KEY, ordinal=3), removed(KEY), truth(KEY, [BOX], ordinal=3))
    world.accept({DATA_ROWS: 1, GROUND_TRUTH: 0})
    world.accept({DATA_ROWS: 0, GROUND_TRUTH: 1})
    world.accept({DATA_ROWS: 1, GROUND_TRUTH: 0})
    assert [marker.row_ordered.ordinal for marker in world.markers()] == [2]
    world.settle()
    assert world.draft() == {KEY: 3}


def test_a_repeat_changes_nothing(rows: Any) -> None:
    world = World(rows)
    world.say(data_row(KEY, ordinal=1), truth(KEY, [BOX], ordinal=STALE))
    world.settle()
    late = [event for event in world.log[GROUND_TRUTH] if event.HasField("marker")]
    world.say(data_row(KEY, ordinal=2), truth(KEY, [BOX], ordinal=STALE), committed(1, 10))
    world.settle()
    count, spans = len(world.markers()), world.spans()
    for _ in range(2):
        world.say(*late)
        world.settle()
    assert (len(world.markers()), world.spans()) == (count + 2 * len(late), spans)


def test_truth_in_chunks_is_put_right_with_its_last(rows: Any) -> None:
    first, second = in_chunks(truth(KEY, [BOX, BOX], ordinal=STALE, import_id="imp"), [1, 1])
    world = World(rows)
    world.say(data_row(KEY, ordinal=STALE), truth(KEY, [], ordinal=STALE), first)
    world.settle()
    world.say(data_row(KEY, ordinal=RIGHT))
    world.settle()
    assert world.draft() == {KEY: RIGHT}
    world.say(second)
    world.settle()
    assert world.draft() == {KEY: RIGHT}
    [document] = world.metrics.store["truths"].values()
    assert document["count"] == 2


def something(dice: random.Random, world: World, commits: Any) -> list[Event]:
    key, ordinal = dice.choice(KEYS), dice.choice([None, 1, 2, 3])
    match dice.randrange(12):
        case 0:
            return [committed(next(commits), 10 + len(world.log[GROUND_TRUTH]))]
        case 1:
            return [data_row_deleted(key)]
        case 2:
            return [removed(key)]
        case 3:
            return [data_row(key, cleared=["ordinal"])]
        case 4:
            return [ended(dice.choice(["a", "b"]), unlabel_others=dice.random() < 0.5)]
        case 5 | 6 | 7:
            return [data_row(key, ordinal=ordinal)]
        case 8:
            return in_chunks(truth(key, [BOX, BOX], ordinal=ordinal, import_id="a"), [1, 1])
        case _:
            only = truth(key, [BOX], ordinal=ordinal, import_id=dice.choice(["a", "b"]))
            only.ground_truth_replaced.only_unlabelled = dice.random() < 0.2
            return [only]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_comes_the_draft_is_in_order_and_versions_keep_theirs(rows: Any, seed: int) -> None:
    """Batches are cut anywhere, outboxes come out twice; and a replay that reads topics otherwise makes the same."""
    dice = random.Random(seed)
    world, commits = World(rows), itertools.count(1)
    before: Spans = set()
    deleted: set[str] = set()
    for _ in range(40):
        said = something(dice, world, commits)
        deleted |= {event.data_row_deleted.global_key for event in said}
        world.say(*said)
        if dice.random() < 0.5:
            world.accept({topic: dice.choice([0, 1, 2, 100]) for topic in world.log})
        if dice.random() < 0.1:
            world.publish()
        if dice.random() < 0.5:
            world.measure(dice.choice([0, 1, 5]))
        if dice.random() < 0.1:
            world.settle(dice)
            draft, known = world.draft(), world.known()
            assert {key: ordinal for key, ordinal in draft.items() if key in known} == {
                key: ordinal for key, ordinal in known.items() if key in draft
            }
            closed = {span for span in world.spans() if span[2] is not None}
            assert {key for key, *_ in before - closed} <= deleted
            before, deleted = closed, set()
    world.settle()
    again = World(rows, world.log)
    again.settle(dice)
    for ours, theirs in ((world.rows, again.rows), (world.metrics, again.metrics)):
        ours, theirs = (each.store.collections for each in (ours, theirs))
        assert {name: held for name, held in ours.items() if held} == {n: held for n, held in theirs.items() if held}
