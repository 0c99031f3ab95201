"""From a producer's faulty event to what it says in its run, by the command line alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from services.common.eventlog.port import Message
from services.common.eventlog.sqlite.log import SqliteLog
from services.common.eventlog.topics import PREDICTIONS, row_key, topics
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.predictions_pb2 import IMPORT_MODE_UPSERT, BoxPredictions, PredictionsUpserted
from tests.e2e.data import Files, generate
from tests.e2e.stack import Stack, wait_until

UUID = b"\1" * 16


@pytest.mark.timeout(180)
def test_a_faulty_event_is_seen_put_back_and_counts(tmp_path: Path) -> None:
    files = generate(tmp_path / "files", seed=5, images=12)
    with Stack(tmp_path / "data", "--ingest-processes", "2") as stack:
        imported = stack.json(*files.arguments("letters"), "--wait")
        run_id = imported["run_id"]
        before = stack.get(f"/v1/model-runs/{run_id}/metrics", confidence=0.0)["total"]
        asyncio.run(produce(tmp_path / "data" / "log.sqlite", files, imported["dataset_id"], run_id))
        wait_until(lambda: len(stack.json("dead-letters", "list")["items"]) == 2, 30)

        found = stack.json("dead-letters", "list")["items"]
        [nonsense, event] = sorted(found, key=lambda letter: letter["payload"] is not None)
        assert stack.json("dead-letters", "list", "--run", run_id)["items"] == [event]
        shown = stack.run("dead-letters", "show", event["dead_letter_id"]).stdout
        for said in ("the key is not project/dataset/global_key of the payload", "metrics.rows", UUID.hex(), run_id):
            assert said in shown
        assert "no event can be read" in stack.run("dead-letters", "show", nonsense["dead_letter_id"]).stdout

        # Nobody is there to be asked.
        asked = stack.run("dead-letters", "replay", "--all")
        assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
        done = stack.run("dead-letters", "replay", "--all", "--yes", "--reason", "a producer's typo", "--json")
        assert done.returncode == 3
        assert "1 that can only be dropped" in done.stderr
        again = stack.run("dead-letters", "replay", event["dead_letter_id"])
        assert (again.returncode, "is not open" in again.stderr) == (2, True)
        assert "unreadable" in stack.run("dead-letters", "list").stdout

        def counted() -> bool:
            after = stack.get(f"/v1/model-runs/{run_id}/metrics", confidence=0.0)["total"]
            said = ("true_positive_count", "false_positive_count")
            return sum(after[name] for name in said) == sum(before[name] for name in said) + 1

        wait_until(counted, 30)
        dropped = stack.json("dead-letters", "drop", nonsense["dead_letter_id"], "--reason", "an old camera")
        assert dropped["counts"] == {"dropped": 1}
        states = {each["dead_letter_id"]: each["state"] for each in letters(stack)}
        assert states == {event["dead_letter_id"]: "replayed", nonsense["dead_letter_id"]: "dropped"}
        assert {each["outcome"]["note"] for each in letters(stack)} == {"a producer's typo", "an old camera"}
        assert stack.json("dead-letters", "list") == {"items": []}
        assert stack.run("dead-letters", "show", "dl_99").returncode == 1
        assert stack.run("dead-letters", "drop").returncode == 2


def letters(stack: Stack) -> list[dict]:
    return stack.json("dead-letters", "list", "--state", "all")["items"]


async def produce(path: Path, files: Files, dataset: str, run: str) -> None:
    """What a producer with two faults puts onto the log."""
    image = files.truth["images"][0]["file_name"]
    boxes = BoxPredictions(
        count=1,
        class_ids=np.array([1], "<i4").tobytes(),
        boxes=np.array([1.0, 2.0, 3.0, 4.0]).tobytes(),
        confidences=np.array([0.9]).tobytes(),
        uuids=UUID,
    )
    said = PredictionsUpserted(dataset_id=dataset, global_key=image, run_id=run, mode=IMPORT_MODE_UPSERT, boxes=boxes)
    event = Event(event_id="p1", project_id="default", schema_version=1, predictions_upserted=said)
    log = SqliteLog(path)
    await log.open(topics(), create=False)
    wrong = row_key("default", dataset, "another/row").encode()
    await log.append([Message(PREDICTIONS, wrong, event.SerializeToString())])
    await log.append([Message(PREDICTIONS, b"default/x", b"\xff nonsense")])
    await log.close()
