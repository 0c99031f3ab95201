"""What the events of a batch say, in columns: decoded and checked for all events at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.common.documents import Document
from services.common.row_checks import annotation_checks, first_faults
from services.common.runloop.handling import Delivery
from services.metrics.merging import NAMED, STORED, TAKE_BACK
from sightline.arrays import Bits, Floats, Ints
from sightline.identity import IDENTITY_BYTES, content_identities


class Block(NamedTuple):
    """Where the words of one event, or of one stored row, lie in the columns."""

    start: int
    size: int
    flags: int


@dataclass(frozen=True, slots=True)
class PredictionTable:
    """Predictions said by events, then predictions stored. One entry each; `boxes` is (n, 4), `identity` (n, 2) words.

    `said` and `faults` go by an event's position in the batch: an event is in exactly one of them; `stored` by `_id`.
    `highest_class` is that of what an event says; 0 where it says nothing.
    """

    class_id: Ints
    boxes: Floats
    confidence: Floats
    identity: Bits
    place: Ints
    mark: Ints
    said: Mapping[int, Block]
    faults: Mapping[int, str]
    highest_class: Mapping[int, int]
    stored: Mapping[str, Block]


def prediction_table(
    deliveries: Sequence[Delivery], payloads: Sequence[str | None], documents: Sequence[Document]
) -> PredictionTable:
    """The columns of all prediction events of a batch, and of the stored rows that it needs.

    `payloads` names the payload of each delivery.
    """
    class_ids: list[bytes] = []
    boxes: list[bytes] = []
    confidences: list[bytes] = []
    uuids: list[bytes] = []
    said: dict[int, Block] = {}
    faults: dict[int, str] = {}
    end = 0
    for position, payload in enumerate(payloads):
        if payload == "predictions_upserted":
            spoken = deliveries[position].event.predictions_upserted.boxes
            count, ids = spoken.count, spoken.uuids
            columns = spoken.class_ids, spoken.boxes, spoken.confidences
            fault = _wrong_lengths(count, columns, ids)
            if fault:
                faults[position] = fault
                continue
            class_ids.append(columns[0])
            boxes.append(columns[1])
            confidences.append(columns[2])
            uuids.append(ids or bytes(IDENTITY_BYTES * count))
            said[position] = Block(end, count, NAMED if ids else 0)
        elif payload == "predictions_deleted":
            ids = deliveries[position].event.predictions_deleted.uuids
            count, rest = divmod(len(ids), IDENTITY_BYTES)
            if rest:
                faults[position] = f"uuids are not {IDENTITY_BYTES} bytes each"
                continue
            # Only identities matter; the rest is anything that passes the checks.
            class_ids.append(b"\x01\0\0\0" * count)
            boxes.append(bytes(32 * count))
            confidences.append(bytes(8 * count))
            uuids.append(ids)
            said[position] = Block(end, count, TAKE_BACK | NAMED)
        else:
            continue
        end += count
    blocks = list(said.values())
    heard = _Columns.of(class_ids, boxes, confidences, uuids)
    highest = _highest_classes(heard, said)
    for position, fault in _prediction_faults(heard, said).items():
        faults[position] = fault
        del said[position]
    identity = _identities(heard, blocks)

    stored: dict[str, Block] = {}
    for document in documents:
        count = document["count"]
        stored[document["_id"]] = Block(end, count, STORED | NAMED)
        end += count
    kept = _Columns.of(*([d[name] for d in documents] for name in ("class_ids", "boxes", "confidences", "uuids")))
    place = np.zeros(end, np.int32)
    mark = np.zeros(end, np.int32)
    place[len(heard.class_id) :] = np.frombuffer(b"".join([d["places"] for d in documents]), np.int32)
    mark[len(heard.class_id) :] = np.frombuffer(b"".join([d["import_marks"] for d in documents]), np.uint8)
    return PredictionTable(
        np.concatenate((heard.class_id, kept.class_id)),
        np.concatenate((heard.boxes, kept.boxes)),
        np.concatenate((heard.confidence, kept.confidence)),
        np.concatenate((identity, kept.uuid)),
        place,
        mark,
        said,
        faults,
        highest,
        stored,
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    class_id: Ints
    boxes: Floats
    confidence: Floats
    uuid: Bits

    @staticmethod
    def of(
        class_ids: Sequence[bytes], boxes: Sequence[bytes], confidences: Sequence[bytes], uuids: Sequence[bytes]
    ) -> _Columns:
        return _Columns(
            np.frombuffer(b"".join(class_ids), np.int32),
            np.frombuffer(b"".join(boxes), np.float64).reshape(-1, 4),
            np.frombuffer(b"".join(confidences), np.float64),
            np.frombuffer(b"".join(uuids), np.uint64).reshape(-1, 2),
        )


def _prediction_faults(columns: _Columns, said: Mapping[int, Block]) -> Mapping[int, str]:
    """Events whose columns can never be right, by position in the batch, and why."""
    confidence = columns.confidence
    right = ((confidence >= 0) & (confidence <= 1)) | np.isnan(confidence)
    checks = [
        *annotation_checks(columns.class_id, columns.boxes),
        (~right, "a confidence is not between 0 and 1 (NaN: absent)"),
    ]
    return first_faults(list(said), [block.size for block in said.values()], checks)


def _highest_classes(columns: _Columns, said: Mapping[int, Block]) -> Mapping[int, int]:
    spoken = {position: block.start for position, block in said.items() if block.size}
    if not spoken:
        return {}
    highest = np.maximum.reduceat(columns.class_id, list(spoken.values())).tolist()
    return dict(zip(spoken, highest, strict=True))


def _identities(columns: _Columns, blocks: Sequence[Block]) -> Bits:
    """Uuids where events gave them, the content's first occurrence elsewhere."""
    named = [bool(block.flags & NAMED) for block in blocks]
    if all(named):
        return columns.uuid
    content = content_identities(columns.class_id, columns.boxes, columns.confidence)
    if not any(named):
        return content
    return np.where(np.repeat(named, [block.size for block in blocks])[:, None], columns.uuid, content)


def _wrong_lengths(count: int, columns: tuple[bytes, bytes, bytes], uuids: bytes) -> str:
    class_ids, boxes, confidences = columns
    if len(class_ids) != 4 * count:
        return "class_ids is not 4 bytes for each prediction"
    if len(boxes) != 32 * count:
        return "boxes is not 32 bytes for each prediction"
    if len(confidences) != 8 * count:
        return "confidences is not 8 bytes for each prediction"
    if uuids and len(uuids) != IDENTITY_BYTES * count:
        return f"uuids is neither empty nor {IDENTITY_BYTES} bytes for each prediction"
    return ""
