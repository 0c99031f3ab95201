from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Freshness(_message.Message):
    __slots__ = ("counts_at", "coco_at", "coco_computed_unix_ms", "coco_predictions", "coco_behind")
    class CountsAtEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    class CocoAtEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    COUNTS_AT_FIELD_NUMBER: _ClassVar[int]
    COCO_AT_FIELD_NUMBER: _ClassVar[int]
    COCO_COMPUTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    COCO_PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    COCO_BEHIND_FIELD_NUMBER: _ClassVar[int]
    counts_at: _containers.ScalarMap[int, int]
    coco_at: _containers.ScalarMap[int, int]
    coco_computed_unix_ms: int
    coco_predictions: int
    coco_behind: bool
    def __init__(self, counts_at: _Optional[_Mapping[int, int]] = ..., coco_at: _Optional[_Mapping[int, int]] = ..., coco_computed_unix_ms: _Optional[int] = ..., coco_predictions: _Optional[int] = ..., coco_behind: _Optional[bool] = ...) -> None: ...
