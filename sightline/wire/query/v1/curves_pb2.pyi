from sightline.wire.query.v1 import freshness_pb2 as _freshness_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetRunCurvesRequest(_message.Message):
    __slots__ = ("run_id", "iou", "points")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    IOU_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    iou: float
    points: int
    def __init__(self, run_id: _Optional[str] = ..., iou: _Optional[float] = ..., points: _Optional[int] = ...) -> None: ...

class GetRunCurvesResponse(_message.Message):
    __slots__ = ("run_id", "iou", "classes", "freshness")
    class ClassesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ClassCurve
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ClassCurve, _Mapping]] = ...) -> None: ...
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    IOU_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    iou: float
    classes: _containers.MessageMap[str, ClassCurve]
    freshness: _freshness_pb2.Freshness
    def __init__(self, run_id: _Optional[str] = ..., iou: _Optional[float] = ..., classes: _Optional[_Mapping[str, ClassCurve]] = ..., freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ...) -> None: ...

class ClassCurve(_message.Message):
    __slots__ = ("support", "confidence", "precision", "recall")
    SUPPORT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    support: int
    confidence: _containers.RepeatedScalarFieldContainer[float]
    precision: _containers.RepeatedScalarFieldContainer[float]
    recall: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, support: _Optional[int] = ..., confidence: _Optional[_Iterable[float]] = ..., precision: _Optional[_Iterable[float]] = ..., recall: _Optional[_Iterable[float]] = ...) -> None: ...
