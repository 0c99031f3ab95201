"""Any order of arrival across topics, and any split into batches, ends in what the naive model says."""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.common.eventlog.topics import GROUND_TRUTH, PREDICTIONS
from services.common.runloop.handling import Delivery
from services.metrics.memory import memory_id
from sightline.wire.events.v1.event_pb2 import Event
from tests.unit.metrics.naive import Naive, readable
from tests.unit.metrics.partition import Partition
from tests.unit.metrics.saying import (
    NAN,
    committed,
    created,
    delete,
    deliveries,
    ended,
    in_chunks,
    keys_of,
    truth,
    upsert,
    uuid,
)

KEYS = keys_of(0, 4)
OTHER = "ds_b"
OTHER_KEYS = keys_of(0, 2, OTHER)


def some_box(dice: random.Random) -> tuple[float, float, float, float]:
    # Few distinct boxes, so that equal detections are common; some without any area.
    return (dice.choice([0.0, 5.0, 12.5]), dice.choice([0.0, 5.0]), dice.choice([0.0, 10.0, 20.0]), 10.0)


def cut(dice: random.Random, whole: Event) -> list[Event]:
    """The truth as one event, or in chunks, of which some may be empty; sometimes the last ones never come."""
    count = whole.ground_truth_replaced.boxes.count
    if dice.random() < 0.5:
        return [whole]
    ends = sorted(dice.randrange(count + 1) for _ in range(dice.randrange(1, 4)))
    chunks = in_chunks(whole, [b - a for a, b in zip([0, *ends], [*ends, count], strict=True)])
    return chunks[: dice.randrange(1, len(chunks))] if dice.random() < 0.2 else chunks


def interleaved(dice: random.Random, sayings: list[list[Event]]) -> list[Event]:
    """Each saying in its order, one among the others: newer truths come between chunks."""
    left = [list(events) for events in sayings]
    if dice.random() < 0.5:
        return [event for events in left for event in events]
    mixed = []
    while left := [events for events in left if events]:
        others = [events for events in left[1:2] if not events[0].HasField("marker")]  # markers stay in their order
        mixed.append(dice.choice([left[0], *others]).pop(0))
    return mixed


def some_truth(dice: random.Random) -> list[Event]:
    sayings: list[list[Event]] = []
    version, source, imports = 1, 100, 0
    markers: list[Event] = []
    for _ in range(dice.randrange(4, 14)):
        match dice.randrange(10):
            case 0:
                source += 10
                markers.append(committed(version, source))
                sayings.append([markers[-1]])
                version += 1
            case 1 if markers:
                sayings.append([dice.choice(markers)])  # a late repeat
            case 2:
                imports += 1
                name, events = f"imp_t{imports}", []
                for key in dice.sample(KEYS, dice.randrange(len(KEYS))):
                    boxes = [
                        (dice.choice([1, 2]), some_box(dice), dice.random() < 0.2) for _ in range(dice.randrange(4))
                    ]
                    events += cut(dice, truth(key, boxes, import_id=name))
                sayings.append([*events, ended(name, unlabel_others=dice.random() < 0.8)])
            case 3:
                sayings.append(cut(dice, truth(dice.choice(OTHER_KEYS), [(1, some_box(dice), False)], dataset=OTHER)))
            case _:
                boxes = [(dice.choice([1, 2]), some_box(dice), dice.random() < 0.2) for _ in range(dice.randrange(4))]
                sayings.append(cut(dice, truth(dice.choice(KEYS), boxes)))
    return interleaved(dice, sayings)


def some_predictions(dice: random.Random) -> list[Event]:
    events: list[Event] = []
    markers = [created("run_a", dice.choice([1, 2]), 1010), created("run_b", 1, 1020)]
    told: list[Event] = []
    while markers or len(events) < 18:
        run, key = dice.choice(["run_a", "run_b", "run_never"]), dice.choice(KEYS)
        match dice.randrange(12):
            case 0 if markers:
                told.append(markers.pop(0))
                events.append(told[-1])
            case 1 if told:
                events.append(dice.choice(told))  # a late repeat
            case 2:
                events.append(delete(key, run, [uuid(dice.randrange(4)), uuid(9)]))
            case 3:
                events.append(ended("imp_1", run=run))
            case 4:
                events.append(upsert(dice.choice(OTHER_KEYS), run, [(1, some_box(dice), 0.5)], dataset=OTHER))
            case _:
                count = dice.randrange(5)
                boxes = [
                    (dice.choice([1, 2]), some_box(dice), dice.choice([0.1, 0.5, 0.5, 1.0, NAN])) for _ in range(count)
                ]
                uuids = [uuid(dice.randrange(4)) for _ in range(count)] if dice.random() < 0.3 else []
                events.append(
                    upsert(
                        key,
                        run,
                        boxes,
                        uuids=uuids,
                        import_id=dice.choice(["", "imp_1", "imp_1", "imp_2"]),
                        replace=dice.random() < 0.5,
                    )
                )
    return events


def batches(dice: random.Random, topics: list[list[Delivery]]) -> list[list[Delivery]]:
    """Batches as the loop makes them: some of each topic, topics in their order."""
    at = [0] * len(topics)
    made = []
    while any(at[i] < len(topic) for i, topic in enumerate(topics)):
        batch = []
        for i, topic in enumerate(topics):
            n = dice.choice([0, 0, 1, 3, 100])
            batch += topic[at[i] : at[i] + n]
            at[i] += n
        if batch:
            made.append(batch)
    return made


def stored(partition: Partition) -> dict[str, Any]:
    return partition.store.collections


def expect(partition: Partition, model: Naive) -> None:
    waiting: dict[tuple[str, str], list[int]] = {}
    for document in sorted(partition.store["truth_chunks"].values(), key=lambda d: d["chunk"]):
        row = document["row"].split("/", 2)
        waiting.setdefault((row[1], row[2]), []).append(document["count"])
    assert waiting == {name: [c.boxes.count for c in come] for name, come in model.chunks.items()}
    rows = {(d["run_id"], d["dataset_id"], d["global_key"]): d for d in partition.store["run_rows"].values()}
    expected = model.run_rows()
    assert rows.keys() == expected.keys()
    for name, row in expected.items():
        assert readable(rows[name], uuids=row["uuids"]) == row
    for (dataset, version), snapshot in model.truths(5).items():
        found = {
            d["global_key"]: d
            for d in partition.store["truths"].values()
            if d["dataset_id"] == dataset and d["from"] <= version and (d["to"] is None or version < d["to"])
        }
        assert found.keys() == snapshot.keys()
        for key, (import_id, boxes) in snapshot.items():
            assert (found[key]["import_id"], found[key]["count"]) == (import_id, len(boxes))
            assert list(found[key]["crowds"]) == [crowd for _, crowd in boxes]


WHO_SAID_IT = ("imports", "import_bits", "import_marks", "replaced_by", "next_place")


def numbers_rest_on(partition: Partition, run: str) -> Any:
    """All that a run's numbers are made from in this partition."""
    memory = partition.store["row_partitions"].get(memory_id(0), {"runs": {}, "markers": {}})
    if run not in memory["runs"]:
        return None
    pinned = memory["runs"][run]
    version = pinned["dataset_version"]
    rows = {
        d["_id"]: {k: v for k, v in d.items() if k not in WHO_SAID_IT}
        for d in partition.store["run_rows"].values()
        if d["run_id"] == run
    }
    truths = {
        d["_id"]: {k: v for k, v in d.items() if k not in ("to", "import_id")}
        for d in partition.store["truths"].values()
        if d["dataset_id"] == pinned["dataset_id"] and d["from"] <= version and (d["to"] is None or version < d["to"])
    }
    return rows, truths


@pytest.mark.parametrize("seed", range(150))
def test_any_order_and_any_split(seed):
    dice = random.Random(seed)
    events = {GROUND_TRUTH: some_truth(dice), PREDICTIONS: some_predictions(dice)}
    topics = [deliveries(topic, 0, said) for topic, said in events.items()]
    model = Naive()
    for topic, said in events.items():
        for one in said:
            model.take(topic, one)
    ends = []
    for _ in range(4):
        partition = Partition(forgetful=dice.random() < 0.5)
        for batch in batches(dice, topics):
            before = {run: numbers_rest_on(partition, run) for run in ("run_a", "run_b")}
            outcome = partition.feed(batch)
            touched = {out.event.run_touched.run_id for out in outcome.events}
            assert len(touched) == len(outcome.events)
            for run, was in before.items():
                assert run in touched or numbers_rest_on(partition, run) == was
        expect(partition, model)
        ends.append(stored(partition))
    assert all(end == ends[0] for end in ends)


def test_one_by_one_is_one_batch():
    dice = random.Random(7)
    topic = deliveries(PREDICTIONS, 0, some_predictions(dice))
    together, apart = Partition(), Partition()
    together.feed(topic)
    for delivery in topic:
        apart.feed([delivery])
    assert stored(together) == stored(apart)
