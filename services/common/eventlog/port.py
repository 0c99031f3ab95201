"""The log, as services see it.

A log has topics, a topic has partitions, a partition has records with offsets 0, 1, 2 ... A record that `append` has
answered for survives kill -9. Consumers of one group share partitions: *partition p of every topic of the group* goes
to one member, so a member owns whole row partitions. Where to read on is not the log's business: a consumer is told by
`seek`, and offsets committed here serve lag displays alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from services.common.eventlog.topics import Topic


@dataclass(frozen=True, slots=True)
class Message:
    """Something to append. `partition` None: by murmur2 of the key, as Kafka's Java clients place it."""

    topic: str
    key: bytes
    value: bytes
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    time_unix_ms: int | None = None
    """None: the moment of appending."""


@dataclass(frozen=True, slots=True)
class Record:
    """Something on the log."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    time_unix_ms: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where a message was put."""

    topic: str
    partition: int
    offset: int


PartitionCallback = Callable[[frozenset[int]], Awaitable[None]]


class LogError(Exception):
    """The log can't be used as asked; the message says what to do."""


class MessageTooLarge(LogError):
    """A message is over its topic's limit. Nothing of the call was appended."""


class TopicMismatch(LogError):
    """The log's topics are not those of `topics.py`."""


class Consumer(ABC):
    """A member of a group. `poll` is awaited by one task.

    `seek`, `pause` and `resume` may be called at any moment, also while `poll` waits: they hold for all that `poll`
    returns from then on, and what was fetched before and doesn't fit is fetched again.
    """

    @abstractmethod
    async def start(self, *, assigned: PartitionCallback, revoked: PartitionCallback) -> None:
        """Join the group.

        `assigned` and `revoked` are awaited with partition numbers, also with none: `revoked` before another member may
        get them (a member that was expelled hears of it afterwards), `assigned` when they are this member's. Nothing
        is paused then, and records of a topic are handed out once `seek` has said where to begin.
        """

    @abstractmethod
    async def poll(self, *, max_records: int, max_bytes: int, timeout: float) -> Sequence[Record]:
        """Records of assigned partitions that are not paused, in order per topic and partition; none after `timeout` s.

        At least one where there is one, however large.
        """

    @abstractmethod
    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Hand out this offset next."""

    @abstractmethod
    def pause(self, partition: int) -> None:
        """Hand out nothing of this partition until `resume`."""

    @abstractmethod
    def resume(self, partition: int) -> None:
        """Hand out records of this partition again."""

    @abstractmethod
    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Tell the log how far the group is: the *next* offset per (topic, partition). For lag displays.

        May be written a moment later, at the latest by `close`.
        """

    @abstractmethod
    async def close(self) -> None:
        """Leave the group. Partitions still owned are not announced by `revoked`: whoever closes has drained."""


class EventLog(ABC):
    """A log. One per process; safe to use from many tasks of one event loop."""

    topics: Mapping[str, Topic] = MappingProxyType({})
    """The topics that it was opened with, by name."""

    def check(self, messages: Sequence[Message]) -> None:
        """Refuse what can't be appended: `MessageTooLarge`, or `LogError` for a topic or partition that isn't there."""
        for message in messages:
            topic = self.topics.get(message.topic)
            if topic is None:
                raise LogError(f"There is no topic {message.topic!r}.")
            if message.partition is not None and not 0 <= message.partition < topic.partitions:
                raise LogError(f"Topic {topic.name} has {topic.partitions} partitions, and no {message.partition}.")
            size = len(message.key) + len(message.value)
            if size > topic.max_message_bytes:
                raise MessageTooLarge(
                    f"A message of {size} bytes is over the limit of {topic.max_message_bytes} bytes "
                    f"of topic {topic.name}: send it in smaller parts."
                )

    @abstractmethod
    async def open(self, topics: Sequence[Topic], *, create: bool = True) -> None:
        """Connect; create topics that are missing; refuse topics that differ (`TopicMismatch`)."""

    @property
    @abstractmethod
    def log_id(self) -> str:
        """The id that the log got when its topics were made."""

    async def verify(self) -> None:  # noqa: B027 - most logs can't lose topics
        """Raise `TopicMismatch` where a topic that it was opened with is gone: no waiting brings it back."""

    @abstractmethod
    async def append(self, messages: Sequence[Message]) -> Sequence[Position]:
        """Append in order, durably; concurrent calls may interleave. All or nothing on `MessageTooLarge`."""

    @abstractmethod
    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        """First offset still there, per partition."""

    @abstractmethod
    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Next offset to be written, per partition."""

    @abstractmethod
    async def committed(self, group: str) -> Mapping[tuple[str, int], int]:
        """What members of a group have last committed."""

    @abstractmethod
    async def read(
        self, topic: str, partition: int, start: int, *, max_records: int = 1000, max_bytes: int = 8 << 20
    ) -> Sequence[Record]:
        """Records from `start` on, without a group; empty at the end."""

    @abstractmethod
    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """A new member of a group. All topics have one partition count."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of the log. Consumers are closed before."""
