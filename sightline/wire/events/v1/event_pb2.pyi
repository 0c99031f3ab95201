from sightline.wire.events.v1 import catalog_pb2 as _catalog_pb2
from sightline.wire.events.v1 import data_rows_pb2 as _data_rows_pb2
from sightline.wire.events.v1 import ground_truth_pb2 as _ground_truth_pb2
from sightline.wire.events.v1 import imports_pb2 as _imports_pb2
from sightline.wire.events.v1 import markers_pb2 as _markers_pb2
from sightline.wire.events.v1 import predictions_pb2 as _predictions_pb2
from sightline.wire.events.v1 import runs_pb2 as _runs_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Event(_message.Message):
    __slots__ = ("event_id", "project_id", "time_unix_ms", "producer", "schema_version", "traceparent", "moved_from", "data_row_upserted", "data_row_deleted", "ground_truth_replaced", "ground_truth_removed", "predictions_upserted", "predictions_deleted", "import_ended", "marker", "run_touched", "catalog_request")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    MOVED_FROM_FIELD_NUMBER: _ClassVar[int]
    DATA_ROW_UPSERTED_FIELD_NUMBER: _ClassVar[int]
    DATA_ROW_DELETED_FIELD_NUMBER: _ClassVar[int]
    GROUND_TRUTH_REPLACED_FIELD_NUMBER: _ClassVar[int]
    GROUND_TRUTH_REMOVED_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_UPSERTED_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_DELETED_FIELD_NUMBER: _ClassVar[int]
    IMPORT_ENDED_FIELD_NUMBER: _ClassVar[int]
    MARKER_FIELD_NUMBER: _ClassVar[int]
    RUN_TOUCHED_FIELD_NUMBER: _ClassVar[int]
    CATALOG_REQUEST_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    project_id: str
    time_unix_ms: int
    producer: str
    schema_version: int
    traceparent: str
    moved_from: Place
    data_row_upserted: _data_rows_pb2.DataRowUpserted
    data_row_deleted: _data_rows_pb2.DataRowDeleted
    ground_truth_replaced: _ground_truth_pb2.GroundTruthReplaced
    ground_truth_removed: _ground_truth_pb2.GroundTruthRemoved
    predictions_upserted: _predictions_pb2.PredictionsUpserted
    predictions_deleted: _predictions_pb2.PredictionsDeleted
    import_ended: _imports_pb2.ImportEnded
    marker: _markers_pb2.Marker
    run_touched: _runs_pb2.RunTouched
    catalog_request: _catalog_pb2.CatalogRequest
    def __init__(self, event_id: _Optional[str] = ..., project_id: _Optional[str] = ..., time_unix_ms: _Optional[int] = ..., producer: _Optional[str] = ..., schema_version: _Optional[int] = ..., traceparent: _Optional[str] = ..., moved_from: _Optional[_Union[Place, _Mapping]] = ..., data_row_upserted: _Optional[_Union[_data_rows_pb2.DataRowUpserted, _Mapping]] = ..., data_row_deleted: _Optional[_Union[_data_rows_pb2.DataRowDeleted, _Mapping]] = ..., ground_truth_replaced: _Optional[_Union[_ground_truth_pb2.GroundTruthReplaced, _Mapping]] = ..., ground_truth_removed: _Optional[_Union[_ground_truth_pb2.GroundTruthRemoved, _Mapping]] = ..., predictions_upserted: _Optional[_Union[_predictions_pb2.PredictionsUpserted, _Mapping]] = ..., predictions_deleted: _Optional[_Union[_predictions_pb2.PredictionsDeleted, _Mapping]] = ..., import_ended: _Optional[_Union[_imports_pb2.ImportEnded, _Mapping]] = ..., marker: _Optional[_Union[_markers_pb2.Marker, _Mapping]] = ..., run_touched: _Optional[_Union[_runs_pb2.RunTouched, _Mapping]] = ..., catalog_request: _Optional[_Union[_catalog_pb2.CatalogRequest, _Mapping]] = ...) -> None: ...

class Place(_message.Message):
    __slots__ = ("partition", "offset")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    partition: int
    offset: int
    def __init__(self, partition: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...
