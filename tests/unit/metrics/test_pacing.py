from __future__ import annotations

from services.common.eventlog.handling import Delivery
from services.common.eventlog.topics import RUN_TOUCHED
from services.metrics.pacing import RunPacing
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.runs_pb2 import RunTouched


def touch(run: str, *, settled: bool = False) -> Delivery:
    event = Event(project_id="default", run_touched=RunTouched(run_id=run, settled=settled))
    return Delivery(RUN_TOUCHED, 0, 0, run, event)


def test_a_new_run_waits_two_seconds_from_its_first_touch():
    pacing = RunPacing()
    assert pacing.delay(0, [touch("a")], 100.0) == 2.0
    assert pacing.delay(0, [touch("a"), touch("a")], 101.5) == 0.5
    assert pacing.delay(0, [touch("a"), touch("a")], 102.0) == 0.0


def test_unless_something_ended():
    pacing = RunPacing()
    assert pacing.delay(0, [touch("a")], 100.0) == 2.0
    assert pacing.delay(0, [touch("a"), touch("a", settled=True)], 100.1) == 0.0


def test_the_interval_is_a_second_or_five_costs_and_holds_for_all_touches():
    pacing = RunPacing()
    pacing.measured("a", 0.1)
    pacing.applied(0, [touch("a")], 0.1, 100.0)
    assert pacing.delay(0, [touch("a", settled=True)], 100.25) == 0.75
    assert pacing.delay(0, [touch("a")], 101.0) == 0.0
    pacing.measured("a", 2.0)
    pacing.applied(0, [touch("a")], 2.0, 103.0)
    assert pacing.delay(0, [touch("a", settled=True)], 104.0) == 9.0


def test_a_partition_waits_for_all_its_runs():
    pacing = RunPacing()
    pacing.measured("slow", 1.0)
    pacing.applied(0, [touch("slow")], 1.0, 100.0)
    assert pacing.delay(0, [touch("slow"), touch("new", settled=True)], 101.0) == 4.0
    assert pacing.delay(0, [touch("new", settled=True)], 101.0) == 0.0
    assert pacing.delay(0, [], 101.0) == 0.0


def test_what_is_remembered_is_bounded():
    pacing = RunPacing()
    for i in range(20_000):
        pacing.applied(0, [touch(f"run-{i}")], 0.0, 100.0)
    assert pacing.delay(0, [touch("run-0")], 100.5) == 2.0
    assert pacing.delay(0, [touch("run-19999")], 100.5) == 0.5
