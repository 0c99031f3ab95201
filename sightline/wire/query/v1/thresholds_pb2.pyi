from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Thresholds(_message.Message):
    __slots__ = ("iou", "confidence", "class_confidence")
    class ClassConfidenceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ClassThreshold
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ClassThreshold, _Mapping]] = ...) -> None: ...
    IOU_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CLASS_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    iou: float
    confidence: float
    class_confidence: _containers.MessageMap[str, ClassThreshold]
    def __init__(self, iou: _Optional[float] = ..., confidence: _Optional[float] = ..., class_confidence: _Optional[_Mapping[str, ClassThreshold]] = ...) -> None: ...

class ClassThreshold(_message.Message):
    __slots__ = ("confidence",)
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    confidence: float
    def __init__(self, confidence: _Optional[float] = ...) -> None: ...
