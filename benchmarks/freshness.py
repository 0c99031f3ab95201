"""Freshness under a steady stream: from accepted by the log to visible in answers.

A producer puts predictions straight onto the log, as a pipeline does, at a steady rate. Meanwhile three readers ask the
query service: for the newest row, for the run's counts, and for its COCO numbers.

    python -m benchmarks.freshness [--kafka] [--metrics-processes N] [--rows 100] [--per-row 100]
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import json
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.latency import percentiles
from benchmarks.running import Stack, add_shape, folder, pin, reference_kernel, shape_of, stack
from services.common.eventlog.opening import open_log
from services.common.eventlog.port import EventLog, Message
from services.common.eventlog.topics import PREDICTIONS, row_key
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_UPSERT, BoxPredictions, PredictionsUpserted


@dataclass
class Accepted:
    """How many predictions and which rows the log had, and when."""

    times: list[float] = field(default_factory=list[float])
    totals: list[int] = field(default_factory=list[int])
    newest: tuple[str, float] | None = None

    def lag(self, visible: int, now: float) -> float:
        """Seconds since the log had more than `visible` predictions; 0 when all of them are visible."""
        after = bisect.bisect_right(self.totals, visible)
        return now - self.times[after] if after < len(self.times) else 0.0


def global_key(number: int) -> str:
    """Name of a row."""
    return f"{number:08d}.jpg"


def write_truth(path: Path, rows: int) -> None:
    """A labelled dataset with one box in each row."""
    path.write_text(
        json.dumps(
            {
                "images": [{"id": i + 1, "file_name": global_key(i), "width": 640, "height": 480} for i in range(rows)],
                "annotations": [
                    {
                        "id": i + 1,
                        "image_id": i + 1,
                        "category_id": 1,
                        "bbox": [10, 10, 50, 50],
                        "area": 2500,
                        "iscrowd": 0,
                    }
                    for i in range(rows)
                ],
                "categories": [{"id": 1, "name": "thing"}],
            }
        )
    )


def message(dataset: str, run: str, row: int, count: int, chance: np.random.Generator) -> Message:
    """One event: what a model says of one row."""
    boxes = chance.uniform(1, 200, (count, 4))
    payload = PredictionsUpserted(
        dataset_id=dataset,
        global_key=global_key(row),
        run_id=run,
        mode=IMPORT_MODE_UPSERT,
        boxes=BoxPredictions(
            count=count,
            class_ids=np.ones(count, np.int32).tobytes(),
            boxes=boxes.tobytes(),
            confidences=chance.random(count).tobytes(),
            uuids=chance.bytes(16 * count),
        ),
    )
    event = Event(
        event_id=uuid.uuid4().hex,
        project_id="default",
        time_unix_ms=int(time.time() * 1000),
        producer="benchmark",
        schema_version=1,
        predictions_upserted=payload,
    )
    return Message(PREDICTIONS, row_key("default", dataset, global_key(row)).encode(), event.SerializeToString())


async def produce(
    log: EventLog, accepted: Accepted, dataset: str, run: str, rows: int, per_row: int, seconds: float
) -> None:
    """Append `rows` events a second, in twenty ticks a second."""
    chance = np.random.default_rng(1)
    ticks, row, total = int(seconds * 20), 0, 0
    begun = time.perf_counter()
    for tick in range(ticks):
        due = (tick + 1) * rows // 20
        messages = [message(dataset, run, number, per_row, chance) for number in range(row, due)]
        await log.append(messages)
        now = time.perf_counter()
        if messages:
            row, total = due, total + len(messages) * per_row
            accepted.times.append(now)
            accepted.totals.append(total)
            accepted.newest = global_key(row - 1), now
        await asyncio.sleep(max(0.0, begun + (tick + 1) / 20 - time.perf_counter()))


async def has_predictions(client: httpx.AsyncClient, run: str, name: str) -> bool:
    """Whether an answer shows what the run said of a row."""
    answer = await client.get(f"/v1/model-runs/{run}/rows/{name}")
    return answer.status_code == 200 and bool(answer.json()["predictions"])


async def watch_rows(client: httpx.AsyncClient, run: str, accepted: Accepted, lags: list[float]) -> None:
    """Ask for the newest row until it is there; again and again."""
    while True:
        if accepted.newest is None:
            await asyncio.sleep(0.01)
            continue
        name, since = accepted.newest
        while not await has_predictions(client, run, name):  # noqa: ASYNC110
            await asyncio.sleep(0.003)
        lags.append(time.perf_counter() - since)
        await asyncio.sleep(0.1)


async def watch_numbers(
    client: httpx.AsyncClient, run: str, accepted: Accepted, counts: list[float], coco: list[float]
) -> None:
    """Ask for the metrics of the run and see how far behind the counts and the COCO numbers are."""
    while True:
        answer = (await client.get(f"/v1/model-runs/{run}/metrics", params={"confidence": 0})).json()
        now = time.perf_counter()
        total = answer["total"]
        counts.append(accepted.lag(total["true_positive_count"] + total["false_positive_count"], now))
        coco.append(accepted.lag(answer["freshness"]["coco_predictions"] or 0, now))
        await asyncio.sleep(0.25)


async def stream(running: Stack, data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Prepare, stream, watch."""
    rows = int(options.rows * options.seconds)
    truth, results = data / "gt.json", data / "dt.json"
    write_truth(truth, rows)
    results.write_text("[]")
    names = ["--dataset", "stream", "--model", "stream", "--run", "stream"]
    made = running.sightline(
        "import", "coco", "--ground-truth", str(truth), "--predictions", str(results), *names, "--wait"
    )
    log = await open_log(running.settings, create=False)
    accepted = Accepted()
    lags: dict[str, list[float]] = {"rows": [], "counts": [], "COCO numbers": []}
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
        watchers = [
            asyncio.create_task(watch_rows(client, made["run_id"], accepted, lags["rows"])),
            asyncio.create_task(watch_numbers(client, made["run_id"], accepted, lags["counts"], lags["COCO numbers"])),
        ]
        with running.watched() as usage:
            await produce(
                log, accepted, made["dataset_id"], made["run_id"], options.rows, options.per_row, options.seconds
            )
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
    await log.close()
    processes = {name: {"cpu_s": round(u.cpu, 1), "peak_mb": round(u.peak)} for name, u in sorted(usage.items())}
    return {name: percentiles(values) for name, values in lags.items()} | {"processes": processes}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100, help="rows a second")
    parser.add_argument("--per-row", type=int, default=100, help="predictions in each row")
    parser.add_argument("--seconds", type=float, default=300)
    add_shape(parser)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pin()
    with (
        folder() as data,
        stack(data, kafka=options.kafka, metrics_processes=options.metrics_processes) as running,
    ):
        figures = {"reference_kernel_s": round(reference_kernel(), 4)} | asyncio.run(stream(running, data, options))
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    rate = options.rows * options.per_row
    print(f"{rate:,} predictions/s as {options.rows} rows/s x {options.per_row} for {options.seconds:g} s")
    print(shape_of(options))
    for name, value in figures.items():
        print(f"{name:22} {value}")


if __name__ == "__main__":
    main()
