"""How far a group is in a row partition, and the store that holds it: the fence of the run loop.

One progress document stands for one group and one row partition. Whoever writes it compares and sets `rev`, in the same
transaction as the documents of the batch and its outbox; so a process that lost the partition without knowing loses
there, and every event is applied exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.common.documents import Read, Write
from services.common.eventlog.port import Message

ANOTHER_LOG = (
    "name the log it was made from (SIGHTLINE_LOG_PATH, or SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS and "
    "SIGHTLINE_KAFKA_TOPIC_PREFIX), or make a read model of this log in another database: "
    "`sightline up … --mongo-database NEW_NAME`, for services started by themselves SIGHTLINE_MONGO_DATABASE=NEW_NAME"
)
"""What to do with a read model and a log that don't belong together."""

CLOSED = "closed by a rebuild"
"""In place of the log's id, in a generation of the read model that another one has replaced: nobody goes on there."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a group stands in a row partition. `rev` 0: it has never written there."""

    rev: int = 0
    writer: str = ""
    """Random id of the process' loop that wrote this: says whether it was one's own write."""
    log_id: str = ""
    """The log that the offsets belong to."""
    offsets: Mapping[str, int] = field(default_factory=dict[str, int])
    """Next offset to handle, by topic; a topic that isn't here starts at 0."""
    outbox: tuple[Message, ...] = ()
    """What the last batch gave rise to. Published by its writer, or by whoever finds it next."""


class LostRace(Exception):
    """Somebody else wrote the progress: nothing of this commit was stored. Read again."""


class CommitUnknown(Exception):
    """The answer to a commit was lost: it was stored whole, or not at all, or still may be. Read again."""


class NotNew(Exception):
    """A write that was said to be new is there, and no other owner was first: whoever says so is wrong, each time."""


class BatchTooLarge(Exception):
    """More than the store takes in one transaction, whenever it is tried: the loop tries smaller batches."""


class ProgressStore(Protocol):
    """The part of a read model that the run loop uses. Reads see every commit that was acknowledged before."""

    async def find(self, read: Read) -> list[dict[str, Any]]:
        """All documents that match."""
        ...

    async def read_progress(self, group: str, partition: int) -> Progress:
        """The progress of a group in a partition; `Progress()` when there is none."""
        ...

    async def commit(
        self, group: str, partition: int, *, expected_rev: int, progress: Progress, writes: Sequence[Write]
    ) -> None:
        """Store the writes in their order, and `progress` (whose rev is `expected_rev` + 1), in one transaction.

        Raises `LostRace` where rev isn't `expected_rev` any more (0: nothing must be there), `CommitUnknown` when the
        answer was lost, `BatchTooLarge` when the size is what's wrong, `NotNew` when what should be new is there. Any
        other exception: nothing was stored.
        """
        ...
