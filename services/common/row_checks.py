"""What can be said of a row event by itself: whether it can ever become valid.

Every service that applies row events asks here: so what one refuses, the others refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from services.common.eventlog.topics import row_key
from services.common.runloop.handling import Delivery
from sightline.arrays import Bools, Floats, Ints
from sightline.domain.kinds import BOX
from sightline.wire.events.v1.ground_truth_pb2 import BoxTruths

LONGEST_GLOBAL_KEY = 200
LARGEST_CLASS_ID = 65_535
"""Readers allocate by the highest class id, so it has a bound."""

Check = tuple[Bools, str]
"""Which entries of a column are wrong, and what is wrong with them."""


class Invalid(Exception):
    """An event can never become valid; the message says why."""


class Misplaced(Invalid):
    """An event lies in another partition than its key's."""

    def __init__(self, partition: int) -> None:
        super().__init__(f"the key belongs to partition {partition}: place keys by murmur2 (murmur2_random)")
        self.partition = partition
        """Where it belongs."""


class NamesARow(Protocol):
    """A payload that is about one row."""

    @property
    def dataset_id(self) -> str: ...  # noqa: D102
    @property
    def global_key(self) -> str: ...  # noqa: D102


def checked_row(delivery: Delivery, payload: NamesARow, right_partition: int) -> str:
    """The row that a payload names, if key and partition are the row's. Raises `Invalid`, or `Misplaced`."""
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
        raise Misplaced(right_partition)
    return row


def check_id(name: str, id: str) -> None:
    """Ids are parts of keys, so they are neither empty nor hold a slash. Raises `Invalid`."""
    if not id or "/" in id:
        raise Invalid(f"{name} is empty or holds a slash")


def truth_faults(deliveries: Sequence[Delivery], payloads: Sequence[str | None]) -> Mapping[int, str]:
    """Truth events whose columns can never be right, by position in the batch, and why."""
    faults: dict[int, str] = {}
    spoken: dict[int, BoxTruths] = {}
    for position, payload in enumerate(payloads):
        if payload != "ground_truth_replaced":
            continue
        boxes = deliveries[position].event.ground_truth_replaced.boxes
        if fault := _wrong_lengths(boxes):
            faults[position] = fault
        else:
            spoken[position] = boxes
    columns = spoken.values()
    area = np.frombuffer(b"".join([boxes.areas for boxes in columns]), np.float64)
    crowd = np.frombuffer(b"".join([boxes.crowds for boxes in columns]), np.uint8)
    checks = [
        *annotation_checks(
            np.frombuffer(b"".join([boxes.class_ids for boxes in columns]), np.int32),
            np.frombuffer(b"".join([boxes.boxes for boxes in columns]), np.float64).reshape(-1, 4),
        ),
        (~np.isfinite(area), "an area is not finite"),
        (crowd > 1, "a crowd flag is not 0 or 1"),
    ]
    return {**faults, **first_faults(list(spoken), [boxes.count for boxes in columns], checks)}


def annotation_checks(class_id: Ints, boxes: Floats) -> list[Check]:
    """What is asked of truths and predictions alike."""
    return [
        ((class_id < 1) | (class_id > LARGEST_CLASS_ID), f"a class id is not between 1 and {LARGEST_CLASS_ID}"),
        (BOX.check(boxes) != 0, "a box has a number that is not finite, or a negative size"),
    ]


def first_faults(positions: Sequence[int], counts: Sequence[int], checks: Sequence[Check]) -> Mapping[int, str]:
    """The first of the checks that each event fails. Entries lie event by event: `counts` says how many of each."""
    ends = np.cumsum(counts)
    faults: dict[int, str] = {}
    for wrong, reason in reversed(checks):
        guilty: list[int] = np.unique(np.searchsorted(ends, np.flatnonzero(wrong), side="right")).tolist()
        faults.update((positions[event], reason) for event in guilty)
    return faults


def _wrong_lengths(boxes: BoxTruths) -> str:
    for name, column, size in (
        ("class_ids", boxes.class_ids, 4),
        ("boxes", boxes.boxes, 32),
        ("areas", boxes.areas, 8),
        ("crowds", boxes.crowds, 1),
        ("annotation_ids", boxes.annotation_ids, 8),
    ):
        if len(column) != size * boxes.count:
            return f"{name} is not {size} bytes for each annotation"
    return ""
