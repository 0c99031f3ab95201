"""Progress, as a document."""

from __future__ import annotations

from typing import Any

from services.common.eventlog.port import Message
from services.common.progress import Progress


def progress_id(group: str, partition: int) -> str:
    """The `_id` of what a group keeps of a partition: its progress, and what markers have told."""
    return f"{group}/{partition}"


def pack_progress(group: str, partition: int, progress: Progress) -> dict[str, Any]:
    """The document of a progress."""
    return {
        "_id": progress_id(group, partition),
        "group": group,
        "partition": partition,
        "rev": progress.rev,
        "writer": progress.writer,
        "log_id": progress.log_id,
        "offsets": dict(progress.offsets),
        "outbox": [_pack_message(message) for message in progress.outbox],
    }


def unpack_progress(document: dict[str, Any]) -> Progress:
    """The progress in a document."""
    return Progress(
        rev=document["rev"],
        writer=document["writer"],
        log_id=document["log_id"],
        offsets=document["offsets"],
        outbox=tuple(_unpack_message(message) for message in document["outbox"]),
    )


def _pack_message(message: Message) -> dict[str, Any]:
    return {
        "topic": message.topic,
        "partition": message.partition,
        "key": message.key,
        "value": message.value,
        "headers": [[name, value] for name, value in message.headers],
    }


def _unpack_message(document: dict[str, Any]) -> Message:
    return Message(
        topic=document["topic"],
        partition=document["partition"],
        key=document["key"],
        value=document["value"],
        headers=tuple((name, value) for name, value in document["headers"]),
    )
