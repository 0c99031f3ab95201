from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Marker(_message.Message):
    __slots__ = ("source_offset", "run_created", "version_committed")
    SOURCE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    RUN_CREATED_FIELD_NUMBER: _ClassVar[int]
    VERSION_COMMITTED_FIELD_NUMBER: _ClassVar[int]
    source_offset: int
    run_created: RunCreated
    version_committed: VersionCommitted
    def __init__(self, source_offset: _Optional[int] = ..., run_created: _Optional[_Union[RunCreated, _Mapping]] = ..., version_committed: _Optional[_Union[VersionCommitted, _Mapping]] = ...) -> None: ...

class RunCreated(_message.Message):
    __slots__ = ("run_id", "dataset_id", "dataset_version")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    dataset_id: str
    dataset_version: int
    def __init__(self, run_id: _Optional[str] = ..., dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ...) -> None: ...

class VersionCommitted(_message.Message):
    __slots__ = ("dataset_id", "dataset_version")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    dataset_version: int
    def __init__(self, dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ...) -> None: ...
