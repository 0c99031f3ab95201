"""A log, record by record, from one to another: what is there is checked, what is missing copied, all of it verified.

Knows logs by their port alone. Both are open, with the same topics.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from services.common.eventlog.port import EventLog, LogError, Message, MessageTooLarge, Record
from services.common.ops.refusal import Refusal

logger = logging.getLogger(__name__)

PAGE_RECORDS = 1000
PAGE_BYTES = 4 << 20
AT_ONCE = 4
"""Partitions in hand at the same time: as many pages are in memory."""
SETTLE_SECONDS = 1.0
BACK_OFF = (1.0, 2.0, 5.0, 10.0, 20.0)

Report = Callable[[str, int, int], None]
"""Is told a phase, and how many of how many records are done in it."""


class CopyBroken(LogError):
    """The target is no copy any more."""


@dataclass(slots=True)
class Part:
    """One partition, and how far its copy is."""

    topic: str
    partition: int
    end: int
    """Where the copy ends: the source's end when it began."""
    there: int
    """Records that the target had when the copy began."""
    source_sum: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    target_sum: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.topic}/{self.partition}"

    @property
    def checksum(self) -> str:
        """Of key, value, headers and time of all records, in order, once the copy is verified."""
        return self.target_sum.hexdigest()


async def copy_log(source: EventLog, target: EventLog, report: Report) -> list[Part]:
    """Make the target equal to the source as it is now. What is there already must be a beginning of it."""
    parts = await _parts(source, target)
    await _settle(target, parts)
    await _in_phase(
        "checking", parts, lambda part: part.there, lambda part, done: _check(source, target, part, done), report
    )
    await _in_phase(
        "copying",
        parts,
        lambda part: part.end - part.there,
        lambda part, done: _copy(source, target, part, done),
        report,
    )
    await _in_phase(
        "verifying", parts, lambda part: part.end - part.there, lambda part, done: _verify(target, part, done), report
    )
    return parts


async def _parts(source: EventLog, target: EventLog) -> list[Part]:
    parts: list[Part] = []
    for topic in source.topics:
        begins, ends = await source.begin_offsets(topic), await source.end_offsets(topic)
        target_begins, there = await target.begin_offsets(topic), await target.end_offsets(topic)
        for partition, end in sorted(ends.items()):
            part = Part(topic, partition, end, there[partition])
            for which, begin in (("source", begins[partition]), ("target", target_begins[partition])):
                if begin:
                    raise Refusal(
                        f"The {which}'s {part.name} begins at {begin}: the records before it were deleted, and without "
                        "them no copy keeps its offsets, nor could a read model be made from it."
                    )
            if part.there > end:
                raise Refusal(
                    f"The target has {part.there} records in {part.name}, and the source {end}: it is no copy of the "
                    "source's beginning. Name an empty target."
                )
            parts.append(part)
    return parts


async def _settle(target: EventLog, parts: Sequence[Part]) -> None:
    """Refuse a target that grows. What a copy that was killed has sent may arrive a moment after its death."""
    if not any(part.there for part in parts):
        return
    while True:
        await asyncio.sleep(SETTLE_SECONDS)
        ends = {topic: await target.end_offsets(topic) for topic in target.topics}
        if all(ends[part.topic][part.partition] == part.there for part in parts):
            return
        for part in parts:
            part.there = ends[part.topic][part.partition]
            if part.there > part.end:
                raise Refusal(f"The target's {part.name} grows beyond the source: something else writes to it.")


async def _check(source: EventLog, target: EventLog, part: Part, done: Callable[[int], None]) -> None:
    originals = _records(source, part, 0, part.there)
    async for record in _records(target, part, 0, part.there):
        original = await anext(originals)
        if record != original:
            raise Refusal(
                f"The target's {part.name} has another record at offset {record.offset} than the source: it is no copy "
                "of the source's beginning. Name an empty target."
            )
        part.source_sum.update(_bytes_of(record))
        done(1)
    part.target_sum = part.source_sum.copy()


async def _copy(source: EventLog, target: EventLog, part: Part, done: Callable[[int], None]) -> None:
    at = part.there
    while at < part.end:
        page = await _page(source, part, at, part.end)
        await _append(target, part, page)
        for record in page:
            part.source_sum.update(_bytes_of(record))
        at += len(page)
        done(len(page))


async def _verify(target: EventLog, part: Part, done: Callable[[int], None]) -> None:
    async for record in _records(target, part, part.there, part.end):
        part.target_sum.update(_bytes_of(record))
        done(1)
    if part.target_sum.digest() != part.source_sum.digest():
        raise CopyBroken(
            f"The target's {part.name} reads otherwise than it was written: something else wrote to it, or it keeps "
            "times of its own (Kafka: `message.timestamp.type` must be CreateTime). Delete the target and begin again."
        )
    end = (await target.end_offsets(part.topic))[part.partition]
    if end != part.end:
        raise _doubled(part, part.end, end)


async def _append(target: EventLog, part: Part, page: Sequence[Record]) -> None:
    """Append a page where it belongs. When the answer is lost, look what has arrived before anything is sent again."""
    failures = 0
    while page:
        try:
            if failures and not (page := await _missing(target, part, page)):
                return
            positions = await target.append([_message(record) for record in page])
        except (MessageTooLarge, CopyBroken):
            raise
        except LogError as error:
            if failures == len(BACK_OFF):
                raise
            logger.warning("%s: %s Looking again in %g s", part.name, error, BACK_OFF[failures])
            await asyncio.sleep(BACK_OFF[failures])
            failures += 1
            continue
        for record, position in zip(page, positions, strict=True):
            if record.offset != position.offset:
                raise _doubled(part, record.offset, position.offset)
        return


async def _missing(target: EventLog, part: Part, page: Sequence[Record]) -> Sequence[Record]:
    first = page[0].offset
    end = (await target.end_offsets(part.topic))[part.partition]
    if not first <= end <= first + len(page):
        raise _doubled(part, first, end)
    async for record in _records(target, part, first, end):
        if record != page[record.offset - first]:
            raise _doubled(part, first, end)
    return page[end - first :]


def _doubled(part: Part, wanted: int, found: int) -> CopyBroken:
    return CopyBroken(
        f"The target's {part.name} stands at {found} where {wanted} was expected: something else wrote to it, or a "
        "message arrived twice. It is no copy any more: delete the target and begin again."
    )


async def _page(log: EventLog, part: Part, start: int, stop: int) -> Sequence[Record]:
    """At least one record, none from `stop` on, and none left out."""
    most = min(PAGE_RECORDS, stop - start)
    page = await log.read(part.topic, part.partition, start, max_records=most, max_bytes=PAGE_BYTES)
    if [record.offset for record in page] != list(range(start, start + len(page))) or not page:
        raise LogError(
            f"{part.name} has no record at some offset from {start} on, although it goes to {stop}. Offsets are left "
            "out where a producer used Kafka's transactions, or the log was compacted; then a copy can't keep them."
        )
    return page


async def _records(log: EventLog, part: Part, start: int, stop: int) -> AsyncIterator[Record]:
    while start < stop:
        page = await _page(log, part, start, stop)
        for record in page:
            yield record
        start += len(page)


def _message(record: Record) -> Message:
    return Message(record.topic, record.key, record.value, record.partition, record.headers, record.time_unix_ms)


def _bytes_of(record: Record) -> bytes:
    return msgspec.msgpack.encode((record.offset, record.time_unix_ms, record.key, record.headers, record.value))


async def _in_phase(
    phase: str,
    parts: Sequence[Part],
    work: Callable[[Part], int],
    act: Callable[[Part, Callable[[int], None]], Awaitable[None]],
    report: Report,
) -> None:
    """Do a phase for all partitions, some at once."""
    total, finished = sum(map(work, parts)), 0
    slots = asyncio.Semaphore(AT_ONCE)
    report(phase, 0, total)

    def done(records: int) -> None:
        nonlocal finished
        finished += records
        report(phase, finished, total)

    async def one(part: Part) -> None:
        async with slots:
            await act(part, done)

    try:
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                tasks.create_task(one(part))
    except ExceptionGroup as group:
        raise group.exceptions[0] from None  # the others are the same outage, or were cancelled for this one
