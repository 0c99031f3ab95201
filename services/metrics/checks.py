"""What can be said of an event by itself: whether it can ever become valid."""

from __future__ import annotations

from typing import Protocol

from services.common.eventlog.handling import Delivery
from services.common.eventlog.topics import row_key

LONGEST_GLOBAL_KEY = 200


class Invalid(Exception):
    """An event can never become valid; the message says why."""


class TooMuch(Exception):
    """A batch is more than can be applied at once: it has to be halved. If it is one event, that can't be applied."""


class NamesARow(Protocol):
    """A payload that is about one row."""

    @property
    def dataset_id(self) -> str: ...  # noqa: D102
    @property
    def global_key(self) -> str: ...  # noqa: D102


def checked_row(delivery: Delivery, payload: NamesARow, right_partition: int, fault: str | None) -> str:
    """The row that a payload names, if key and partition are the row's and its columns have no fault."""
    dataset_id, global_key = payload.dataset_id, payload.global_key
    project_id = delivery.event.project_id
    check_id("project_id", project_id)
    check_id("dataset_id", dataset_id)
    if not 0 < len(global_key) <= LONGEST_GLOBAL_KEY:
        raise Invalid(f"global_key has not 1 to {LONGEST_GLOBAL_KEY} characters")
    row = row_key(project_id, dataset_id, global_key)
    if delivery.key != row:
        raise Invalid("the key is not project/dataset/global_key of the payload")
    if delivery.partition != right_partition:
        raise Invalid(f"the key belongs to partition {right_partition}: place keys by murmur2 (murmur2_random)")
    if fault is not None:
        raise Invalid(fault)
    return row


def check_id(name: str, id: str) -> None:
    """Ids are parts of keys, so they are neither empty nor hold a slash."""
    if not id or "/" in id:
        raise Invalid(f"{name} is empty or holds a slash")
