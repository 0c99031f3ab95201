"""`log-copy`: what is refused before a log is copied, and what is said after."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from services.common.eventlog.port import EventLog, TopicMismatch
from services.common.eventlog.topics import DATA_ROWS, DEFAULT_ROW_PARTITIONS, Topic, topics
from services.common.ops.copying import Part, Report, copy_log
from services.common.ops.places import STOP_FIRST, Place, held, refuse_same
from services.common.ops.refusal import Refusal


async def log_copy(source: Place, target: Place, report: Report, *, force: bool = False) -> dict[str, Any]:
    """Copy a log with its order to an empty place, or go on with a copy. `force`: although services use the source."""
    refuse_same(source, target)
    await _row_partitions(source)  # before a claim makes a file where there is no log
    with held((source, target), besides=(source,) if force else ()):
        row_partitions = await _row_partitions(source)
        await _refuse_use(source, target, force=force)
        asked = topics(row_partitions)
        there = (await target.look()).partitions
        different = [topic for topic in asked if there.get(topic.name, topic.partitions) != topic.partitions]
        if different:
            differences = ", ".join(f"{t.name} has {there[t.name]} and should have {t.partitions}" for t in different)
            raise Refusal(f"{target.word} is another log; of partitions, {differences}. Name an empty target.")
        async with _opened(source, asked, create=False) as original, _opened(target, asked, create=True) as copy:
            parts = await copy_log(original, copy, report)
            return {
                "source": {"log": source.word, "log_id": original.log_id},
                "target": {"log": target.word, "log_id": copy.log_id},
                "records": sum(part.end for part in parts),
                "copied": sum(part.end - part.there for part in parts),
                "partitions": [_answer(part) for part in parts],
                "next": _starting(target, row_partitions),
            }


@asynccontextmanager
async def _opened(place: Place, asked: Sequence[Topic], *, create: bool) -> AsyncGenerator[EventLog]:
    log = place.log()
    try:
        await log.open(asked, create=create)
    except TopicMismatch as error:
        raise Refusal(f"{place.word}: {error}") from error
    try:
        yield log
    finally:
        await log.close()


async def _row_partitions(source: Place) -> int:
    partitions = (await source.look()).partitions
    if DATA_ROWS not in partitions:
        raise Refusal(f"There is no log at {source.word}.")
    return partitions[DATA_ROWS]


async def _refuse_use(source: Place, target: Place, *, force: bool) -> None:
    for place in (target,) if force else (target, source):
        if users := (await place.look()).users:
            raise Refusal(f"{place.word} is in use by {', '.join(users)}: {STOP_FIRST}.")


def _answer(part: Part) -> dict[str, Any]:
    return {
        "topic": part.topic,
        "partition": part.partition,
        "records": part.end,
        "copied": part.end - part.there,
        "checksum": part.checksum,
    }


def _starting(target: Place, row_partitions: int) -> str:
    setting = "" if row_partitions == DEFAULT_ROW_PARTITIONS else f"SIGHTLINE_ROW_PARTITIONS={row_partitions} "
    return setting + target.starting()
