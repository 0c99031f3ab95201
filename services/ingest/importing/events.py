"""Makes the events of an import, ready for the log."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from services.common.eventlog.port import Message
from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS, SCHEMA_VERSION, row_key
from services.common.runloop.clock import unix_ms
from services.common.runtime.tracing import traceparent
from sightline.wire.events.v1.data_rows_pb2 import DataRowDeleted, DataRowUpserted
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.ground_truth_pb2 import BoxTruths, GroundTruthRemoved, GroundTruthReplaced
from sightline.wire.events.v1.imports_pb2 import ImportEnded
from sightline.wire.events.v1.predictions_pb2 import BoxPredictions, ImportMode, PredictionsDeleted


@dataclass(frozen=True, slots=True)
class EventMaker:
    """Makes the events of one import; numbered, so that ids are unique and tell where they come from.

    Those of a single write have no `import_id`.
    """

    project_id: str
    dataset_id: str
    import_id: str
    run_id: str = ""
    mode: ImportMode = ImportMode.IMPORT_MODE_UNSPECIFIED
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def _event(self, part: str = "") -> Event:
        return Event(
            event_id=part or f"{self.import_id or uuid4().hex}/{next(self._numbers)}",
            project_id=self.project_id,
            time_unix_ms=unix_ms(),
            producer="ingest/import",
            schema_version=SCHEMA_VERSION,
            traceparent=traceparent(),
        )

    def _message(self, topic: str, global_key: str, event: Event, partition: int | None) -> Message:
        key = row_key(self.project_id, self.dataset_id, global_key).encode()
        return Message(topic, key, event.SerializeToString(), partition)

    def data_row(self, row: DataRowUpserted) -> Message:
        """A row was made or changed."""
        row.dataset_id, row.import_id = self.dataset_id, self.import_id
        event = self._event()
        event.data_row_upserted.CopyFrom(row)
        return self._message(DATA_ROWS, row.global_key, event, None)

    def row_deleted(self, global_key: str) -> Message:
        """A row was deleted."""
        event = self._event()
        deleted = DataRowDeleted(dataset_id=self.dataset_id, global_key=global_key, import_id=self.import_id)
        event.data_row_deleted.CopyFrom(deleted)
        return self._message(DATA_ROWS, global_key, event, None)

    def truth_removed(self, global_key: str) -> Message:
        """A row is no longer labelled in the draft."""
        event = self._event()
        removed = GroundTruthRemoved(dataset_id=self.dataset_id, global_key=global_key, import_id=self.import_id)
        event.ground_truth_removed.CopyFrom(removed)
        return self._message(GROUND_TRUTH, global_key, event, None)

    def truth(self, global_key: str, ordinal: int | None, boxes: BoxTruths | None, chunk: int, chunks: int) -> Message:
        """One chunk of a row's truth, or all of it."""
        event = self._event()
        event.ground_truth_replaced.CopyFrom(
            GroundTruthReplaced(
                dataset_id=self.dataset_id,
                global_key=global_key,
                import_id=self.import_id,
                ordinal=ordinal,
                chunk=chunk,
                chunks=chunks,
                boxes=boxes,
            )
        )
        return self._message(GROUND_TRUTH, global_key, event, None)

    def predictions(self, global_key: str, partition: int, boxes: BoxPredictions | None) -> Message:
        """What a window of the upload says of a row; without boxes, that the row is named."""
        event = self._event()
        said = event.predictions_upserted
        said.dataset_id = self.dataset_id
        said.global_key = global_key
        said.run_id = self.run_id
        said.import_id = self.import_id
        said.mode = self.mode
        if boxes is not None:
            said.boxes.CopyFrom(boxes)
        return self._message(PREDICTIONS, global_key, event, partition)

    def predictions_deleted(self, global_key: str, partition: int, uuids: bytes) -> Message:
        """Predictions of a row are taken back."""
        event = self._event()
        event.predictions_deleted.CopyFrom(
            PredictionsDeleted(
                dataset_id=self.dataset_id,
                global_key=global_key,
                run_id=self.run_id,
                uuids=uuids,
                import_id=self.import_id,
            )
        )
        return self._message(PREDICTIONS, global_key, event, partition)

    def ended(self, topic: str, partition: int, *, unlabel_others: bool = False) -> Message:
        """The import has said all that it says in this partition."""
        event = self._event(f"{self.import_id}/end/{partition}")
        event.import_ended.CopyFrom(
            ImportEnded(
                import_id=self.import_id,
                dataset_id=self.dataset_id,
                run_id=self.run_id,
                unlabel_others=unlabel_others,
            )
        )
        return Message(topic, self.project_id.encode(), event.SerializeToString(), partition)


def packed(array: npt.NDArray[Any], kind: str) -> bytes:
    """A column as it goes over the wire."""
    return np.ascontiguousarray(array, kind).tobytes()
