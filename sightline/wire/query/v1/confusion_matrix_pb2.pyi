from sightline.wire.query.v1 import freshness_pb2 as _freshness_pb2
from sightline.wire.query.v1 import thresholds_pb2 as _thresholds_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetRunConfusionMatrixRequest(_message.Message):
    __slots__ = ("run_id", "thresholds")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    thresholds: _thresholds_pb2.Thresholds
    def __init__(self, run_id: _Optional[str] = ..., thresholds: _Optional[_Union[_thresholds_pb2.Thresholds, _Mapping]] = ...) -> None: ...

class GetRunConfusionMatrixResponse(_message.Message):
    __slots__ = ("run_id", "iou", "confidence", "classes", "rows", "freshness")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    IOU_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    iou: float
    confidence: float
    classes: _containers.RepeatedScalarFieldContainer[str]
    rows: _containers.RepeatedCompositeFieldContainer[ConfusionRow]
    freshness: _freshness_pb2.Freshness
    def __init__(self, run_id: _Optional[str] = ..., iou: _Optional[float] = ..., confidence: _Optional[float] = ..., classes: _Optional[_Iterable[str]] = ..., rows: _Optional[_Iterable[_Union[ConfusionRow, _Mapping]]] = ..., freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ...) -> None: ...

class ConfusionRow(_message.Message):
    __slots__ = ("truth", "counts")
    TRUTH_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    truth: str
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, truth: _Optional[str] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...
