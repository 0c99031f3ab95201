"""Short ways to say events."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import md5

import numpy as np

from services.common.eventlog.partitioner import partition_of
from services.common.eventlog.topics import DATA_ROWS, GROUND_TRUTH, PREDICTIONS, row_key
from services.common.runloop.handling import Delivery
from sightline.wire.events.v1.data_rows_pb2 import DataRowDeleted, DataRowUpserted
from sightline.wire.events.v1.event_pb2 import Event
from sightline.wire.events.v1.ground_truth_pb2 import BoxTruths, GroundTruthRemoved, GroundTruthReplaced
from sightline.wire.events.v1.imports_pb2 import ImportEnded
from sightline.wire.events.v1.markers_pb2 import (
    MARKER_SOURCE_DATA_ROWS,
    DatasetDeleted,
    ImportFailed,
    Marker,
    RowDeleted,
    RowOrdered,
    RunCreated,
    RunReopened,
    RunsDeleted,
    RunSealed,
    VersionCommitted,
    VersionDeleted,
)
from sightline.wire.events.v1.predictions_pb2 import (
    IMPORT_MODE_ADD,
    IMPORT_MODE_REPLACE,
    IMPORT_MODE_UPSERT,
    BoxPredictions,
    PredictionsDeleted,
    PredictionsUpserted,
)

PROJECT, DATASET = "default", "ds_a"
PARTITIONS = 4
NAN = float("nan")

Prediction = tuple[int, tuple[float, float, float, float], float]
Truth = tuple[int, tuple[float, float, float, float], bool]


def keys_of(partition: int, count: int, dataset: str = DATASET) -> list[str]:
    """Global keys whose rows lie in a partition."""
    found, i = [], 0
    while len(found) < count:
        if partition_of(row_key(PROJECT, dataset, f"image-{i}").encode(), PARTITIONS) == partition:
            found.append(f"image-{i}")
        i += 1
    return found


def event(**payload) -> Event:
    return Event(event_id="e", project_id=PROJECT, time_unix_ms=7, producer="test", schema_version=1, **payload)


def truth(key: str, boxes: Sequence[Truth] = (), *, import_id="", ordinal=None, dataset=DATASET) -> Event:
    columns = BoxTruths(
        count=len(boxes),
        class_ids=np.array([b[0] for b in boxes], "<i4").tobytes(),
        boxes=np.array([b[1] for b in boxes], "<f8").tobytes(),
        areas=np.array([b[1][2] * b[1][3] for b in boxes], "<f8").tobytes(),
        crowds=np.array([b[2] for b in boxes], "u1").tobytes(),
        annotation_ids=np.arange(len(boxes), dtype="<i8").tobytes(),
    )
    said = GroundTruthReplaced(
        dataset_id=dataset, global_key=key, import_id=import_id, ordinal=ordinal, chunks=1, boxes=columns
    )
    return event(ground_truth_replaced=said)


def in_chunks(whole: Event, sizes: Sequence[int]) -> list[Event]:
    """A truth event in chunks of so many annotations."""
    boxes = whole.ground_truth_replaced.boxes
    assert sum(sizes) == boxes.count
    made, begin = [], 0
    for chunk, size in enumerate(sizes):
        part, end = Event.FromString(whole.SerializeToString()), begin + size
        said = part.ground_truth_replaced
        said.chunk, said.chunks, said.boxes.count = chunk, len(sizes), size
        columns = (("class_ids", 4), ("boxes", 32), ("areas", 8), ("crowds", 1), ("annotation_ids", 8))
        for name, width in columns:
            setattr(said.boxes, name, getattr(boxes, name)[width * begin : width * end])
        made.append(part)
        begin = end
    return made


def upsert(
    key: str,
    run: str,
    boxes: Sequence[Prediction] = (),
    *,
    uuids=(),
    import_id="",
    replace=False,
    add=False,
    dataset=DATASET,
):
    """Outside an import predictions have uuids: here by content, and which occurrence of it each is."""
    if not import_id and not uuids:
        uuids = [md5(f"{box} {boxes[:n].count(box)}".encode()).digest() for n, box in enumerate(boxes)]
    columns = BoxPredictions(
        count=len(boxes),
        class_ids=np.array([b[0] for b in boxes], "<i4").tobytes(),
        boxes=np.array([b[1] for b in boxes], "<f8").tobytes(),
        confidences=np.array([b[2] for b in boxes], "<f8").tobytes(),
        uuids=b"".join(uuids),
    )
    said = PredictionsUpserted(
        dataset_id=dataset,
        global_key=key,
        run_id=run,
        import_id=import_id,
        mode=IMPORT_MODE_ADD if add else IMPORT_MODE_REPLACE if replace else IMPORT_MODE_UPSERT,
        boxes=columns,
    )
    return event(predictions_upserted=said)


def delete(key: str, run: str, uuids: Sequence[bytes], dataset=DATASET, import_id="") -> Event:
    said = PredictionsDeleted(
        dataset_id=dataset, global_key=key, run_id=run, uuids=b"".join(uuids), import_id=import_id
    )
    return event(predictions_deleted=said)


def ended(import_id: str, *, run="", unlabel_others=False, dataset=DATASET) -> Event:
    return event(
        import_ended=ImportEnded(import_id=import_id, dataset_id=dataset, run_id=run, unlabel_others=unlabel_others)
    )


def marker(source: int, **what) -> Event:
    return event(marker=Marker(source_offset=source, **what))


def created(run: str, version: int, source: int, dataset=DATASET, **more) -> Event:
    return marker(source, run_created=RunCreated(run_id=run, dataset_id=dataset, dataset_version=version, **more))


def committed(version: int, source: int, dataset=DATASET) -> Event:
    return marker(source, version_committed=VersionCommitted(dataset_id=dataset, dataset_version=version))


def sealed(run: str, source: int) -> Event:
    return marker(source, run_sealed=RunSealed(run_id=run))


def reopened(run: str, source: int) -> Event:
    return marker(source, run_reopened=RunReopened(run_id=run))


def runs_deleted(runs: Sequence[str], source: int) -> Event:
    return marker(source, runs_deleted=RunsDeleted(run_ids=runs))


def version_deleted(version: int, runs: Sequence[str], source: int, dataset=DATASET) -> Event:
    gone = VersionDeleted(dataset_id=dataset, dataset_version=version, run_ids=runs)
    return marker(source, version_deleted=gone)


def dataset_deleted(runs: Sequence[str], source: int, dataset=DATASET) -> Event:
    return marker(source, dataset_deleted=DatasetDeleted(dataset_id=dataset, run_ids=runs))


def import_failed(import_id: str, source: int, *, run: str = "", dataset: str = DATASET) -> Event:
    """The import ended as failed; `run` says in which topic that is told."""
    return marker(source, import_failed=ImportFailed(import_id=import_id, dataset_id=dataset, run_id=run))


def row_deleted(key: str, source: int, dataset=DATASET) -> Event:
    gone = RowDeleted(dataset_id=dataset, global_key=key)
    return event(marker=Marker(source_offset=source, source=MARKER_SOURCE_DATA_ROWS, row_deleted=gone))


def row_ordered(key: str, ordinal: int | None, source: int, dataset=DATASET) -> Event:
    moved = RowOrdered(dataset_id=dataset, global_key=key, ordinal=ordinal)
    return event(marker=Marker(source_offset=source, source=MARKER_SOURCE_DATA_ROWS, row_ordered=moved))


def data_row(key: str, dataset=DATASET, **said) -> Event:
    return event(data_row_upserted=DataRowUpserted(dataset_id=dataset, global_key=key, **said))


def data_row_deleted(key: str, dataset=DATASET) -> Event:
    return event(data_row_deleted=DataRowDeleted(dataset_id=dataset, global_key=key))


def removed(key: str, dataset=DATASET, import_id="") -> Event:
    said = GroundTruthRemoved(dataset_id=dataset, global_key=key, import_id=import_id)
    return event(ground_truth_removed=said)


def uuid(number: int) -> bytes:
    return struct.pack("<QQ", 0xABCDEF, number)


def key_of(said: Event) -> str:
    payload = getattr(said, said.WhichOneof("payload"))
    if what := said.marker.WhichOneof("what"):
        payload = getattr(said.marker, what)
    if hasattr(payload, "global_key"):
        return row_key(said.project_id, payload.dataset_id, payload.global_key)
    return said.project_id


def topic_of(said: Event) -> str:
    match said.WhichOneof("payload"):
        case "ground_truth_replaced" | "ground_truth_removed":
            return GROUND_TRUTH
        case "data_row_upserted" | "data_row_deleted":
            return DATA_ROWS
        case "predictions_upserted" | "predictions_deleted":
            return PREDICTIONS
        case "import_ended":
            return PREDICTIONS if said.import_ended.run_id else GROUND_TRUTH
        case _ if said.marker.HasField("import_failed"):
            return PREDICTIONS if said.marker.import_failed.run_id else GROUND_TRUTH
        case _:
            return PREDICTIONS if said.marker.WhichOneof("what").startswith("run") else GROUND_TRUTH


def deliveries(topic: str, partition: int, events: Sequence[Event]) -> list[Delivery]:
    return [Delivery(topic, partition, offset, key_of(said), said) for offset, said in enumerate(events)]
