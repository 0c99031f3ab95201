from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("version", "ready", "services", "topics", "runs")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    version: str
    ready: bool
    services: _containers.RepeatedCompositeFieldContainer[ServiceStatus]
    topics: _containers.RepeatedCompositeFieldContainer[TopicStatus]
    runs: _containers.RepeatedCompositeFieldContainer[RunStatus]
    def __init__(self, version: _Optional[str] = ..., ready: _Optional[bool] = ..., services: _Optional[_Iterable[_Union[ServiceStatus, _Mapping]]] = ..., topics: _Optional[_Iterable[_Union[TopicStatus, _Mapping]]] = ..., runs: _Optional[_Iterable[_Union[RunStatus, _Mapping]]] = ...) -> None: ...

class ServiceStatus(_message.Message):
    __slots__ = ("name", "ready", "problem", "processes", "processes_ready")
    NAME_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_READY_FIELD_NUMBER: _ClassVar[int]
    name: str
    ready: bool
    problem: str
    processes: int
    processes_ready: int
    def __init__(self, name: _Optional[str] = ..., ready: _Optional[bool] = ..., problem: _Optional[str] = ..., processes: _Optional[int] = ..., processes_ready: _Optional[int] = ...) -> None: ...

class TopicStatus(_message.Message):
    __slots__ = ("group", "topic", "applied", "lag", "lag_by_partition")
    class LagByPartitionEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    GROUP_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    LAG_BY_PARTITION_FIELD_NUMBER: _ClassVar[int]
    group: str
    topic: str
    applied: int
    lag: int
    lag_by_partition: _containers.ScalarMap[int, int]
    def __init__(self, group: _Optional[str] = ..., topic: _Optional[str] = ..., applied: _Optional[int] = ..., lag: _Optional[int] = ..., lag_by_partition: _Optional[_Mapping[int, int]] = ...) -> None: ...

class RunStatus(_message.Message):
    __slots__ = ("run_id", "name", "rows_in_scope", "rows_predicted", "predictions_visible", "predictions_accepting", "measured_unix_ms", "partitions_behind")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROWS_IN_SCOPE_FIELD_NUMBER: _ClassVar[int]
    ROWS_PREDICTED_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_VISIBLE_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_ACCEPTING_FIELD_NUMBER: _ClassVar[int]
    MEASURED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_BEHIND_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    name: str
    rows_in_scope: int
    rows_predicted: int
    predictions_visible: int
    predictions_accepting: int
    measured_unix_ms: int
    partitions_behind: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, run_id: _Optional[str] = ..., name: _Optional[str] = ..., rows_in_scope: _Optional[int] = ..., rows_predicted: _Optional[int] = ..., predictions_visible: _Optional[int] = ..., predictions_accepting: _Optional[int] = ..., measured_unix_ms: _Optional[int] = ..., partitions_behind: _Optional[_Iterable[int]] = ...) -> None: ...
