"""Property: whatever the interleaving of two owners of the same partitions, their crashes, outages and lost answers,
every event is applied once and in order, every derived event is out, and nothing is put aside that could be applied."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.common.progress import CommitUnknown
from tests.contract.eventlog.run_loop_suite import finish, inputs, loop_on
from tests.unit.eventlog.fakes import Crash, FakeLog, FakeStore, Outage
from tests.unit.eventlog.ledger import TOPICS

OWNERS = 2

WHATS = ("go",) * 10 + ("let all go", "let all go", "outage", "crash", "lose the answer", "append")
"""What is done to one of those that wait at a step."""

schedules = st.lists(
    st.integers(0, 4 * len(WHATS) - 1).map(lambda n: (n % 4, WHATS[n // 4])), min_size=60, max_size=160
)


class Stage:
    """Holds every step of every owner until the schedule says go on."""

    def __init__(self) -> None:
        self.open = False
        self.waiting: list[tuple[str, asyncio.Future[None]]] = []

    async def __call__(self, moment: str) -> None:
        if self.open:
            return
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((moment, gate))
        await gate

    def release(self, place: int, what: str) -> None:
        """Let one go on, one way or another."""
        self.waiting = [(moment, gate) for moment, gate in self.waiting if not gate.done()]
        if not self.waiting:
            return
        moment, gate = self.waiting.pop(place % len(self.waiting))
        match what:
            case "outage":
                gate.set_exception(Outage("away"))
            case "crash":
                gate.set_exception(Crash())
            case "lose the answer" if moment.endswith(" commit"):
                gate.set_exception(CommitUnknown())
            case _:
                gate.set_result(None)

    def release_all(self) -> None:
        while self.waiting:
            self.release(0, "go")


async def play(schedule: Sequence[tuple[int, str]]) -> None:
    log, store, stage = FakeLog(TOPICS), FakeStore(), Stage()
    await log.append(inputs(12))

    async def owner() -> None:
        while not stage.open:  # after a crash it is started again
            try:
                await loop_on(log, store, stage).run()
            except Crash:
                await asyncio.sleep(0)

    owners = [asyncio.create_task(owner()) for _ in range(OWNERS)]
    for place, what in schedule:
        for _ in range(12):
            await asyncio.sleep(0)
        if what == "append":
            await log.append(inputs(3))
        elif what == "let all go":
            for _ in range(10):
                stage.release_all()
                await asyncio.sleep(0)
        else:
            stage.release(place, what)
    stage.open = True
    stage.release_all()
    for task in owners:  # both die where they are
        task.cancel()
    await asyncio.gather(*owners, return_exceptions=True)
    await finish(log, store)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schedules)
def test_every_event_once_in_order_and_every_derived_event_out(schedule: list[tuple[int, str]]) -> None:
    asyncio.run(play(schedule))
