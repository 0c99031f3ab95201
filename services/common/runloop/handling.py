"""What a service says to the run loop: pure data in, pure data out.

A handler maps (state, events) to (writes, events). The loop does the rest: it reads what the handler asks for, commits
writes, progress and outbox in one transaction, publishes the outbox, and replaces what fails.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from services.common.documents import Read, State, Write
from services.common.eventlog.port import Record
from services.common.eventlog.topics import SCHEMA_VERSION
from sightline.wire.events.v1.event_pb2 import Event

T = TypeVar("T")

PassedOver = Literal["deleted", "failed_import", "repeat"]
"""Why an event changes nothing though nothing is wrong with it: what it is about was deleted, its import had failed, or
it is a repeat of a derived event."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event and where it lies on the log."""

    topic: str
    partition: int
    offset: int
    key: str
    event: Event
    record: Record | None = None
    """As it came, where its topic is opaque: then `event` says nothing."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event to publish through the outbox. `partition` None: by key."""

    topic: str
    key: str
    event: Event
    partition: int | None = None


def derived_event(cause: Delivery, event_id: str, producer: str) -> Event:
    """An event that another gives rise to, without its payload; a repeat has to have the same id."""
    return Event(
        event_id=event_id,
        project_id=cause.event.project_id,
        time_unix_ms=cause.event.time_unix_ms,
        producer=producer,
        schema_version=SCHEMA_VERSION,
        traceparent=cause.event.traceparent,
    )


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that can never become valid, and why. It goes to the dead letters, not marked as a bug."""

    delivery: Delivery
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch amounts to. Writes are applied in this order, so a later one on the same document wins.

    `memory` is what the process may remember of the partition: it is handed to the next batch as long as every
    progress write of the partition was this process' own, and read anew otherwise.
    """

    writes: Sequence[Write] = ()
    events: Sequence[Outgoing] = ()
    refused: Sequence[Refused] = ()
    memory: Any = None
    more: bool = False
    """Whether this is a piece of what a single event amounts to: once it is stored, the event is applied again."""
    moved: int = 0
    """How many of `events` are deliveries that lay in a wrong partition, and go to the right one."""
    passed_over: Mapping[PassedOver, int] = field(default_factory=dict[PassedOver, int])
    """How many deliveries changed nothing, by the reason."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries of one partition: of each topic in its order, topics in the order in which the service names them."""

    partition: int
    deliveries: Sequence[Delivery]
    offsets: Mapping[str, int] = field(default_factory=dict[str, int])
    """Next offset of each topic after this batch."""
    rev: int = 0
    """The revision of the partition's progress once this batch is applied."""


class Poison(Exception):
    """What is wrong is in the events of a batch: it is halved until the guilty one stands alone."""


def blame_events(pure: Callable[[], T]) -> T:
    """Call something pure: an exception there is about the events. For handlers, and for loaders' pure parts."""
    try:
        return pure()
    except MemoryError:
        raise
    except Exception as error:
        raise Poison(str(error)) from error


class Handler(ABC):
    """The pure heart of a service. No clock, no randomness, no I/O."""

    @abstractmethod
    def recall(self, partition: int) -> Sequence[Read]:
        """What to read when a partition is taken over."""

    @abstractmethod
    def remember(self, partition: int, state: State) -> Any:
        """The memory of a partition, from what `recall` found."""

    def reads(self, batch: Batch, memory: Any) -> Sequence[Read]:
        """What else the batch needs. With a loader, that is asked instead."""
        del batch, memory
        return ()

    def further_reads(self, batch: Batch, state: State) -> Sequence[Read]:
        """What it needs after that, by what the first reads found."""
        del batch, state
        return ()

    @abstractmethod
    def handle(self, batch: Batch, state: State, memory: Any) -> Outcome:
        """Apply the batch. An exception is a poison message: the batch is halved until the guilty one stands alone.

        `memory` must not be changed in place: the batch may be tried again.
        """
