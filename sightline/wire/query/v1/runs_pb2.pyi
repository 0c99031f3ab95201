from google.protobuf import struct_pb2 as _struct_pb2
from sightline.wire.query.v1 import freshness_pb2 as _freshness_pb2
from sightline.wire.query.v1 import metrics_pb2 as _metrics_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListRunsRequest(_message.Message):
    __slots__ = ("name", "model_id", "dataset_id", "page_size", "page_token")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    model_id: str
    dataset_id: str
    page_size: int
    page_token: str
    def __init__(self, name: _Optional[str] = ..., model_id: _Optional[str] = ..., dataset_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Run]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[Run, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: Run
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class Run(_message.Message):
    __slots__ = ("project_id", "run_id", "name", "model_id", "dataset_id", "dataset_version", "ontology_id", "ontology_version", "state", "config", "open_import", "created_unix_ms", "summary", "freshness", "splits", "accepts_new_rows")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    ONTOLOGY_ID_FIELD_NUMBER: _ClassVar[int]
    ONTOLOGY_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    OPEN_IMPORT_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    SPLITS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTS_NEW_ROWS_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    run_id: str
    name: str
    model_id: str
    dataset_id: str
    dataset_version: int
    ontology_id: str
    ontology_version: int
    state: str
    config: _struct_pb2.Struct
    open_import: str
    created_unix_ms: int
    summary: RunSummary
    freshness: _freshness_pb2.Freshness
    splits: _containers.RepeatedScalarFieldContainer[str]
    accepts_new_rows: bool
    def __init__(self, project_id: _Optional[str] = ..., run_id: _Optional[str] = ..., name: _Optional[str] = ..., model_id: _Optional[str] = ..., dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ..., ontology_id: _Optional[str] = ..., ontology_version: _Optional[int] = ..., state: _Optional[str] = ..., config: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., open_import: _Optional[str] = ..., created_unix_ms: _Optional[int] = ..., summary: _Optional[_Union[RunSummary, _Mapping]] = ..., freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ..., splits: _Optional[_Iterable[str]] = ..., accepts_new_rows: _Optional[bool] = ...) -> None: ...

class RunSummary(_message.Message):
    __slots__ = ("rows_in_scope", "rows_predicted", "predictions", "truths", "coco", "computed_unix_ms")
    ROWS_IN_SCOPE_FIELD_NUMBER: _ClassVar[int]
    ROWS_PREDICTED_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    TRUTHS_FIELD_NUMBER: _ClassVar[int]
    COCO_FIELD_NUMBER: _ClassVar[int]
    COMPUTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    rows_in_scope: int
    rows_predicted: int
    predictions: int
    truths: int
    coco: _metrics_pb2.CocoNumbers
    computed_unix_ms: int
    def __init__(self, rows_in_scope: _Optional[int] = ..., rows_predicted: _Optional[int] = ..., predictions: _Optional[int] = ..., truths: _Optional[int] = ..., coco: _Optional[_Union[_metrics_pb2.CocoNumbers, _Mapping]] = ..., computed_unix_ms: _Optional[int] = ...) -> None: ...
