"""When a run is measured: not before it is worth it, and not too often."""

from __future__ import annotations

import pytest

from services.common.eventlog.topics import RUN_TOUCHED
from services.common.runloop.handling import Delivery
from services.metrics.pacing import RunPacing
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.runs_pb2 import RunTouched

PARTITIONS = 2


def touch(run: str, *, ended_in: int | None = None) -> Delivery:
    touched = RunTouched(run_id=run, row_partition=ended_in or 0, settled=ended_in is not None)
    return Delivery(RUN_TOUCHED, 0, 0, run, Event(project_id="default", run_touched=touched))


def ended(run: str) -> list[Delivery]:
    return [touch(run, ended_in=partition) for partition in range(PARTITIONS)]


@pytest.fixture
def pacing() -> RunPacing:
    return RunPacing(PARTITIONS)


def measure(pacing: RunPacing, run: str, *, cost: float, now: float) -> None:
    pacing.measured(run, cost)
    pacing.applied(0, [touch(run)], cost, now)


def test_while_nothing_has_ended_it_waits_two_seconds_from_the_first_touch(pacing):
    assert pacing.delay(0, [touch("a")], 100.0) == 2.0
    assert pacing.delay(0, [touch("a"), touch("a")], 101.5) == 0.5
    assert pacing.delay(0, [touch("a"), touch("a")], 102.0) == 0.0


def test_unless_something_ended_everywhere(pacing):
    assert pacing.delay(0, [touch("a")], 100.0) == 2.0
    assert pacing.delay(0, [touch("a"), *ended("a")], 100.1) == 0.0


def test_what_ended_in_one_partition_waits_a_second_for_the_others(pacing):
    one_end = [touch("a", ended_in=1), touch("a", ended_in=1), touch("a")]
    assert pacing.delay(0, one_end, 100.0) == 1.0
    assert pacing.delay(0, one_end, 100.75) == 0.25
    assert pacing.delay(0, [*one_end, touch("a", ended_in=0)], 100.8) == 0.0


def test_the_next_computation_is_a_second_later(pacing):
    measure(pacing, "a", cost=0.1, now=100.0)
    assert pacing.delay(0, ended("a"), 100.25) == 0.75
    assert pacing.delay(0, ended("a"), 101.0) == 0.0
    assert pacing.delay(0, [touch("a")], 100.25) == 2.0
    assert pacing.delay(0, [touch("a")], 102.25) == 0.0


def test_or_five_costs_later(pacing):
    measure(pacing, "a", cost=2.0, now=100.0)
    assert pacing.delay(0, ended("a"), 104.0) == 6.0
    assert pacing.delay(0, [touch("a")], 104.0) == 6.0
    assert pacing.delay(0, [touch("a")], 109.5) == 0.5


def test_a_partition_waits_for_all_its_runs(pacing):
    measure(pacing, "slow", cost=1.0, now=100.0)
    assert pacing.delay(0, [touch("slow"), *ended("new")], 101.0) == 4.0
    assert pacing.delay(0, ended("new"), 101.0) == 0.0
    assert pacing.delay(0, [], 101.0) == 0.0


def test_what_is_remembered_is_bounded(pacing):
    for i in range(20_000):
        measure(pacing, f"run-{i}", cost=0.0, now=100.0)
    assert pacing.delay(0, ended("run-0"), 100.5) == 0.0
    assert pacing.delay(0, ended("run-19999"), 100.5) == 0.5
