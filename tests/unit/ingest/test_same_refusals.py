"""What metrics refuses of truth labels no row: both handlers refuse the same events, for the same reasons."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.common.eventlog.topics import GROUND_TRUTH
from services.common.runloop.handling import Batch, Delivery
from services.ingest.handlers import RowsHandler
from sightline.wire.events.v1.event_pb2 import Event
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import DATASET, PARTITIONS, PROJECT, deliveries, in_chunks, keys_of, topic_of, truth
from tests.unit.metrics.test_refusals import CASES

KEY, GOOD = keys_of(0, 2)
[ELSEWHERE] = keys_of(1, 1)
BOX = (0.0, 0.0, 10.0, 10.0)
WHOLE = truth(KEY, [(1, BOX, False), (1, (0.0, 0.0, -1.0, 1.0), False), (1, BOX, False)])

TRUTHS: dict[str, Sequence[Event]] = {
    **{name: [event] for name, (event, _) in CASES.items() if topic_of(event) == GROUND_TRUTH},
    "no global key": [truth("")],
    "long global key": [truth("x" * 201)],
    "no dataset": [truth(KEY, dataset="")],
    "another partition's": [truth(ELSEWHERE)],
    "a faulty chunk": in_chunks(WHOLE, [1, 1, 1]),
    "a faulty chunk, repeated": [in_chunks(WHOLE, [1, 1, 1])[n] for n in (0, 1, 1)],
    "a chunk of too few": [in_chunks(WHOLE, [1, 1, 1])[2]],
}


def refused_by_rows(said: Sequence[Delivery]) -> tuple[list[tuple[int, str]], list[str]]:
    handler = RowsHandler(PARTITIONS)
    memory = handler.remember(0, {})
    outcome = handler.handle(Batch(0, said), {}, memory)
    labelled = [write.document["_id"] for write in outcome.writes if write.collection == "data_rows"]
    return [(refused.delivery.offset, refused.reason) for refused in outcome.refused], labelled


@pytest.mark.parametrize("events", TRUTHS.values(), ids=TRUTHS)
def test_both_refuse_the_same(events: Sequence[Event]):
    said = deliveries(GROUND_TRUTH, 0, [*events, truth(GOOD, [(1, BOX, False)])])
    outcome = Partition().feed(said)
    refused = [(each.delivery.offset, each.reason) for each in outcome.refused]
    assert refused
    assert refused_by_rows(said) == (refused, [f"{PROJECT}/{DATASET}/{GOOD}"])


def test_both_refuse_a_key_that_is_not_the_rows():
    said = [Delivery(GROUND_TRUTH, 0, 0, "p/d/other", truth(KEY)), *deliveries(GROUND_TRUTH, 0, [truth(GOOD)])]
    [refused] = Partition().feed(said).refused
    assert refused_by_rows(said) == ([(0, refused.reason)], [f"{PROJECT}/{DATASET}/{GOOD}"])
