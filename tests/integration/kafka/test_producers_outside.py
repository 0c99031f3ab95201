"""What others produce straight onto a topic, with a client of their own and its transactions."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy  # pyright: ignore[reportPrivateUsage]
from typing_extensions import override

from services.common.documents import Read
from services.common.eventlog.topics import DEAD_LETTERS, PREDICTIONS
from services.common.readmodel.mongo import ReadModel
from tests.integration.kafka.flow import SECONDS, kafka_log, running
from tests.unit.eventlog.ledger import APPLIED, GROUP, message

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
NO_TIME = -1


async def test_transactions_count_once_committed_and_never_when_aborted(
    kafka_bootstrap: str, kafka_prefix: str, store: ReadModel
) -> None:
    async with kafka_log(kafka_bootstrap, kafka_prefix) as log, running(log, store):
        async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=f"{kafka_prefix}tx") as outside:
            for round in range(6):
                await outside.begin_transaction()
                for i in range(10):
                    event = message(PREDICTIONS, f"{'kept' if round % 2 else 'dropped'}-{round}-{i}")
                    await outside.send(kafka_prefix + PREDICTIONS, event.value, event.key, partition=0)
                await (outside.commit_transaction() if round % 2 else outside.abort_transaction())
        async with asyncio.timeout(SECONDS):
            while len(await store.find(Read(APPLIED, {}))) < 30:
                await asyncio.sleep(0.05)
        applied = sorted(await store.find(Read(APPLIED, {})), key=lambda line: line["number"])
        assert [line["name"] for line in applied] == [f"kept-{round}-{i}" for round in (1, 3, 5) for i in range(10)]
        records = await log.read(PREDICTIONS, 0, 0)
        assert [record.key.decode() for record in records] == [line["name"] for line in applied]
        assert (await store.read_progress(GROUP, 0)).offsets[PREDICTIONS] == records[-1].offset + 1
        end = (await log.end_offsets(PREDICTIONS))[0]
        assert await log.read(PREDICTIONS, 0, records[-1].offset + 1) == []
        assert end > records[-1].offset


@pytest.mark.parametrize("codec", CODECS)
async def test_whatever_a_producer_may_write_holds_nothing_up(
    codec: str, kafka_bootstrap: str, kafka_prefix: str, store: ReadModel
) -> None:
    good = message(PREDICTIONS, "good").value
    written = [
        Written(b"first", good),
        Written(b"latin", good, headers=[(Latin("caf\u00e9"), b"1"), ("caf\u00e9", None)]),
        Written(None, good),
        Written(b"tombstone", None),
        Written(None, None),
        Written(b"", b""),
        Written(b"\xff", good),
        Written(b"broken", b"\xff", headers=[(Latin("\u00e9"), b"2")]),
        Written(b"timeless", good, time_unix_ms=NO_TIME),
        Written(b"timeless", b"\xff", time_unix_ms=NO_TIME),
    ]
    async with kafka_log(kafka_bootstrap, kafka_prefix) as log, running(log, store):
        for batch in (written, [Written(b"last", good)]):
            await write(kafka_bootstrap, kafka_prefix + PREDICTIONS, batch, CODECS[codec])
        async with asyncio.timeout(SECONDS):
            while (await store.read_progress(GROUP, 0)).offsets.get(PREDICTIONS, 0) < len(written) + 1:
                await asyncio.sleep(0.05)
        applied = [int(line["_id"].rpartition("/")[2]) for line in await store.find(Read(APPLIED, {}))]
        assert sorted(applied) == [0, 1, 2, 8, 10]
        records = await log.read(PREDICTIONS, 0, 0)
        assert [record.offset for record in records] == list(range(11))
        assert records[1].headers == (("caf?", b"1"), ("caf\u00e9", b""))
        assert [record.time_unix_ms for record in records] == [1] * 8 + [0, 0, 1]
        dead = await log.read(DEAD_LETTERS, 0, 0)
        assert [dict(letter.headers)["sightline-offset"] for letter in dead] == [b"3", b"4", b"5", b"6", b"7", b"9"]
        assert dead[4].headers[0] == ("?", b"2")


class Latin(str):
    """Text that a program writes in the encoding of its own."""

    @override
    def encode(self, encoding: str = "latin-1", errors: str = "strict") -> bytes:
        return super().encode("latin-1", errors)


@dataclass(frozen=True)
class Written:
    """A record as Kafka's protocol allows it."""

    key: bytes | None
    value: bytes | None
    time_unix_ms: int = 1
    headers: Sequence[tuple[str, bytes | None]] = ()


async def write(bootstrap: str, topic: str, records: Sequence[Written], codec: int) -> None:
    """One batch onto partition 0."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=False) as producer:
        batch = producer.create_batch()
        inside = _DefaultRecordBatchBuilderPy(
            magic=2,
            compression_type=codec,
            is_transactional=0,
            producer_id=-1,
            producer_epoch=-1,
            base_sequence=-1,
            batch_size=1 << 20,
        )
        for number, record in enumerate(records):
            inside.append(number, record.time_unix_ms, record.key, record.value, list(record.headers))
        batch._builder = inside  # pyright: ignore[reportPrivateUsage]
        batch._relative_offset = len(records)  # pyright: ignore[reportPrivateUsage]
        await (await producer.send_batch(batch, topic, partition=0))
