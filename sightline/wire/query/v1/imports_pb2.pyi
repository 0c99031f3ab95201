from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetImportRequest(_message.Message):
    __slots__ = ("job", "wait")
    JOB_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    job: str
    wait: float
    def __init__(self, job: _Optional[str] = ..., wait: _Optional[float] = ...) -> None: ...

class GetImportResponse(_message.Message):
    __slots__ = ("job", "state", "dataset_id", "dataset_version", "run_id", "format", "mode", "accepted", "rejected", "measured", "failure", "rejections", "warnings", "progress", "begun_unix_ms", "ended_unix_ms", "name")
    class WarningsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    JOB_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    BEGUN_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    ENDED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    job: str
    state: str
    dataset_id: str
    dataset_version: int
    run_id: str
    format: str
    mode: str
    accepted: int
    rejected: int
    measured: bool
    failure: str
    rejections: _containers.RepeatedCompositeFieldContainer[Rejection]
    warnings: _containers.ScalarMap[str, int]
    progress: ImportProgress
    begun_unix_ms: int
    ended_unix_ms: int
    name: str
    def __init__(self, job: _Optional[str] = ..., state: _Optional[str] = ..., dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ..., run_id: _Optional[str] = ..., format: _Optional[str] = ..., mode: _Optional[str] = ..., accepted: _Optional[int] = ..., rejected: _Optional[int] = ..., measured: _Optional[bool] = ..., failure: _Optional[str] = ..., rejections: _Optional[_Iterable[_Union[Rejection, _Mapping]]] = ..., warnings: _Optional[_Mapping[str, int]] = ..., progress: _Optional[_Union[ImportProgress, _Mapping]] = ..., begun_unix_ms: _Optional[int] = ..., ended_unix_ms: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class Rejection(_message.Message):
    __slots__ = ("number", "code", "message", "where", "uuid")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    number: int
    code: str
    message: str
    where: str
    uuid: str
    def __init__(self, number: _Optional[int] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., where: _Optional[str] = ..., uuid: _Optional[str] = ...) -> None: ...

class ImportProgress(_message.Message):
    __slots__ = ("bytes", "place")
    BYTES_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    place: int
    def __init__(self, bytes: _Optional[int] = ..., place: _Optional[int] = ...) -> None: ...
