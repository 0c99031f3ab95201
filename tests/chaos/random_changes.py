"""All that can happen to a small project, in random order and with crashes, against a naive model of it.

    python -m tests.chaos.random_changes --seed 1 --minutes 10

Two owners of every loop believe that they own every partition, and each may be gone at any step. Whenever all is at
rest, what MongoDB holds is compared with the model; in the end with what a replay of the log makes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import random
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pymongo import MongoClient

from services.common.documents import Read
from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.port import Message, Position
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import CATALOG, DATA_ROWS, GROUND_TRUTH, PREDICTIONS, RUN_TOUCHED, topics
from services.common.progress import CommitUnknown
from services.common.readmodel.columns.cache import Columns
from services.common.readmodel.initiate import initiate
from services.common.readmodel.mongo import ReadModel
from services.common.runloop.clock import Clock
from services.common.runloop.loop import Limits, RunLoop
from services.ingest.handlers import CatalogHandler, RowsHandler
from services.metrics.loops import RunsLoop, rows_loop
from sightline.evaluation import count
from sightline.mongod import Mongod
from sightline.mongod import Process as Server
from sightline.wire.events.v1 import catalog_pb2 as asks
from sightline.wire.events.v1.data_rows_pb2 import DataRowDeleted, DataRowUpserted, Split
from sightline.wire.events.v1.event_pb2 import Event
from tests.chaos.naive_project import Dataset, Label, Order, Project, Row, Run, iou
from tests.unit.evaluation import oracle
from tests.unit.eventlog.fakes import Crash, SteppedLog, SteppedStore
from tests.unit.metrics.saying import (
    PROJECT,
    delete,
    ended,
    event,
    in_chunks,
    key_of,
    removed,
    topic_of,
    truth,
    upsert,
)

PARTITIONS = 2
KEYS = [f"image-{i}" for i in range(5)]
ORDINALS = [0, 1, 1, 2, -1]
SPLITS = {"training": 1, "validation": 2, "test": 3, "unassigned": 4}
GROUPS = {
    "ingest.catalog": (CATALOG,),
    "ingest.rows": (DATA_ROWS, GROUND_TRUTH),
    "metrics.rows": (GROUND_TRUTH, PREDICTIONS),
    "metrics.runs": (RUN_TOUCHED,),
}
REBUILT = ("truths", "truth_chunks", "run_rows", "data_rows", "row_partitions", "datasets", "model_runs")
HURRY = 20.0
RUBBISH = b"\xff\xff no event"


class FastClock(Clock):
    """Time goes by faster, so that pauses are short."""

    def now(self) -> float:
        return HURRY * super().now()

    async def wait(self, event: asyncio.Event, seconds: float | None = None) -> bool:
        return await super().wait(event, None if seconds is None else seconds / HURRY)


class Store(SteppedStore):
    """A read model whose steps are told, with all that it can do else."""

    def __init__(self, store: ReadModel, at: Callable[[str], Any]) -> None:
        super().__init__(store, at)
        self.snapshot = store.snapshot


class Faults:
    """Whether something happens at a step: the process is gone, an answer is lost, or it sleeps meanwhile."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.on = True
        self.crashes = 0

    async def __call__(self, step: str) -> None:
        if not self.on:
            return
        chance = self.dice.random()
        if chance < 0.01:
            self.crashes += 1
            raise Crash(step)
        if chance < 0.02 and step == "after commit":
            raise CommitUnknown(step)
        if chance < 0.04:
            await asyncio.sleep(self.dice.choice([0.01, 0.1, 0.3]))


class Mute(SteppedLog):
    """A log that takes nothing: what a replay gives rise to is there already."""

    async def append(self, messages: Sequence[Message]) -> Sequence[Position]:
        return ()


async def nothing(_step: str) -> None:
    """Let every step be."""


class Owner:
    """All loops of all services, started again whenever one is gone."""

    def __init__(self, log: SqliteLog, store: ReadModel, faults: Faults) -> None:
        self._log = log
        self._store = store
        self._faults = faults
        self._parts: dict[str, Any] = {}
        self._stopping = False
        self._tasks = [asyncio.create_task(self._keep(group), name=group) for group in GROUPS]

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*(part.stop() for part in self._parts.values()))
        await asyncio.gather(*self._tasks)

    async def _keep(self, group: str) -> None:
        while not self._stopping:
            columns = Columns(self._store, 1 << 26)
            part = self._parts[group] = self._make(group, columns)
            try:
                await part.run()
            except Crash:
                await columns.close()

    def _make(self, group: str, columns: Columns) -> Any:
        log: Any = SteppedLog(self._log, self._faults)
        store: Any = Store(self._store, self._faults)
        return make_loop(group, log, store, columns, Limits(self._faults.dice.choice([2, 10, 200]), back_off=(0.2,)))


def make_loop(group: str, log: Any, store: Any, columns: Columns, limits: Limits) -> Any:
    match group:
        case "ingest.catalog":
            return RunLoop(log, store, group, GROUPS[group], CatalogHandler(PARTITIONS), limits=limits)
        case "ingest.rows":
            return RunLoop(log, store, group, GROUPS[group], RowsHandler(PARTITIONS), limits=limits)
        case "metrics.rows":
            return rows_loop(log, store, PARTITIONS)
        case _:
            return RunsLoop(log, store, columns, PARTITIONS, clock=FastClock())


class World:
    """The project as it is, the model of it, and everything that may be done to both."""

    def __init__(self, seed: int, log: SqliteLog, store: ReadModel) -> None:
        self.dice = random.Random(seed)
        self.faults = Faults(random.Random(f"{seed} faults"))
        self.log = log
        self.store = store
        self.model = Project()
        self.seeing = Columns(store, 1 << 26)
        self.numbers = iter(range(1, 1 << 30))
        self.done: list[str] = []
        self.repeated: set[tuple[str, int, int]] = set()
        """Outboxes that were published once more."""
        self.failed: list[tuple[str, str, str]] = []
        """Imports that failed, whose processes only sleep: each with its dataset, and its run if it has one."""
        self.operations = 0

    def new(self, prefix: str) -> str:
        return f"{prefix}_{next(self.numbers)}"

    # Saying things

    async def say(self, *events: Event) -> Sequence[Position]:
        return await self.log.append([Message(topic_of(e), key_of(e).encode(), e.SerializeToString()) for e in events])

    async def say_prediction(self, said: Event) -> Sequence[Position]:
        """Now and then in a wrong partition: what follows is said once it has come to the right one."""
        if self.dice.random() < 0.85:
            return await self.say(said)
        key = key_of(said).encode()
        wrong = (partition_of(key, PARTITIONS) + 1) % PARTITIONS
        positions = await self.log.append([Message(PREDICTIONS, key, said.SerializeToString(), wrong)])
        await self.passed("metrics.rows", *positions)
        await self.all_applied("metrics.rows")
        return positions

    async def say_row(self, key: str, event: Event) -> Position:
        [position] = await self.log.append([Message(DATA_ROWS, key.encode(), event.SerializeToString())])
        return position

    async def say_everywhere(self, said: Event) -> None:
        value = said.SerializeToString()
        messages = [Message(topic_of(said), PROJECT.encode(), value, p) for p in range(PARTITIONS)]
        await self.log.append(messages)

    async def passed(self, group: str, *positions: Position) -> None:
        """Wait until something is applied, and what it gave rise to is out; it may go out once more."""
        for position in positions:
            async with asyncio.timeout(60):
                while True:
                    progress = await self.store.read_progress(group, position.partition)
                    if progress.offsets.get(position.topic, 0) > position.offset:
                        break
                    await asyncio.sleep(0.005)
            place = group, position.partition, progress.rev
            if progress.outbox and place not in self.repeated:
                self.repeated.add(place)
                await self.log.append(progress.outbox)

    async def ask(self, *, wait: bool = True, **what: Any) -> int:
        """A request to the catalog, now and then twice; the status of its answer (200 where nobody waits)."""
        request = asks.CatalogRequest(request_id=self.new("req"), **what)
        message = Message(CATALOG, PROJECT.encode(), event(catalog_request=request).SerializeToString())
        positions = await self.log.append([message] * self.dice.choice([1, 1, 1, 2]))
        if not wait:
            return 200
        await self.passed("ingest.catalog", *positions)
        decision = await self.store.get("catalog_decisions", f"{PROJECT}/{request.request_id}")
        assert decision is not None
        return decision["status"]

    async def begin(self) -> None:
        classes = [asks.OntologyClass(name=name, kind="box") for name in ("class-1", "class-2")]
        assert await self.ask(create_ontology=asks.CreateOntology(ontology_id="o", name="o", classes=classes)) == 201
        assert await self.ask(create_model=asks.CreateModel(model_id="m", name="m", ontology_id="o")) == 201
        await self.create_dataset()
        await self.create_run()

    # Chances

    def some(self, boxes: int = 4) -> list[tuple[int, tuple[float, float, float, float]]]:
        dice = self.dice

        def box() -> tuple[float, float, float, float]:
            return dice.choice([0.0, 4.0, 9.5]), dice.choice([0.0, 4.0]), dice.choice([8.0, 10.0, 40.0]), 10.0

        def class_id() -> int:
            """Now and then one that isn't there yet."""
            return dice.randrange(1, self.model.classes + (2 if dice.random() < 0.1 else 1))

        return [(class_id(), box()) for _ in range(dice.randrange(boxes))]

    def some_truth(self) -> list[Any]:
        return [(class_id, box, self.dice.random() < 0.15) for class_id, box in self.some()]

    def some_order(self) -> Order:
        return self.dice.choice(["kept", "kept", None, *ORDINALS])

    def some_dataset(self) -> str:
        return self.dice.choice([*self.model.datasets])

    def some_run(self) -> str:
        return self.dice.choice([*self.model.runs, *self.model.runs, *[*self.model.deleted_runs][:1], self.future_run])

    @property
    def future_run(self) -> str:
        """A run that isn't there yet."""
        return f"run_of_tomorrow_{len(self.model.runs) + len(self.model.deleted_runs)}"

    # Operations

    async def upsert_row(self) -> None:
        dataset, key = self.some_dataset(), self.dice.choice(KEYS)
        split, order = self.dice.choice([None, *SPLITS]), self.some_order()
        said = DataRowUpserted(dataset_id=dataset, global_key=key, split=Split.ValueType(SPLITS.get(split or "", 0)))
        if order is None:
            said.cleared.append("ordinal")
        elif order != "kept":
            said.ordinal = order
        await self.say_row(f"{PROJECT}/{dataset}/{key}", event(data_row_upserted=said))
        self.model.upsert_row(dataset, key, split, order)

    async def delete_row(self) -> None:
        dataset, key = self.some_dataset(), self.dice.choice(KEYS)
        said = event(data_row_deleted=DataRowDeleted(dataset_id=dataset, global_key=key))
        await self.passed("ingest.rows", await self.say_row(f"{PROJECT}/{dataset}/{key}", said))
        self.model.delete_row(dataset, key)

    async def label(self) -> None:
        await self._label(self.some_dataset(), self.dice.choice(KEYS), "")

    async def _label(self, dataset: str, key: str, import_id: str) -> None:
        marked = self.some_truth()
        row = self.model.datasets[dataset].rows.get(key)
        ordinal = row.ordinal if row and self.dice.random() < 0.7 else self.dice.choice([None, *ORDINALS])
        whole = truth(key, marked, import_id=import_id, ordinal=ordinal, dataset=dataset)
        whole.ground_truth_replaced.only_unlabelled = only = self.dice.random() < 0.15
        events = [whole]
        if self.dice.random() < 0.3:
            cuts = sorted(self.dice.randrange(len(marked) + 1) for _ in range(2))
            events = in_chunks(whole, [cuts[0], cuts[1] - cuts[0], len(marked) - cuts[1]])
            if self.dice.random() < 0.3:
                await self.say(*events[:2])
                return
        await self.say(*events)
        self.model.label(dataset, key, Label(import_id, marked, ordinal), only)

    async def unlabel(self) -> None:
        dataset, key = self.some_dataset(), self.dice.choice(KEYS)
        await self.say(removed(key, dataset))
        self.model.unlabel(dataset, key)

    async def import_truth(self) -> None:
        dataset, job = self.some_dataset(), self.new("imp")
        begin = asks.BeginImport(import_id=job, dataset_id=dataset, format="ndjson")
        begun = self.dice.random() < 0.5
        if begun:
            assert await self.ask(begin_import=begin) == 201
        for key in self.dice.sample(KEYS, self.dice.randrange(len(KEYS))):
            await self._label(dataset, key, job)
            if begun and self.dice.random() < 0.2:
                assert await self.ask(commit_dataset_version=asks.CommitDatasetVersion(dataset_id=dataset)) == 409
        unlabel = self.dice.random() < 0.5
        await self.say_everywhere(ended(job, unlabel_others=unlabel, dataset=dataset))
        if unlabel:
            self.model.end_truth_import(dataset, job)
        if begun:
            assert await self.ask(end_import=asks.EndImport(import_id=job)) == 200

    async def fail_import(self) -> None:
        """An import ends as failed, or with its run. What it has said stays; what it says when it wakes must not."""
        runs = [id for id, run in self.model.runs.items() if not run.sealed]
        run = self.dice.choice(runs) if runs and self.dice.random() < 0.6 else ""
        dataset = self.model.runs[run].dataset if run else self.some_dataset()
        job = self.new("imp")
        begin = asks.BeginImport(import_id=job, dataset_id=dataset, run_id=run, format="ndjson")
        assert await self.ask(begin_import=begin) == 201
        for key in self.dice.sample(KEYS, self.dice.randrange(3)):
            if run:
                await self._predict(run, dataset, key, job, self.dice.choice(["upsert", "replace"]))
            else:
                await self._label(dataset, key, job)
        if run and self.dice.random() < 0.2:
            assert await self.ask(delete_model_run=asks.DeleteModelRun(run_id=run)) == 200
            self.model.delete_runs([run])
        else:
            assert await self.ask(end_import=asks.EndImport(import_id=job, failure="gone")) == 200
        self.failed.append((job, dataset, run))
        await self.wake()

    async def wake(self) -> None:
        """The process of an import that failed wakes and writes: nothing comes of it."""
        if not self.failed:
            return
        job, dataset, run = self.dice.choice(self.failed)
        for _ in range(self.dice.randrange(1, 4)):
            key = self.dice.choice(KEYS)
            match self.dice.randrange(6):
                case 0:
                    gone = DataRowDeleted(dataset_id=dataset, global_key=key, import_id=job)
                    await self.say_row(f"{PROJECT}/{dataset}/{key}", event(data_row_deleted=gone))
                case 1:
                    row = DataRowUpserted(dataset_id=dataset, global_key=key, split=Split.SPLIT_TEST, import_id=job)
                    await self.say_row(f"{PROJECT}/{dataset}/{key}", event(data_row_upserted=row))
                case 2:
                    await self.say_everywhere(ended(job, run=run, dataset=dataset, unlabel_others=not run))
                case 3 if run:
                    await self.say_prediction(delete(key, run, [self.uuid() for _ in range(4)], dataset, job))
                case 3:
                    await self.say(removed(key, dataset, job))
                case _ if run:
                    boxes = [(class_id, box, 0.5) for class_id, box in self.some()]
                    uuids = [bytes([n]) * 16 for n in range(len(boxes))]
                    replaces = self.dice.random() < 0.5
                    said = upsert(key, run, boxes, uuids=uuids, import_id=job, replace=replaces, dataset=dataset)
                    await self.say_prediction(said)
                case _:
                    await self.say(truth(key, self.some_truth(), import_id=job, dataset=dataset))

    async def predict(self) -> None:
        run = self.some_run()
        known = self.model.runs.get(run)
        dataset = known.dataset if known and self.dice.random() < 0.95 else self.some_dataset()
        import_id = self.dice.choice(["", "imp_a", "imp_b"])
        for _ in range(self.dice.randrange(1, 4)):
            key, mode = self.dice.choice(KEYS), self.dice.choice(["upsert", "upsert", "replace", "add"])
            await self._predict(run, dataset, key, import_id, mode)

    async def _predict(self, run: str, dataset: str, key: str, import_id: str, mode: str) -> None:
        spoken = [(self.uuid(), c, box, self.dice.choice([0.2, 0.5, 0.7, 0.9, math.nan])) for c, box in self.some()]
        spoken = list({each[0]: each for each in spoken}.values())
        said = upsert(
            key,
            run,
            [each[1:] for each in spoken],
            uuids=[each[0] for each in spoken],
            import_id=import_id,
            replace=mode == "replace",
            add=mode == "add",
            dataset=dataset,
        )
        positions = await self.say_prediction(said)
        self.model.predict(run, dataset, key, spoken, mode, import_id)
        known = self.model.runs.get(run)
        if known and known.accepts_new_rows:
            await self.passed("metrics.rows", *positions)  # it made rows, which what follows may be about

    async def take_back(self) -> None:
        run, key = self.some_run(), self.dice.choice(KEYS)
        known = self.model.runs.get(run)
        dataset = known.dataset if known else self.some_dataset()
        uuids = [self.uuid() for _ in range(4)]
        await self.say_prediction(delete(key, run, uuids, dataset))
        self.model.take_back(run, dataset, key, uuids)

    async def end_predictions(self) -> None:
        run = self.some_run()
        dataset = self.model.runs[run].dataset if run in self.model.runs else self.some_dataset()
        await self.say_everywhere(ended("imp_a", run=run, dataset=dataset))

    def uuid(self) -> bytes:
        return uuid.UUID(int=self.dice.randrange(8)).bytes

    async def create_dataset(self) -> None:
        if len(self.model.datasets) >= 2:
            return
        dataset = self.new("ds")
        ask = asks.CreateDataset(dataset_id=dataset, name=dataset, ontology_id="o")
        assert await self.ask(create_dataset=ask) == 201
        self.model.datasets[dataset] = Dataset()

    async def create_run(self) -> None:
        if len(self.model.runs) >= 6:
            return
        run, dataset = self.future_run, self.some_dataset()
        version = self.dice.choice([*self.model.datasets[dataset].truth])
        splits = tuple(sorted(self.dice.sample([*SPLITS], self.dice.choice([0, 0, 1, 2]))))
        accepts = self.dice.random() < 0.4
        old = self.dice.random() < 0.2
        ask = asks.CreateModelRun(
            run_id=run,
            model_id="m",
            name=run,
            dataset_id=dataset,
            dataset_version=version,
            ontology_version=1 if old else 0,
            splits=[Split.ValueType(SPLITS[split]) for split in splits],
            accepts_new_rows=accepts,
        )
        assert await self.ask(create_model_run=ask) == 201
        if accepts:
            await self.all_applied("metrics.rows")
        self.model.create_run(run, Run(dataset, version, 2 if old else self.model.classes, splits, accepts))

    async def delete_run(self) -> None:
        if not self.model.runs:
            return
        run = self.dice.choice([*self.model.runs])
        # Nobody need wait: whatever still comes for it, it is gone. But rows that it makes until then stay.
        wait = self.dice.random() < 0.5 or self.model.runs[run].accepts_new_rows
        await self.ask(wait=wait, delete_model_run=asks.DeleteModelRun(run_id=run))
        self.model.delete_runs([run])

    async def seal_or_reopen(self) -> None:
        if not self.model.runs:
            return
        id, run = self.dice.choice([*self.model.runs.items()])
        if run.sealed:
            assert await self.ask(reopen_model_run=asks.ReopenModelRun(run_id=id)) == 200
        else:
            assert await self.ask(seal_model_run=asks.SealModelRun(run_id=id)) == 200
        run.sealed = not run.sealed

    async def commit(self) -> None:
        dataset = self.some_dataset()
        if self.model.datasets[dataset].moved:  # else the version may be committed before it has that order
            await self.all_moved()
            self.model.datasets[dataset].moved = False
        assert await self.ask(commit_dataset_version=asks.CommitDatasetVersion(dataset_id=dataset)) == 201
        self.model.commit(dataset)

    async def delete_version(self) -> None:
        dataset = self.some_dataset()
        there = self.model.datasets[dataset]
        if versions := [version for version in there.truth if version != there.draft]:
            version = self.dice.choice(versions)
            ask = asks.DeleteDatasetVersion(dataset_id=dataset, dataset_version=version)
            assert await self.ask(delete_dataset_version=ask) == 200
            self.model.delete_version(dataset, version)

    async def delete_dataset(self) -> None:
        dataset = self.some_dataset()
        await self.ask(wait=self.dice.random() < 0.5, delete_dataset=asks.DeleteDataset(dataset_id=dataset))
        self.model.delete_dataset(dataset)
        for _ in range(3):  # what is still on its way
            await self.say(truth(self.dice.choice(KEYS), self.some_truth(), dataset=dataset))
            run = self.some_run()
            if run not in self.model.runs:
                await self.say(upsert(self.dice.choice(KEYS), run, [(1, (0, 0, 9, 9), 0.5)], dataset=dataset))
        if not self.model.datasets:
            await self.create_dataset()

    async def grow_ontology(self) -> None:
        if self.model.classes < 4:
            grown = [asks.OntologyClass(name=f"class-{self.model.classes + 1}", kind="box")]
            ask = asks.CreateOntologyVersion(ontology_id="o", classes=grown)
            assert await self.ask(create_ontology_version=ask) == 201
            self.model.classes += 1

    async def repeat(self) -> None:
        """A marker, a made row or a moved event comes once more, late."""
        topic, partition = self.dice.choice([DATA_ROWS, GROUND_TRUTH, PREDICTIONS]), self.dice.randrange(PARTITIONS)
        records = await self.log.read(topic, partition, 0, max_records=100_000)
        derived = [record for record in records if _is_derived(record.value)]
        others = [record for record in derived if not Event.FromString(record.value).HasField("marker")]
        if derived:
            record = self.dice.choice(others if others and self.dice.random() < 0.7 else derived)
            await self.log.append([Message(topic, record.key, record.value, partition)])

    async def wrong(self) -> None:
        """What nobody can apply changes nothing."""
        key, run, dataset = self.dice.choice(KEYS), self.some_run(), self.some_dataset()
        right = upsert(key, run, [(1, (0.0, 0.0, 9.0, 9.0), 0.5)], dataset=dataset)
        match self.dice.randrange(6):
            case 0:
                right.predictions_upserted.boxes.confidences = np.array([1.5]).tobytes()
            case 1:
                right.predictions_upserted.boxes.class_ids = np.array([0], "<i4").tobytes()
            case 2:
                right.predictions_upserted.boxes.boxes = np.array([0, 0, -1, math.inf]).tobytes()
            case 3:
                right.schema_version = 99
            case 4:
                value = right.SerializeToString()
                await self.log.append([Message(PREDICTIONS, b"another/key", value, self.dice.randrange(PARTITIONS))])
                return
            case _:
                await self.log.append([Message(PREDICTIONS, key_of(right).encode(), RUBBISH)])
                return
        await self.say_prediction(right)

    CHANCES = (
        *[(predict, 24), (label, 14), (upsert_row, 10), (take_back, 6), (delete_row, 6), (unlabel, 4)],
        *[(import_truth, 4), (end_predictions, 3), (create_run, 6), (delete_run, 2), (seal_or_reopen, 3)],
        *[(commit, 4), (delete_version, 2), (delete_dataset, 1), (create_dataset, 2), (grow_ontology, 1)],
        *[(repeat, 6), (wrong, 4), (fail_import, 4), (wake, 4)],
    )

    async def do_something(self) -> None:
        [operation] = self.dice.choices(*zip(*self.CHANCES, strict=True))
        self.done.append(operation.__name__)
        self.operations += 1
        await operation(self)

    # At rest

    async def all_applied(self, group: str) -> None:
        ends = {topic: await self.log.end_offsets(topic) for topic in GROUPS[group]}
        await self.passed(group, *(Position(t, p, end - 1) for t, of in ends.items() for p, end in of.items() if end))

    async def all_moved(self) -> None:
        """Wait until all that was said of rows is applied, and where that gives truth another place, it is told."""
        told = -1
        while told != (told := sum((await self.log.end_offsets(GROUND_TRUTH)).values())):
            await self.all_applied("ingest.rows")

    async def rest(self) -> None:
        """Wait until nothing more comes of anything."""
        self.faults.on = False
        before = None
        async with asyncio.timeout(120):
            while True:
                for group in GROUPS:
                    await self.all_applied(group)
                ends = {topic: await self.log.end_offsets(topic) for topics in GROUPS.values() for topic in topics}
                if ends == before:
                    break
                before = ends
                await asyncio.sleep(0.05)
        self.faults.on = True

    async def check(self) -> None:
        """What is stored is what the model says."""
        await self._check_rows()
        for id, run in self.model.runs.items():
            await self._check_run(id, run)
        for collection in ("run_rows", "run_summaries"):
            for document in await self.store.find(Read(collection, {})):
                assert document["run_id"] not in self.model.deleted_runs, (collection, document["_id"])
        for id in [each["_id"] for each in await self.store.find(Read("run_touches", {}))]:
            assert id.split("/")[1] not in self.model.deleted_runs, id

    async def _check_rows(self) -> None:
        documents = await self.store.find(Read("data_rows", {}))
        known = {(d["dataset_id"], d["global_key"]): Row(d["split"], d["ordinal"]) for d in documents if d["known"]}
        expected = {(id, key): row for id, ds in self.model.datasets.items() for key, row in ds.rows.items()}
        assert known == expected
        assert not {d["dataset_id"] for d in documents} & self.model.deleted_datasets
        truths = await self.store.find(Read("truths", {}))
        assert not {d["dataset_id"] for d in truths} & self.model.deleted_datasets
        used: set[str] = set()
        for id, dataset in self.model.datasets.items():
            for version, labelled in dataset.truth.items():
                found = [d for d in truths if d["dataset_id"] == id and _holds(d, version)]
                used.update(d["_id"] for d in found)
                stored = {d["global_key"]: Label(d["import_id"], _truth(d), d["ordinal"]) for d in found}
                assert stored == labelled, (id, version)
                marked = {
                    d["global_key"]: [i["ordinal"] for i in d["labelled"] if _holds(i, version)]
                    for d in documents
                    if d["dataset_id"] == id and any(_holds(i, version) for i in d["labelled"])
                }
                assert marked == {key: [label.ordinal] for key, label in labelled.items()}, (id, version)
        assert {d["_id"] for d in truths} == used, "truth that no version has is gone"

    async def _check_run(self, id: str, run: Run) -> None:
        documents = await self.store.find(Read("run_rows", {"run_id": id}))
        assert {d["global_key"] for d in documents} == set(run.rows), id
        marked = self.model.truth_of(run)
        for document in documents:
            key = document["global_key"]
            items = run.rows[key].ordered()
            assert _said(document) == [(u, c, box, str(confidence), place) for u, c, box, confidence, place in items]
            pairs = [
                (p, t, round(overlap, 12))
                for p, item in enumerate(items)
                for t, (_, box, crowd) in enumerate(marked.get(key, ()))
                if (overlap := iou(item[2], box, crowd)) >= 0.05
            ]
            assert _pairs(document) == pairs, (id, key)
        summary = await self.store.get("run_summaries", f"{PROJECT}/{id}")
        assert summary is not None, id
        scope = self.model.scope(run)
        expected = {
            "rows": len(scope),
            "rows_predicted": sum(bool(run.rows[key].items) for key in scope if key in run.rows),
            "predictions": sum(len(run.rows[key].items) for key in scope if key in run.rows),
            "truths": sum(len(marked[key]) for key in scope),
        }
        assert {name: summary[name] for name in expected} == expected, (id, run.splits)
        counts = self.model.counts(run)
        stored = summary["counts"]
        assert (stored["true_positive"], stored["false_positive"], stored["false_negative"]) == counts, id
        if scope:
            for name, value in oracle.twelve(oracle.evaluated(*self.model.coco(run))).items():
                assert (value is None) == (summary["coco"][name] is None), (id, name)
                assert value is None or abs(summary["coco"][name] - value) < 1e-9, (id, name)
        async with self.seeing.run(PROJECT, id) as view:
            await view.reach(await self._revs("metrics.rows"), 10, await self._revs("ingest.rows"))
            assert list(view.rows) == scope, id
            found = count(view.evidence, 0.5, 0.5).total()
            assert (found.true_positive[0], found.false_positive[0], found.false_negative[0]) == counts, id

    async def _revs(self, group: str) -> dict[int, int]:
        return {p: (await self.store.read_progress(group, p)).rev for p in range(PARTITIONS)}

    async def _applied_by(self, store: ReadModel, group: str) -> None:
        ends = {topic: await self.log.end_offsets(topic) for topic in GROUPS[group]}
        async with asyncio.timeout(60):
            for partition in range(min(map(len, ends.values()))):
                while True:
                    offsets = (await store.read_progress(group, partition)).offsets
                    if all(offsets.get(topic, 0) >= of[partition] for topic, of in ends.items()):
                        break
                    await asyncio.sleep(0.01)

    async def check_replay(self, fresh: ReadModel) -> None:
        """The log, read from its beginning, makes the same."""
        log: Any = Mute(self.log, nothing)
        loops = [make_loop(g, log, fresh, self.seeing, Limits()) for g in GROUPS if g != "metrics.runs"]
        running = [asyncio.create_task(loop.run()) for loop in loops]
        try:
            for group in GROUPS:
                if group != "metrics.runs":
                    await self._applied_by(fresh, group)
        finally:
            await asyncio.gather(*(loop.stop() for loop in loops))
            await asyncio.gather(*running)
        for collection in REBUILT:
            ours, theirs = [
                {d["_id"]: d for d in await store.find(Read(collection, {}))} for store in (self.store, fresh)
            ]
            assert ours == theirs, f"{collection}: a replay differs"


def _is_derived(value: bytes) -> bool:
    if value == RUBBISH:
        return False
    said = Event.FromString(value)
    made = said.HasField("data_row_upserted") and said.data_row_upserted.HasField("source_offset")
    return made or said.HasField("marker") or said.HasField("moved_from")


def _holds(span: Any, version: int) -> bool:
    return span["from"] <= version and (span["to"] is None or version < span["to"])


def _boxes(document: Any) -> list[Any]:
    return [tuple(box) for box in np.frombuffer(document["boxes"]).reshape(-1, 4).tolist()]


def _truth(document: Any) -> list[Any]:
    classes = np.frombuffer(document["class_ids"], "<i4").tolist()
    return list(zip(classes, _boxes(document), map(bool, document["crowds"]), strict=True))


def _said(document: Any) -> list[Any]:
    ids = [document["uuids"][i : i + 16] for i in range(0, len(document["uuids"]), 16)]
    confidences = map(str, np.frombuffer(document["confidences"]).tolist())
    columns = np.frombuffer(document["class_ids"], "<i4").tolist(), _boxes(document), confidences
    return list(zip(ids, *columns, np.frombuffer(document["places"], "<i4").tolist(), strict=True))


def _pairs(document: Any) -> list[Any]:
    overlaps = [round(overlap, 12) for overlap in np.frombuffer(document["pair_overlaps"]).tolist()]
    columns = (np.frombuffer(document[name], "<i4").tolist() for name in ("pair_predictions", "pair_truths"))
    return list(zip(*columns, overlaps, strict=True))


@contextlib.asynccontextmanager
async def read_model(mongo_url: str) -> AsyncIterator[ReadModel]:
    """A database that is gone afterwards."""
    name = f"sightline_test_{uuid.uuid4().hex[:12]}"
    store = await ReadModel.open(mongo_url, name)
    try:
        yield store
    finally:
        await store.close()
        await asyncio.to_thread(drop, mongo_url, name)


def drop(mongo_url: str, name: str) -> None:
    """Drop a database, however long transactions that a crash left open keep it."""
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client.drop_database(name)


async def run(seed: int, mongo_url: str, directory: Path, *, rounds: int, operations: int) -> World:
    """A project from its first request to a replay of all that happened. Raises where anything differs."""
    log = SqliteLog(directory / f"log-{seed}.sqlite")
    await log.open(topics(PARTITIONS))
    async with read_model(mongo_url) as store, read_model(mongo_url) as fresh:
        world = World(seed, log, store)
        owners = [Owner(log, store, world.faults) for _ in range(2)]
        try:
            await world.begin()
            for _ in range(rounds):
                for _ in range(operations):
                    await world.do_something()
                await world.rest()
                await world.check()
        finally:
            world.faults.on = False
            await asyncio.gather(*(owner.stop() for owner in owners))
        await world.check_replay(fresh)
        await world.seeing.close()
    await log.close()
    return world


def main() -> None:
    """Seed after seed, until the time is over or something differs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--operations", type=int, default=40, help="in each round")
    asked = parser.parse_args()
    begun, seed, done, crashes = time.monotonic(), asked.seed, 0, 0
    with tempfile.TemporaryDirectory(prefix="sightline-random-") as place:
        directory = Path(place)
        server = Server(Mongod.prepare(directory / "mongo", cache_gb=0.25))
        try:
            url = server.mongod.url
            initiate(url)
            while time.monotonic() < begun + 60 * asked.minutes:
                try:
                    world = asyncio.run(run(seed, url, directory, rounds=asked.rounds, operations=asked.operations))
                except BaseException:
                    sys.stderr.write(f"seed {seed} differs\n")
                    raise
                done, crashes = done + world.operations, crashes + world.faults.crashes
                minutes = (time.monotonic() - begun) / 60
                sys.stdout.write(
                    f"seed {seed}: no difference; {done} operations, {crashes} crashes, {minutes:.1f} min\n"
                )
                sys.stdout.flush()
                (directory / f"log-{seed}.sqlite").unlink(missing_ok=True)
                seed += 1
        finally:
            server.kill()


if __name__ == "__main__":
    main()
