"""Ingest and the row loop of metrics on one log and one read model: what the second refuses, the first lists."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest

from services.common.eventlog.port import Message
from services.common.eventlog.topics import GROUND_TRUTH, PREDICTIONS, row_key
from services.common.runloop.loop import RunLoop
from services.metrics.handlers import RowsHandler
from services.metrics.loops import rows_loop
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_UPSERT, BoxPredictions, PredictionsUpserted
from tests.integration.ingest.conftest import ROW_PARTITIONS, Stand, log, stand

__all__ = ["log", "stand"]

PROJECT = "default"
A, B = (1.0, 2.0, 30.0, 40.0), (5.0, 6.0, 7.0, 8.0)


class World:
    """One dataset with rows, one model with a run, and what producers say of it."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.http = stand.http

    async def make(self) -> World:
        self.ontology = (await self.post("/v1/ontologies", {"name": "o", "classes": [{"name": "car"}]}))["ontology_id"]
        named = {"ontology_id": self.ontology}
        self.dataset = (await self.post("/v1/datasets", {"name": "d", **named}))["dataset_id"]
        self.model = (await self.post("/v1/models", {"name": "m", **named}))["model_id"]
        for key in ("a", "b"):
            await self.post(f"/v1/datasets/{self.dataset}/data-rows", {"global_key": key})
        asked = {"name": "r", "model_id": self.model, "dataset_id": self.dataset}
        self.run = (await self.post("/v1/model-runs", asked))["run_id"]
        return self

    async def post(self, path: str, json: Any = None) -> dict[str, Any]:
        answer = await self.http.post(path, json=json)
        assert answer.is_success, answer.text
        return answer.json()

    def says(self, row: str, *boxes: tuple[int, Any, float], uuids: Any = (), run: str = "", **more: Any) -> Event:
        """What a producer says of a row."""
        columns = BoxPredictions(
            count=len(boxes),
            class_ids=np.array([box[0] for box in boxes], "<i4").tobytes(),
            boxes=np.array([box[1] for box in boxes], "<f8").tobytes(),
            confidences=np.array([box[2] for box in boxes], "<f8").tobytes(),
            uuids=b"".join(uuids),
        )
        said = PredictionsUpserted(
            dataset_id=self.dataset,
            global_key=row,
            run_id=run or self.run,
            mode=IMPORT_MODE_UPSERT,
            import_id="" if uuids else "imp_x",
            boxes=columns,
        )
        return Event(
            **{"event_id": "e", "project_id": PROJECT, "schema_version": 1, "predictions_upserted": said, **more}
        )

    async def put(self, event: Event | bytes, key: str | None = None, topic: str = PREDICTIONS, **more: Any) -> None:
        """Append it where its key belongs."""
        if isinstance(event, Event):
            payload = getattr(event, event.WhichOneof("payload"))
            key = key or row_key(PROJECT, self.dataset, payload.global_key)
            event = event.SerializeToString()
        await self.stand.log.append([Message(topic, (key or "").encode(), event, **more)])

    @contextlib.asynccontextmanager
    async def metrics(self, handler: RowsHandler | None = None) -> AsyncIterator[None]:
        """The row loop of metrics runs, perhaps with a handler that has a fault."""
        log, store = self.stand.log, self.stand.store
        loop = rows_loop(log, store, ROW_PARTITIONS)
        if handler is not None:
            topics = (GROUND_TRUTH, PREDICTIONS)
            loop = RunLoop(log, store, "metrics.rows", topics, handler)
        task = asyncio.create_task(loop.run())
        try:
            yield
        finally:
            await loop.stop()
            await task

    async def done(self) -> None:
        """Wait until all that is on the log is applied, letters too."""
        async with asyncio.timeout(30):
            for group, topic in (
                ("metrics.rows", GROUND_TRUTH),
                ("metrics.rows", PREDICTIONS),
                ("ingest.rows", GROUND_TRUTH),
                ("ingest.dead-letters", "dead-letters"),
            ):
                for partition, end in (await self.stand.log.end_offsets(topic)).items():
                    while (await self.stand.store.read_progress(group, partition)).offsets.get(topic, 0) < end:
                        await asyncio.sleep(0.02)

    async def letters(self, **filter: Any) -> list[dict[str, Any]]:
        """What is listed, oldest first."""
        await self.done()
        page = await self.stand.store.page("dead_letters", filter, order=(("offset", 1),), limit=1000)
        return list(page.documents)

    async def letter(self, **filter: Any) -> dict[str, Any]:
        """The only one."""
        [letter] = await self.letters(**filter)
        return letter

    async def decide(self, letter: dict[str, Any], verb: str, http: httpx.AsyncClient | None = None) -> httpx.Response:
        return await (http or self.http).post(f"/v1/dead-letters/{letter['dead_letter_id']}:{verb}", json={"note": "n"})

    async def row(self, key: str, run: str = "") -> dict[str, Any] | None:
        """What is stored of a run and a row."""
        return await self.stand.store.get("run_rows", f"{PROJECT}/{run or self.run}/{key}")

    async def confidences(self, key: str) -> list[float]:
        row = await self.row(key)
        return [] if row is None else np.frombuffer(row["confidences"]).tolist()


@pytest.fixture
async def world(stand: Stand) -> World:
    return await World(stand).make()
