"""The run owner at its edge: what it looks at, and in which order."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
from pymongo.errors import AutoReconnect

from services.common.documents import Delete
from services.common.eventlog.port import LogError
from services.common.readmodel.columns.cache import UnknownRun
from services.common.readmodel.feed import FeedLost
from services.common.runloop.handling import Batch, Outcome
from services.metrics.pacing import RunPacing
from services.metrics.run_owner import Measuring, RunsHandler
from services.metrics.summaries import NOTHING, measure
from sightline.evaluation import evidence_of_coco
from sightline.evaluation.conventions import COCO_NUMBERS
from tests.unit.metrics.test_pacing import touch

AT_5 = {0: {"rev": 5, "offsets": {"predictions": 9}, "markers": {"predictions": 2}}}
AT_6 = {0: {"rev": 6, "offsets": {"predictions": 10}, "markers": {"predictions": 2}}}
BOX = [0.0, 0.0, 10.0, 10.0]


class Clock:
    """A second goes by at each look."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        self.time += 1
        return self.time

    def unix_ms(self) -> int:
        return 7000


class FakeColumns:
    """Columns that write down what is asked of them, and are a bit further than asked."""

    def __init__(self, steps: list, known: bool = True) -> None:
        self.steps = steps
        self.known = known
        truth = {"images": [{"id": 1}], "categories": [{"id": 1, "name": "a"}], "annotations": []}
        truth["annotations"] = [{"image_id": 1, "category_id": 1, "bbox": BOX, "area": 100.0, "iscrowd": 0}]
        results = [{"image_id": 1, "category_id": 1, "bbox": BOX, "score": 0.9}]
        evidence, _ = evidence_of_coco(truth, results)
        self.current = SimpleNamespace(evidence=evidence, progress=AT_6, accepted=None)

    @contextlib.asynccontextmanager
    async def run(self, project_id: str, run_id: str):
        if not self.known:
            raise UnknownRun(run_id)
        self.steps.append(("look at", project_id, run_id))
        yield self

    splits = ()

    async def reach(self, revs, timeout: float, accepted) -> None:
        self.steps.append(("reach", dict(revs)))


async def outcome_of(columns: FakeColumns, *touches, deleted=(), set_aside=lambda: None) -> Outcome:
    async def row_progress(_group: str):
        columns.steps.append("standing")
        return AT_5

    async def is_deleted(run_id: str) -> bool:
        return run_id in deleted

    measuring = Measuring(columns, row_progress, is_deleted, RunPacing(1), Clock(), set_aside=set_aside)  # pyright: ignore
    batch = Batch(0, touches)
    outcome = RunsHandler().handle(batch, await measuring(batch, None), None)
    assert not outcome.events
    return outcome


async def summaries_of(columns: FakeColumns, *touches) -> list[dict]:
    return [write.document for write in (await outcome_of(columns, *touches)).writes]  # pyright: ignore


async def test_trace_10_polled_first_then_looked_and_never_less_than_mongodb_holds():
    steps: list = []
    [summary] = await summaries_of(FakeColumns(steps), touch("run_a"), touch("run_a", ended_in=0))
    assert steps == ["standing", ("look at", "default", "run_a"), ("reach", {0: 5})]
    assert summary["version"] == {"0": AT_6[0]}
    assert summary["_id"] == "default/run_a"
    assert (summary["computed_unix_ms"], summary["cost_ms"]) == (7000, 1000.0)
    assert summary["coco"]["map"] == pytest.approx(1)
    assert summary["counts"]["classes"] == {"0": {"true_positive": 1, "false_positive": 0, "false_negative": 0}}


async def test_a_run_that_nobody_knows_is_measured_as_nothing_where_mongodb_stood_before():
    [summary] = await summaries_of(FakeColumns([], known=False), touch("run_a"))
    assert summary["version"] == {"0": AT_5[0]}
    assert summary["coco"] == dict.fromkeys(COCO_NUMBERS)


async def test_each_run_of_a_batch_once():
    found = await summaries_of(FakeColumns([]), touch("a"), touch("b"), touch("a"))
    assert [summary["run_id"] for summary in found] == ["a", "b"]


async def test_the_summary_of_a_deleted_run_is_taken_away():
    """Whoever stored one meanwhile: the deletion touches the run after it is stored, so this comes once more."""
    steps: list = []
    outcome = await outcome_of(FakeColumns(steps), touch("run_gone"), touch("run_a"), deleted=["run_gone"])
    assert outcome.writes[0] == Delete("run_summaries", "default/run_gone")
    assert [write.document["run_id"] for write in outcome.writes[1:]] == ["run_a"]  # pyright: ignore
    assert ("look at", "default", "run_gone") not in steps


class Faulty(FakeColumns):
    """Columns of which one run's can't be had."""

    def __init__(self, error: Exception) -> None:
        super().__init__([])
        self.error = error

    @contextlib.asynccontextmanager
    async def run(self, project_id: str, run_id: str):
        if run_id == "run_bad":
            raise self.error
        yield self


async def test_a_run_that_cannot_be_measured_is_set_aside_by_name_and_the_others_are_measured(caplog):
    aside: list[bool] = []
    columns = Faulty(OverflowError("too large"))
    touches = [touch("run_bad"), touch("run_a"), touch("run_bad")]
    outcome = await outcome_of(columns, *touches, set_aside=lambda: aside.append(True))
    assert [write.document["run_id"] for write in outcome.writes] == ["run_a"]  # pyright: ignore
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert "run_bad" in record.getMessage()
    assert len(aside) == 1


@pytest.mark.parametrize("error", [TimeoutError(), AutoReconnect(), FeedLost(), LogError(), MemoryError()])
async def test_an_outage_is_no_fault_of_a_run(error: Exception):
    with pytest.raises(type(error)):
        await outcome_of(Faulty(error), touch("run_bad"), touch("run_a"))


def test_nothing_has_the_form_of_something():
    evidence, _ = evidence_of_coco({"images": [], "categories": [], "annotations": []}, [])
    assert measure(evidence) == NOTHING
