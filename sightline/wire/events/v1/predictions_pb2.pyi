from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImportMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMPORT_MODE_UNSPECIFIED: _ClassVar[ImportMode]
    IMPORT_MODE_UPSERT: _ClassVar[ImportMode]
    IMPORT_MODE_REPLACE: _ClassVar[ImportMode]
    IMPORT_MODE_ADD: _ClassVar[ImportMode]
IMPORT_MODE_UNSPECIFIED: ImportMode
IMPORT_MODE_UPSERT: ImportMode
IMPORT_MODE_REPLACE: ImportMode
IMPORT_MODE_ADD: ImportMode

class PredictionsUpserted(_message.Message):
    __slots__ = ("dataset_id", "global_key", "run_id", "import_id", "mode", "boxes")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_KEY_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    global_key: str
    run_id: str
    import_id: str
    mode: ImportMode
    boxes: BoxPredictions
    def __init__(self, dataset_id: _Optional[str] = ..., global_key: _Optional[str] = ..., run_id: _Optional[str] = ..., import_id: _Optional[str] = ..., mode: _Optional[_Union[ImportMode, str]] = ..., boxes: _Optional[_Union[BoxPredictions, _Mapping]] = ...) -> None: ...

class PredictionsDeleted(_message.Message):
    __slots__ = ("dataset_id", "global_key", "run_id", "uuids", "import_id")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_KEY_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    UUIDS_FIELD_NUMBER: _ClassVar[int]
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    global_key: str
    run_id: str
    uuids: bytes
    import_id: str
    def __init__(self, dataset_id: _Optional[str] = ..., global_key: _Optional[str] = ..., run_id: _Optional[str] = ..., uuids: _Optional[bytes] = ..., import_id: _Optional[str] = ...) -> None: ...

class BoxPredictions(_message.Message):
    __slots__ = ("count", "class_ids", "boxes", "confidences", "uuids")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CLASS_IDS_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCES_FIELD_NUMBER: _ClassVar[int]
    UUIDS_FIELD_NUMBER: _ClassVar[int]
    count: int
    class_ids: bytes
    boxes: bytes
    confidences: bytes
    uuids: bytes
    def __init__(self, count: _Optional[int] = ..., class_ids: _Optional[bytes] = ..., boxes: _Optional[bytes] = ..., confidences: _Optional[bytes] = ..., uuids: _Optional[bytes] = ...) -> None: ...
