"""The log on Apache Kafka: all that is done by its client, which this module alone imports.

Appending and reading are here. `topics.py` says what topics must be like, `consumer.py` what a member of a group does;
both have it done here.
"""

# The client has few types of its own.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false, reportUnknownParameterType=false, reportMissingParameterType=false

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    OffsetAndMetadata,
    TopicPartition,
)
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.consumer import fetcher
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import (
    IllegalSaslStateError,
    InvalidReplicationFactorError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    SaslAuthenticationFailed,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
    for_code,
)
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from typing_extensions import override

from services.common.eventlog.kafka.buffer import Place
from services.common.eventlog.kafka.cluster import KafkaCluster
from services.common.eventlog.kafka.consumer import KafkaConsumer, PlacesCallback
from services.common.eventlog.kafka.headers import mend_names
from services.common.eventlog.kafka.looking import Group, KafkaLook
from services.common.eventlog.kafka.topics import (
    IDENTITY,
    SLACK_BYTES,
    FoundTopic,
    differences,
    topics_gone,
    wanted_configs,
)
from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.port import (
    Consumer,
    EventLog,
    LogError,
    Message,
    MessageTooLarge,
    Position,
    Record,
    TopicMismatch,
)
from services.common.eventlog.seldom import Seldom
from services.common.eventlog.topics import Topic, topics

logger = logging.getLogger(__name__)

OPEN_SECONDS = 10.0
APPEND_SECONDS = 12.0
"""After so long without an answer, whoever appends hears that it is not known whether his messages are on the log."""
REQUEST_MS = 10_000
MEMBER_REQUEST_MS = 30_000
"""Longer than others may take to drain: so long does Kafka keep a member waiting that joins."""
REBALANCE_MS = 60_000
LOOK_SECONDS = 3.0
LEAVE_SECONDS = 2.0
HEARTBEAT_SECONDS = 0.5
"""A member hears of a rebalance by its next heartbeat."""

SURE_SECONDS = 2.0
"""Topics are gone when they still are after so long: a broker that has just started may not know all yet."""

BATCH_BYTES = 256 << 10
FETCH_BYTES = 8 << 20
FETCH_PARTITION_BYTES = 1 << 20
FETCH_WAIT_MS = 100
"""How long a fetch waits for a first record. A partition that is resumed or sought meanwhile waits with it."""


class KafkaLog(EventLog):
    """The log on Apache Kafka."""

    def __init__(self, cluster: KafkaCluster, *, session_timeout: float = 15.0) -> None:
        """`session_timeout`: seconds after which a member that says nothing loses its partitions."""
        self.cluster = cluster
        self.session_timeout = session_timeout
        self._log_id = ""
        self._admin: AIOKafkaAdminClient | None = None
        self._appender: _Appender | None = None
        self._reader: AIOKafkaConsumer | None = None
        self._reading = asyncio.Lock()

    # ---- opening

    @override
    async def open(self, topics: Sequence[Topic], *, create: bool = True) -> None:
        _keep_quiet()
        try:
            async with self._speaking("open the log", OPEN_SECONDS):
                await self._open(topics, create)
        except BaseException:
            await self.close()
            raise

    async def _open(self, topics: Sequence[Topic], create: bool) -> None:
        options = client_options(self.cluster)
        self._admin = AIOKafkaAdminClient(**options, request_timeout_ms=REQUEST_MS)
        await self._admin.start()
        wanted = [*topics, IDENTITY]
        if create:
            await self._make_topics(self._admin, wanted)
        names = [self._real(topic.name) for topic in wanted]
        found = await describe_topics(self._admin, names)
        while create and len(found) < len(names):  # each answer is another broker's, and new topics reach them in turn
            await asyncio.sleep(0.05)
            found = await describe_topics(self._admin, names)
        if lines := differences(wanted, found, self.cluster):
            raise TopicMismatch(
                f"The topics at {self.cluster.bootstrap_servers} can't be used. " + ". ".join(lines) + "."
            )
        self.topics = MappingProxyType({topic.name: topic for topic in topics})
        self._appender = _Appender(options, {self._real(topic.name): topic for topic in wanted})
        self._reader = AIOKafkaConsumer(**options, **_READING, request_timeout_ms=REQUEST_MS)
        await self._reader.start()
        places = [TopicPartition(self._real(topic.name), n) for topic in wanted for n in range(topic.partitions)]
        self._reader.assign(places)
        _hold(self._reader, places)
        self._log_id = await self._identify(create)

    async def _make_topics(self, admin: AIOKafkaAdminClient, wanted: Sequence[Topic]) -> None:
        there = await _list(admin)
        missing = [topic for topic in wanted if self._real(topic.name) not in there]
        if not missing:
            return
        response: Any = await admin.create_topics(
            [
                NewTopic(
                    self._real(topic.name),
                    topic.partitions,
                    self.cluster.replication_factor,
                    topic_configs=wanted_configs(topic, self.cluster),
                )
                for topic in missing
            ],
            timeout_ms=REQUEST_MS,
        )
        for name, code, reason in response.topic_errors:
            error = for_code(code)
            if error is InvalidReplicationFactorError:
                raise LogError(
                    f"Kafka at {self.cluster.bootstrap_servers} can't keep {self.cluster.replication_factor} copies of "
                    f"topic {name}: {reason} Start more brokers, or set SIGHTLINE_KAFKA_REPLICATION_FACTOR and "
                    "SIGHTLINE_KAFKA_MIN_INSYNC_REPLICAS lower."
                )
            if code and error is not TopicAlreadyExistsError:
                raise LogError(f"Kafka at {self.cluster.bootstrap_servers} refuses to make topic {name}: {reason}")
        while not _have_leaders(await _list(admin), [self._real(topic.name) for topic in missing]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def _identify(self, create: bool) -> str:
        place = TopicPartition(self._real(IDENTITY.name), 0)
        assert self._reader is not None
        assert self._appender is not None
        if not (await self._reader.end_offsets([place]))[place]:
            if not create:
                raise LogError(f"The log at {self.cluster.bootstrap_servers} has no id yet: start `ingest` once.")
            message = Message(IDENTITY.name, b"", uuid.uuid4().hex.encode())
            await self._appender.append([(place, message)])  # of several who do this at once, the first wins
        (record,) = await self._read(place, IDENTITY.name, 0, 1, 1)
        return record.value.decode()

    @override
    async def verify(self) -> None:
        if gone := await self._gone():
            await asyncio.sleep(SURE_SECONDS)
            gone &= await self._gone()
        if gone:
            raise TopicMismatch(topics_gone(sorted(gone), self.cluster.bootstrap_servers))

    async def _gone(self) -> set[str]:
        """Topics that a broker doesn't know, though it answers."""
        if self._admin is None:
            raise self._not_open()
        names = [self._real(name) for name in (*self.topics, IDENTITY.name)]
        async with self._speaking("tell its topics"):
            # By name: a cluster may have thousands. And so that asking doesn't make them.
            answer: Any = await self._admin._send_request(MetadataRequest(names, allow_auto_topic_creation=False))
        return {name for code, name, *_ in answer.topics if for_code(code) is UnknownTopicOrPartitionError}

    @property
    @override
    def log_id(self) -> str:
        return self._log_id

    @override
    async def close(self) -> None:
        if self._appender is not None:
            await self._appender.close()
        if self._reader is not None:
            await self._reader.stop()
        if self._admin is not None:
            await self._admin.close()
        self._appender = self._reader = self._admin = None

    # ---- appending

    @override
    def check(self, messages: Sequence[Message]) -> None:
        super().check(messages)
        for message in messages:  # Kafka's own limit counts headers too
            size = len(message.key) + len(message.value)
            headers = sum(len(name.encode()) + len(value) + 10 for name, value in message.headers)
            limit = self.topics[message.topic].max_message_bytes + SLACK_BYTES - 1024
            if size + headers > limit:
                raise MessageTooLarge(
                    f"A message of {size} bytes with headers of {headers} bytes is over the limit of {limit} bytes "
                    f"of topic {message.topic}: send fewer headers."
                )

    @override
    async def append(self, messages: Sequence[Message]) -> Sequence[Position]:
        self.check(messages)
        if not messages:
            return ()
        if self._appender is None:
            raise self._not_open()
        numbers = [
            message.partition
            if message.partition is not None
            else partition_of(message.key, self.topics[message.topic].partitions)
            for message in messages
        ]
        async with self._speaking("append", APPEND_SECONDS + 1):
            offsets = await self._appender.append(
                [
                    (TopicPartition(self._real(message.topic), number), message)
                    for message, number in zip(messages, numbers, strict=True)
                ]
            )
        return [
            Position(message.topic, number, offset)
            for message, number, offset in zip(messages, numbers, offsets, strict=True)
        ]

    # ---- reading

    @override
    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        places = self._places(topic)
        async with self._speaking(f"tell where topic {topic} begins"):
            return {
                place.partition: offset
                for place, offset in (await self._open_reader().beginning_offsets(places)).items()
            }

    @override
    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        places = self._places(topic)
        async with self._speaking(f"tell where topic {topic} ends"):
            return {
                place.partition: offset for place, offset in (await self._open_reader().end_offsets(places)).items()
            }

    @override
    async def committed(self, group: str) -> Mapping[Place, int]:
        if self._admin is None:
            raise self._not_open()
        places = {place: topic for topic in self.topics for place in self._places(topic)}
        async with self._speaking(f"tell the offsets of group {group}"):
            while True:
                try:
                    found = await self._admin.list_consumer_group_offsets(self._real(group), partitions=list(places))
                    if len(found) == len(places):  # or its coordinator is just starting
                        break
                except KafkaError as error:
                    if not error.retriable:
                        raise
                await asyncio.sleep(0.1)
        return {(places[place], place.partition): meta.offset for place, meta in found.items() if meta.offset >= 0}

    @override
    async def read(
        self, topic: str, partition: int, start: int, *, max_records: int = 1000, max_bytes: int = 8 << 20
    ) -> Sequence[Record]:
        place = next((place for place in self._places(topic) if place.partition == partition), None)
        if place is None:
            raise LogError(f"There is no partition {partition} of topic {topic!r}.")
        async with self._speaking(f"read {topic}/{partition} from {start}"):
            return await self._read(place, topic, start, max_records, max_bytes)

    async def _read(
        self, place: TopicPartition, topic: str, start: int, max_records: int, max_bytes: int
    ) -> list[Record]:
        async with self._reading:
            reader = self._open_reader()
            end = (await reader.end_offsets([place]))[place]
            found: Mapping[TopicPartition, Sequence[Any]] = {}
            reader.seek(place, start)
            reader.resume(place)
            try:
                # Nothing yet may be a broker that is slow; what ends a transaction has an offset, and is no record.
                while not found and await reader.position(place) < end:
                    found = await reader.getmany(place, timeout_ms=FETCH_WAIT_MS, max_records=max_records)
            finally:
                _hold(reader, [place])  # what is fetched ahead, or left, would keep others waiting
        records: list[Record] = []
        for record in found.get(place, ()):
            max_bytes -= len(record.key or b"") + len(record.value or b"")
            if records and max_bytes < 0:
                break
            records.append(_record(record, topic))
        return records

    @override
    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        for topic in topics:
            self._places(topic)
        counts = {self.topics[topic].partitions for topic in topics}
        if len(counts) != 1:
            raise LogError(f"Topics of one group need one partition count: {', '.join(topics)} have {sorted(counts)}.")
        client = _GroupClient(
            client_options(self.cluster),
            self._real(group),
            {self._real(topic): topic for topic in topics},
            self.session_timeout,
        )
        return KafkaConsumer(client, group, topics)

    # ---- small things

    def _real(self, name: str) -> str:
        return self.cluster.topic_prefix + name

    def _places(self, topic: str) -> list[TopicPartition]:
        if topic not in self.topics:
            raise LogError(f"There is no topic {topic!r}.")
        return [TopicPartition(self._real(topic), number) for number in range(self.topics[topic].partitions)]

    def _open_reader(self) -> AIOKafkaConsumer:
        if self._reader is None:
            raise self._not_open()
        return self._reader

    def _not_open(self) -> LogError:
        return LogError(f"The log at {self.cluster.bootstrap_servers} is not open.")

    @asynccontextmanager
    async def _speaking(self, act: str, seconds: float = REQUEST_MS / 1000) -> AsyncGenerator[None]:
        """Kafka's failures as the port's, and none of them endless."""
        servers = self.cluster.bootstrap_servers
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise LogError(
                f"Kafka at {servers} did not {act} within {seconds:g} s: look whether its brokers run "
                "and all partitions have a leader."
            ) from error
        except KafkaConnectionError as error:
            raise LogError(f"Kafka at {servers} did not {act}: {await _look_why(self.cluster)}.") from error
        except KafkaError as error:
            raise LogError(f"Kafka at {servers} did not {act}: {_said(error)}.") from error


_READING: Mapping[str, Any] = MappingProxyType(
    {
        "enable_auto_commit": False,
        "auto_offset_reset": "none",  # an offset that isn't there is an error: never begin silently elsewhere
        "isolation_level": "read_committed",  # of producers outside that use transactions
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        "fetch_max_bytes": FETCH_BYTES,
        "max_partition_fetch_bytes": FETCH_PARTITION_BYTES,
    }
)


def client_options(cluster: KafkaCluster) -> dict[str, Any]:
    """How every client connects."""
    options: dict[str, Any] = {
        "bootstrap_servers": cluster.bootstrap_servers,
        "client_id": "sightline",
        "security_protocol": cluster.security_protocol,
        "ssl_context": cluster.ssl_context(),
    }
    if cluster.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": cluster.sasl_mechanism or "SCRAM-SHA-512",
            "sasl_plain_username": cluster.sasl_username,
            "sasl_plain_password": cluster.password(),
        }
    return options


async def _look_why(cluster: KafkaCluster) -> str:
    """What keeps us from connecting, and what to look at: the client only logs it."""
    options = client_options(cluster)
    host, port, _ = collect_hosts(options.pop("bootstrap_servers"))[0]
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            connection = await create_conn(host, port, **options, request_timeout_ms=int(LOOK_SECONDS * 1000))
            try:
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
    except (SaslAuthenticationFailed, UnsupportedSaslMechanismError) as error:
        return (
            f"{_said(error)}: look at SIGHTLINE_KAFKA_SASL_MECHANISM, SIGHTLINE_KAFKA_SASL_USERNAME "
            "and SIGHTLINE_KAFKA_SASL_PASSWORD_FILE"
        )
    except IllegalSaslStateError:
        return "it asks nobody for a password at this port: look at SIGHTLINE_KAFKA_SECURITY_PROTOCOL"
    except (KafkaError, OSError) as error:
        return cluster.why_not(error)
    return "no broker answered, and now one does"


def _keep_quiet() -> None:
    """The client repeats itself ten times a second while a broker is away."""
    for name in ("", ".cluster", ".conn", ".consumer.fetcher", ".consumer.group_coordinator", ".producer.sender"):
        its_logger = logging.getLogger("aiokafka" + name)
        its_logger.setLevel(logging.WARNING)
        its_logger.addFilter(_SELDOM)


_SELDOM = Seldom(10.0)


def _record(record: ConsumerRecord[Any, Any], topic: str) -> Record:
    return Record(
        topic,
        record.partition,
        record.offset,
        record.key or b"",
        record.value or b"",
        tuple((name, value or b"") for name, value in record.headers),
        max(record.timestamp, 0),  # -1 is none, and the client could not write it again
    )


def _said(error: KafkaError) -> str:
    return str(error) or type(error).__name__


def _hold(consumer: AIOKafkaConsumer, places: Iterable[TopicPartition]) -> None:
    """Fetch nothing of these, and ask nobody where to begin, until told."""
    for place in places:
        consumer.pause(place)
        consumer.seek(place, 0)


# ---- records whose headers have names that aren't UTF-8: the client would never get past them


class _Fetched(fetcher.MemoryRecords):
    """Batches of a fetch, and their bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)  # pyright: ignore[reportAbstractUsage]
        self.data = data


class _MendedBatches(_MemoryRecordsPy):  # pyright: ignore[reportGeneralTypeIssues]
    """The same batches once more, with names mended."""

    @override
    def next_batch(self, _min_slice: int = 0, _magic_offset: int = 0) -> Any:
        batch = self._next_slice
        if batch is not None:
            self._cache_next()
            return _MendedBatch(batch)
        return None


class _MendedBatch(_DefaultRecordBatchPy):  # pyright: ignore[reportGeneralTypeIssues]
    @override
    def _maybe_uncompress(self) -> None:
        if not self._decompressed:
            super()._maybe_uncompress()
            mend_names(self._buffer, self._pos, self._num_records)


class _PartitionRecords(fetcher.PartitionRecords):
    @override
    def _unpack_records(self) -> Generator[Any]:
        fetched: Any = self._records
        aborted = list(self._aborted_transactions)
        try:
            yield from super()._unpack_records()
        except UnicodeDecodeError:  # from where it stands, since offsets before that are left out
            self._records = _MendedBatches(fetched.data)
            self._aborted_transactions = aborted
            self._aborted_producers.clear()
            yield from super()._unpack_records()


fetcher.MemoryRecords, fetcher.PartitionRecords = _Fetched, _PartitionRecords  # pyright: ignore[reportPrivateImportUsage]


# ---- topics


async def _list(admin: AIOKafkaAdminClient) -> dict[str, Any]:
    """All topics of the cluster: to ask for one by name may make it."""
    return {topic["topic"]: topic for topic in await admin.describe_topics()}


def _have_leaders(there: Mapping[str, Any], names: Iterable[str]) -> bool:
    return all(
        name in there and all(partition["leader"] >= 0 for partition in there[name]["partitions"]) for name in names
    )


async def describe_topics(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, FoundTopic]:
    """Those of the names that are there."""
    there = await _list(admin)
    names = [name for name in names if name in there]
    configs: dict[str, dict[str, str]] = {}
    responses: list[Any] = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    )
    for response in responses:
        for code, reason, _, name, entries in response.resources:
            if for_code(code) is UnknownTopicOrPartitionError:
                continue
            if code:
                raise for_code(code)(reason)
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return {
        name: FoundTopic(
            len(there[name]["partitions"]),
            min((len(partition["replicas"]) for partition in there[name]["partitions"]), default=0),
            configs[name],
        )
        for name in names
        if name in configs
    }


# ---- looking from outside


async def look(cluster: KafkaCluster) -> KafkaLook:
    """Look at the topics that a log may have there, and at the groups that read them."""
    names = [cluster.topic_prefix + topic.name for topic in (*topics(), IDENTITY)]
    async with _admin(cluster) as admin:
        brokers = len((await admin.describe_cluster())["brokers"])
        found = await describe_topics(admin, names)
        listed = [name for name, *_ in await admin.list_consumer_groups() if name.startswith(cluster.topic_prefix)]
        groups = [await _group(admin, name, names, len(cluster.topic_prefix)) for name in sorted(listed)]
        return KafkaLook(brokers, found, tuple(group for group in groups if group is not None))


@asynccontextmanager
async def _admin(cluster: KafkaCluster) -> AsyncGenerator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(cluster), request_timeout_ms=REQUEST_MS)
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await admin.start()
        yield admin
    except KafkaConnectionError as error:
        said = await _look_why(cluster)
        raise LogError(f"Kafka at {cluster.bootstrap_servers} can't be asked: {said}.") from error
    except (KafkaError, OSError, TimeoutError) as error:
        said = str(error) or type(error).__name__
        raise LogError(f"Kafka at {cluster.bootstrap_servers} can't be asked: {said}.") from error
    finally:
        await admin.close()


async def _group(admin: AIOKafkaAdminClient, name: str, ours: Collection[str], prefix: int) -> Group | None:
    """A group with the members that read our topics. None: its members read others."""
    (answer,) = await admin.describe_consumer_groups([name])
    ((_code, _name, _state, _kind, _protocol, members),) = answer.groups  # pyright: ignore[reportAttributeAccessIssue]
    hosts = [
        host.removeprefix("/")
        for _member, _client, host, metadata, _assignment in members
        if set(ConsumerProtocolMemberMetadata.decode(metadata).subscription) & set(ours)
    ]
    return Group(name[prefix:], tuple(hosts)) if hosts or not members else None


# ---- appending


class _Appender:
    """A producer, made anew when it fails: what is left in one that failed must never reach the log later."""

    def __init__(self, options: Mapping[str, Any], topics: Mapping[str, Topic]) -> None:
        """`topics` by real name."""
        self._options = options
        self._topics = tuple(topics)
        self._batch_bytes = min(BATCH_BYTES, *(topic.max_message_bytes for topic in topics.values()))
        self._largest = max(topic.max_message_bytes for topic in topics.values()) + SLACK_BYTES
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    async def append(self, messages: Sequence[tuple[TopicPartition, Message]]) -> list[int]:
        """Offsets of messages, when all are on the log."""
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(APPEND_SECONDS):
                producer = await self._get()
                sent: list[asyncio.Future[Any]] = []
                for place, message in messages:
                    future = await producer.send(
                        place.topic,
                        key=message.key,
                        value=message.value,
                        partition=place.partition,
                        timestamp_ms=message.time_unix_ms,
                        headers=list(message.headers),
                    )
                    future.add_done_callback(_hear)
                    sent.append(future)
                offsets = [(await future).offset for future in sent]
        except (TimeoutError, KafkaError) as error:
            await self._give_up(producer)
            if isinstance(error, MessageSizeTooLargeError):
                raise LogError(f"Kafka refuses a message as too large ({error}): raise max.message.bytes.") from error
            reason = _said(error) if isinstance(error, KafkaError) else f"no answer within {APPEND_SECONDS:g} s"
            raise LogError(
                f"It is not known whether {len(messages)} messages reached the log: {reason}. "
                "Look whether Kafka's brokers run and enough replicas are in sync."
            ) from error
        if min(offsets) < 0:
            raise LogError("Kafka has the messages from an earlier try, and doesn't say where.")
        return offsets

    async def close(self) -> None:
        """Let go of the producer. Appends have ended before."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _end(producer)
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _get(self) -> AIOKafkaProducer:
        async with self._making:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._options,
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=self._batch_bytes,
                    max_request_size=self._largest,
                    request_timeout_ms=REQUEST_MS,
                )
                try:
                    await producer.start()
                    await producer.client.set_topics(self._topics)
                except BaseException:
                    self._end_later(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        if producer is None or self._producer is not producer:
            return
        self._producer = None
        _silence(producer)
        self._end_later(producer)

    def _end_later(self, producer: AIOKafkaProducer) -> None:
        task = asyncio.create_task(_end(producer))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _hear(future: asyncio.Future[Any]) -> None:
    """Nobody may wait for it any more; then its error is nobody's."""
    if future.done() and not future.cancelled():
        future.exception()


def _silence(producer: AIOKafkaProducer) -> None:
    """Send nothing more: fail what waits, and cut the connections."""
    accumulator = producer._message_accumulator
    batches = [*accumulator._pending_batches, *(batch for queue in accumulator._batches.values() for batch in queue)]
    accumulator._pending_batches.update(batches)  # or one that waits for its next try isn't there when it is struck off
    accumulator.fail_all(KafkaError("another message of this process failed"))
    for batch in batches:
        _hear(batch.future)
        _hear(batch._drain_waiter)
    if (task := producer._sender.sender_task) is not None:
        task.cancel()
    for connection in producer.client._conns.values():
        connection.close()


async def _end(producer: AIOKafkaProducer) -> None:
    stopping = asyncio.create_task(producer.stop())
    await asyncio.wait([stopping], timeout=LEAVE_SECONDS)
    if not stopping.done():
        _silence(producer)
        await asyncio.wait([stopping], timeout=LEAVE_SECONDS)
        stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await producer.client.close()  # a sender that was cut off keeps `stop` from coming so far


# ---- groups


class _Listener(ConsumerRebalanceListener):
    def __init__(self, client: _GroupClient, assigned: PlacesCallback, revoked: PlacesCallback) -> None:
        self._client = client
        self._assigned = assigned
        self._revoked = revoked

    @override
    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._client.hold(assigned)
        await self._assigned(self._client.places(assigned))

    @override
    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        await self._revoked(self._client.places(revoked))


class _GroupClient:
    """A member of a group, as `KafkaConsumer` wants it."""

    def __init__(
        self,
        options: Mapping[str, Any],
        group: str,
        topics: Mapping[str, str],
        session_timeout: float,
    ) -> None:
        """`topics`: their names by real names."""
        self._options = options
        self._group = group
        self._names = topics
        self._real = {name: real for real, name in topics.items()}
        self._session_timeout = session_timeout
        self._servers = options["bootstrap_servers"]
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self, *, assigned: PlacesCallback, revoked: PlacesCallback) -> None:
        self._consumer = consumer = AIOKafkaConsumer(
            **self._options,
            **_READING,
            group_id=self._group,
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=int(self._session_timeout * 1000),
            heartbeat_interval_ms=int(min(HEARTBEAT_SECONDS, self._session_timeout / 3) * 1000),
            rebalance_timeout_ms=REBALANCE_MS,
            request_timeout_ms=MEMBER_REQUEST_MS,
        )
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await consumer.start()
        except (KafkaError, TimeoutError) as error:
            await consumer.stop()
            self._consumer = None
            raise LogError(f"Kafka at {self._servers} can't be reached: {error}.") from error
        consumer.subscribe(list(self._names), listener=_Listener(self, assigned, revoked))

    async def fetch(self) -> Mapping[Place, Sequence[Record]]:
        consumer = self._started()
        inside: Any = consumer
        if inside._fetcher.error_future.done() or inside._coordinator._coordination_task.done():
            raise RuntimeError(f"Kafka's client of group {self._group} has ended; its log says why.")
        try:
            found = await consumer.getmany(timeout_ms=1000)
        except OffsetOutOfRangeError as error:
            where = ", ".join(f"{place.topic}/{place.partition} at {offset}" for place, offset in error.args[0].items())
            raise LogError(
                f"Kafka at {self._servers} has nothing where group {self._group} has to go on ({where}): "
                "the topic was cut off or made anew."
            ) from error
        except (KafkaError, ValueError) as error:  # the latter of bytes that are no record
            raise LogError(f"Kafka at {self._servers} fails group {self._group}: {error!r}.") from error
        return {
            (self._names[place.topic], place.partition): [
                _record(record, self._names[place.topic]) for record in records
            ]
            for place, records in found.items()
        }

    def hold(self, places: Iterable[TopicPartition]) -> None:
        """Keep the client from beginning by itself where the group has last committed."""
        _hold(self._started(), places)

    def seek(self, place: Place, offset: int) -> None:
        self._started().seek(self._place(place), offset)

    def pause(self, place: Place) -> None:
        self._started().pause(self._place(place))

    def resume(self, place: Place) -> None:
        self._started().resume(self._place(place))

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        try:
            await self._started().commit(
                {self._place(place): OffsetAndMetadata(offset, "") for place, offset in offsets.items()}
            )
        except KafkaError as error:
            raise LogError(_said(error)) from error

    async def stop(self) -> None:
        if self._consumer is None:
            return
        consumer, self._consumer = self._consumer, None
        stopping = asyncio.create_task(consumer.stop())
        await asyncio.wait([stopping], timeout=LEAVE_SECONDS)
        if not stopping.done():
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)
            await _leave(consumer, self._group)

    def places(self, places: Iterable[TopicPartition]) -> frozenset[Place]:
        """Places by the topics' own names."""
        return frozenset((self._names[place.topic], place.partition) for place in places)

    def _place(self, place: Place) -> TopicPartition:
        return TopicPartition(self._real[place[0]], place[1])

    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise LogError(f"This member of {self._group} has left.")
        return self._consumer


async def _leave(consumer: AIOKafkaConsumer, group: str) -> None:
    """Leave while others are waited for: the connection by which one joins is deaf until they have joined too."""
    inside: Any = consumer
    try:
        async with asyncio.timeout(LEAVE_SECONDS):
            request = LeaveGroupRequest(group, inside._coordinator.member_id)
            await inside._client.send(inside._coordinator.coordinator_id, request)
    except (KafkaError, TimeoutError) as error:
        logger.warning("%s: could not leave the group (%s); the session will run out", group, error)
    finally:
        await inside._fetcher.close()
        await inside._client.close()
