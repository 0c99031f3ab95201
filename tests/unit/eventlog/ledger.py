"""A handler whose every slip can be seen afterwards, and the check that there was none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from services.common.documents import Read, Replace, State
from services.common.eventlog.port import EventLog, Message, Record
from services.common.eventlog.topics import DEAD_LETTERS, GROUND_TRUTH, PREDICTIONS, RUN_TOUCHED, topics
from services.common.progress import ProgressStore
from services.common.runloop.handling import Batch, Handler, Outcome, Outgoing, Refused
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.markers_pb2 import Marker
from sightline.wire.events.v1.runs_pb2 import RunTouched

GROUP = "ledger"
INPUTS = (GROUND_TRUTH, PREDICTIONS)
APPLIED = "ledger_applied"
TALLY = "ledger_tally"
POISON = "poison"
REFUSED = "refused"

PARTITIONS = 2
TOPICS = topics(PARTITIONS)


def event(name: str) -> Event:
    """An input event: its name says what the handler does with it."""
    return Event(event_id=name, project_id="p", schema_version=1, marker=Marker(source_offset=1))


def message(topic: str, name: str, partition: int = 0) -> Message:
    """An input event as it comes to the log."""
    return Message(topic, name.encode(), event(name).SerializeToString(), partition)


class Ledger(Handler):
    """Writes one line for each event, numbered from memory, keeps a tally, and derives an event from each.

    So an event left out, applied twice or out of order shows, and so does memory that was good no more. Each event also
    rewrites the document of its name, with how often it was seen there: a state that was read too early shows.
    """

    def recall(self, partition: int) -> Sequence[Read]:
        return (Read(TALLY, {"_id": f"{partition}"}),)

    def remember(self, partition: int, state: State) -> int:
        found = state.get(TALLY, ())
        return found[0]["count"] if found else 0

    def reads(self, batch: Batch, memory: Any) -> Sequence[Read]:
        names = sorted({d.event.event_id.partition("-")[0] for d in batch.deliveries})
        return (Read(TALLY, {"_id": {"$in": [f"{batch.partition}:{name}" for name in names]}}),)

    def handle(self, batch: Batch, state: State, memory: Any) -> Outcome:
        count: int = memory
        refused: list[Refused] = []
        events: list[Outgoing] = []
        writes: list[Replace] = []
        tallies = {document["_id"]: document["count"] for document in state.get(TALLY, ())}
        for delivery in batch.deliveries:
            name = delivery.event.event_id
            if name.startswith(POISON):
                raise ValueError(f"{name} is not to be borne")
            if name.startswith(REFUSED):
                refused.append(Refused(delivery, "refused by name"))
                continue
            place = f"{delivery.topic}/{delivery.partition}/{delivery.offset}"
            tally = f"{batch.partition}:{name.partition('-')[0]}"
            tallies[tally] = tallies.get(tally, 0) + 1
            writes.append(Replace(APPLIED, {"_id": place, "name": name, "number": count, "nth": tallies[tally]}))
            count += 1
            derived = Event(event_id=f"from {place}", project_id="p", run_touched=RunTouched(run_id=name))
            events.append(Outgoing(RUN_TOUCHED, name, derived))
        writes += [Replace(TALLY, {"_id": tally, "count": n}) for tally, n in tallies.items()]
        writes.append(Replace(TALLY, {"_id": f"{batch.partition}", "count": count}))
        return Outcome(writes, events, refused, count)


async def all_of(log: EventLog, topic: str) -> list[Record]:
    """Everything on a topic."""
    records: list[Record] = []
    for partition, end in (await log.end_offsets(topic)).items():
        start = 0
        while start < end:
            found = await log.read(topic, partition, start)
            records += found
            start = found[-1].offset + 1
    return records


async def everything_passed(log: EventLog, store: ProgressStore) -> bool:
    """Whether progress has reached the end of all inputs."""
    for partition in range(PARTITIONS):
        progress = await store.read_progress(GROUP, partition)
        for topic in INPUTS:
            if progress.offsets.get(topic, 0) < (await log.end_offsets(topic))[partition]:
                return False
    return True


async def until_passed(log: EventLog, store: ProgressStore, *, seconds: float = 20.0) -> None:
    """Wait until progress has reached the end of all inputs."""
    async with asyncio.timeout(seconds):
        while not await everything_passed(log, store):
            await asyncio.sleep(0.002)


async def check_books(log: EventLog, store: ProgressStore, *, outboxes_out: bool = True) -> None:
    """Every event applied once and in order, every derived event out, every other one a dead letter, or fail."""
    applied = {document["_id"]: document for document in await store.find(Read(APPLIED, {}))}
    derived = {Event.FromString(record.value).event_id for record in await all_of(log, RUN_TOUCHED)}
    dead = {_origin(record) for record in await all_of(log, DEAD_LETTERS)}
    for partition in range(PARTITIONS):
        records = [r for topic in INPUTS for r in await all_of(log, topic) if r.partition == partition]
        numbers: list[int] = []
        nth: dict[str, list[tuple[int, int]]] = {}
        for record in records:
            place = f"{record.topic}/{record.partition}/{record.offset}"
            name = record.key.decode()
            if name.startswith((POISON, REFUSED, "garbage")):
                assert place in dead, f"{place} ({name}) went without a trace"
                assert place not in applied
                continue
            assert place not in dead, f"{place} ({name}) is no dead letter"
            assert place in applied, f"{place} ({name}) was never applied"
            line = applied[place]
            numbers.append(line["number"])
            nth.setdefault(name.partition("-")[0], []).append((line["number"], line["nth"]))
            assert not outboxes_out or f"from {place}" in derived, f"what {place} gave rise to is not out"
        assert sorted(numbers) == list(range(len(numbers))), f"numbers of partition {partition}: {numbers}"
        for topic in INPUTS:
            of_topic = [applied[place]["number"] for place in _places(records, topic) if place in applied]
            assert of_topic == sorted(of_topic), f"{topic} out of order: {of_topic}"
        for name, seen in nth.items():
            assert [n for _, n in sorted(seen)] == list(range(1, len(seen) + 1)), f"{name} from a stale state: {seen}"


def _places(records: Sequence[Record], topic: str) -> list[str]:
    return [f"{r.topic}/{r.partition}/{r.offset}" for r in records if r.topic == topic]


def _origin(record: Record) -> str:
    said: Mapping[str, str] = {name: value.decode() for name, value in record.headers}
    return f"{said['sightline-topic']}/{said['sightline-partition']}/{said['sightline-offset']}"
