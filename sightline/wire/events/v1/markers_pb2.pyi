from sightline.wire.events.v1 import data_rows_pb2 as _data_rows_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MarkerSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MARKER_SOURCE_UNSPECIFIED: _ClassVar[MarkerSource]
    MARKER_SOURCE_DATA_ROWS: _ClassVar[MarkerSource]
    MARKER_SOURCE_GROUND_TRUTH: _ClassVar[MarkerSource]
MARKER_SOURCE_UNSPECIFIED: MarkerSource
MARKER_SOURCE_DATA_ROWS: MarkerSource
MARKER_SOURCE_GROUND_TRUTH: MarkerSource

class Marker(_message.Message):
    __slots__ = ("source_offset", "source", "run_created", "version_committed", "run_sealed", "run_reopened", "runs_deleted", "version_deleted", "dataset_deleted", "row_deleted", "import_failed", "row_ordered")
    SOURCE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    RUN_CREATED_FIELD_NUMBER: _ClassVar[int]
    VERSION_COMMITTED_FIELD_NUMBER: _ClassVar[int]
    RUN_SEALED_FIELD_NUMBER: _ClassVar[int]
    RUN_REOPENED_FIELD_NUMBER: _ClassVar[int]
    RUNS_DELETED_FIELD_NUMBER: _ClassVar[int]
    VERSION_DELETED_FIELD_NUMBER: _ClassVar[int]
    DATASET_DELETED_FIELD_NUMBER: _ClassVar[int]
    ROW_DELETED_FIELD_NUMBER: _ClassVar[int]
    IMPORT_FAILED_FIELD_NUMBER: _ClassVar[int]
    ROW_ORDERED_FIELD_NUMBER: _ClassVar[int]
    source_offset: int
    source: MarkerSource
    run_created: RunCreated
    version_committed: VersionCommitted
    run_sealed: RunSealed
    run_reopened: RunReopened
    runs_deleted: RunsDeleted
    version_deleted: VersionDeleted
    dataset_deleted: DatasetDeleted
    row_deleted: RowDeleted
    import_failed: ImportFailed
    row_ordered: RowOrdered
    def __init__(self, source_offset: _Optional[int] = ..., source: _Optional[_Union[MarkerSource, str]] = ..., run_created: _Optional[_Union[RunCreated, _Mapping]] = ..., version_committed: _Optional[_Union[VersionCommitted, _Mapping]] = ..., run_sealed: _Optional[_Union[RunSealed, _Mapping]] = ..., run_reopened: _Optional[_Union[RunReopened, _Mapping]] = ..., runs_deleted: _Optional[_Union[RunsDeleted, _Mapping]] = ..., version_deleted: _Optional[_Union[VersionDeleted, _Mapping]] = ..., dataset_deleted: _Optional[_Union[DatasetDeleted, _Mapping]] = ..., row_deleted: _Optional[_Union[RowDeleted, _Mapping]] = ..., import_failed: _Optional[_Union[ImportFailed, _Mapping]] = ..., row_ordered: _Optional[_Union[RowOrdered, _Mapping]] = ...) -> None: ...

class RunCreated(_message.Message):
    __slots__ = ("run_id", "dataset_id", "dataset_version", "highest_class_id", "splits", "accepts_new_rows")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    HIGHEST_CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    SPLITS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTS_NEW_ROWS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    dataset_id: str
    dataset_version: int
    highest_class_id: int
    splits: _containers.RepeatedScalarFieldContainer[_data_rows_pb2.Split]
    accepts_new_rows: bool
    def __init__(self, run_id: _Optional[str] = ..., dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ..., highest_class_id: _Optional[int] = ..., splits: _Optional[_Iterable[_Union[_data_rows_pb2.Split, str]]] = ..., accepts_new_rows: _Optional[bool] = ...) -> None: ...

class VersionCommitted(_message.Message):
    __slots__ = ("dataset_id", "dataset_version")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    dataset_version: int
    def __init__(self, dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ...) -> None: ...

class RunSealed(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class RunReopened(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class RunsDeleted(_message.Message):
    __slots__ = ("run_ids", "failed_imports")
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    FAILED_IMPORTS_FIELD_NUMBER: _ClassVar[int]
    run_ids: _containers.RepeatedScalarFieldContainer[str]
    failed_imports: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, run_ids: _Optional[_Iterable[str]] = ..., failed_imports: _Optional[_Iterable[str]] = ...) -> None: ...

class VersionDeleted(_message.Message):
    __slots__ = ("dataset_id", "dataset_version", "run_ids", "failed_imports")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    FAILED_IMPORTS_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    dataset_version: int
    run_ids: _containers.RepeatedScalarFieldContainer[str]
    failed_imports: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ..., run_ids: _Optional[_Iterable[str]] = ..., failed_imports: _Optional[_Iterable[str]] = ...) -> None: ...

class DatasetDeleted(_message.Message):
    __slots__ = ("dataset_id", "run_ids")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    run_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, dataset_id: _Optional[str] = ..., run_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RowDeleted(_message.Message):
    __slots__ = ("dataset_id", "global_key")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_KEY_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    global_key: str
    def __init__(self, dataset_id: _Optional[str] = ..., global_key: _Optional[str] = ...) -> None: ...

class RowOrdered(_message.Message):
    __slots__ = ("dataset_id", "global_key", "ordinal")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_KEY_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    global_key: str
    ordinal: int
    def __init__(self, dataset_id: _Optional[str] = ..., global_key: _Optional[str] = ..., ordinal: _Optional[int] = ...) -> None: ...

class ImportFailed(_message.Message):
    __slots__ = ("import_id", "dataset_id", "run_id")
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    import_id: str
    dataset_id: str
    run_id: str
    def __init__(self, import_id: _Optional[str] = ..., dataset_id: _Optional[str] = ..., run_id: _Optional[str] = ...) -> None: ...
