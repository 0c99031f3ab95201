"""Another process on the log: `python -m tests.contract.eventlog.process SPEC TOPICS append|consume ARGUMENTS`."""

from __future__ import annotations

import asyncio
import sys

from services.common.eventlog.port import EventLog, Message
from tests.contract.eventlog.opening import make_log, make_topics


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def append(log: EventLog, topic: str, who: str, count: int) -> None:
    """Append messages `WHO NUMBER`, several at once, and say which are safe."""
    number = 0

    async def one_after_the_other() -> None:
        nonlocal number
        while number < count:
            mine, number = number, number + 1
            await log.append([Message(topic, f"{who}-{mine % 5}".encode(), f"{who} {mine}".encode() + b"." * 500)])
            say("safe", mine)

    say("started")
    await asyncio.gather(*(one_after_the_other() for _ in range(4)))
    say("done")


async def consume(log: EventLog, topics: list[str], group: str) -> None:
    """Be a member for ever, and say what it has and sees."""
    consumer = log.consumer(group, topics)

    async def assigned(partitions: frozenset[int]) -> None:
        for partition in partitions:
            for topic in topics:
                consumer.seek(topic, partition, 0)
        say("assigned", *sorted(partitions))

    async def revoked(partitions: frozenset[int]) -> None:
        say("revoked", *sorted(partitions))

    await consumer.start(assigned=assigned, revoked=revoked)
    while True:
        for record in await consumer.poll(max_records=100, max_bytes=1 << 20, timeout=1.0):
            say("record", record.topic, record.partition, record.offset)


async def main() -> None:
    spec, names, what, *arguments = sys.argv[1:]
    log = make_log(spec)
    topics = make_topics(names)
    await log.open(topics)
    if what == "append":
        await append(log, arguments[0], arguments[1], int(arguments[2]))
    else:
        await consume(log, [topics[0].name, topics[1].name], arguments[0])
    await log.close()


if __name__ == "__main__":
    asyncio.run(main())
