from sightline.wire.query.v1 import freshness_pb2 as _freshness_pb2
from sightline.wire.query.v1 import thresholds_pb2 as _thresholds_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetRunMetricsRequest(_message.Message):
    __slots__ = ("run_id", "thresholds")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    thresholds: _thresholds_pb2.Thresholds
    def __init__(self, run_id: _Optional[str] = ..., thresholds: _Optional[_Union[_thresholds_pb2.Thresholds, _Mapping]] = ...) -> None: ...

class GetRunMetricsResponse(_message.Message):
    __slots__ = ("run_id", "dataset_id", "dataset_version", "iou", "confidence", "coco", "total", "classes", "rows_in_scope", "rows_predicted", "freshness")
    class ClassesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ClassMetrics
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ClassMetrics, _Mapping]] = ...) -> None: ...
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    IOU_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    COCO_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    ROWS_IN_SCOPE_FIELD_NUMBER: _ClassVar[int]
    ROWS_PREDICTED_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    dataset_id: str
    dataset_version: int
    iou: float
    confidence: float
    coco: CocoNumbers
    total: TotalMetrics
    classes: _containers.MessageMap[str, ClassMetrics]
    rows_in_scope: int
    rows_predicted: int
    freshness: _freshness_pb2.Freshness
    def __init__(self, run_id: _Optional[str] = ..., dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ..., iou: _Optional[float] = ..., confidence: _Optional[float] = ..., coco: _Optional[_Union[CocoNumbers, _Mapping]] = ..., total: _Optional[_Union[TotalMetrics, _Mapping]] = ..., classes: _Optional[_Mapping[str, ClassMetrics]] = ..., rows_in_scope: _Optional[int] = ..., rows_predicted: _Optional[int] = ..., freshness: _Optional[_Union[_freshness_pb2.Freshness, _Mapping]] = ...) -> None: ...

class CocoNumbers(_message.Message):
    __slots__ = ("map", "map_50", "map_75", "map_small", "map_medium", "map_large", "mar_1", "mar_10", "mar_100", "mar_small", "mar_medium", "mar_large")
    MAP_FIELD_NUMBER: _ClassVar[int]
    MAP_50_FIELD_NUMBER: _ClassVar[int]
    MAP_75_FIELD_NUMBER: _ClassVar[int]
    MAP_SMALL_FIELD_NUMBER: _ClassVar[int]
    MAP_MEDIUM_FIELD_NUMBER: _ClassVar[int]
    MAP_LARGE_FIELD_NUMBER: _ClassVar[int]
    MAR_1_FIELD_NUMBER: _ClassVar[int]
    MAR_10_FIELD_NUMBER: _ClassVar[int]
    MAR_100_FIELD_NUMBER: _ClassVar[int]
    MAR_SMALL_FIELD_NUMBER: _ClassVar[int]
    MAR_MEDIUM_FIELD_NUMBER: _ClassVar[int]
    MAR_LARGE_FIELD_NUMBER: _ClassVar[int]
    map: float
    map_50: float
    map_75: float
    map_small: float
    map_medium: float
    map_large: float
    mar_1: float
    mar_10: float
    mar_100: float
    mar_small: float
    mar_medium: float
    mar_large: float
    def __init__(self, map: _Optional[float] = ..., map_50: _Optional[float] = ..., map_75: _Optional[float] = ..., map_small: _Optional[float] = ..., map_medium: _Optional[float] = ..., map_large: _Optional[float] = ..., mar_1: _Optional[float] = ..., mar_10: _Optional[float] = ..., mar_100: _Optional[float] = ..., mar_small: _Optional[float] = ..., mar_medium: _Optional[float] = ..., mar_large: _Optional[float] = ...) -> None: ...

class TotalMetrics(_message.Message):
    __slots__ = ("precision", "recall", "f1", "support", "true_positive_count", "false_positive_count", "false_negative_count", "macro_precision", "macro_recall", "macro_f1")
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    F1_FIELD_NUMBER: _ClassVar[int]
    SUPPORT_FIELD_NUMBER: _ClassVar[int]
    TRUE_POSITIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FALSE_POSITIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FALSE_NEGATIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MACRO_PRECISION_FIELD_NUMBER: _ClassVar[int]
    MACRO_RECALL_FIELD_NUMBER: _ClassVar[int]
    MACRO_F1_FIELD_NUMBER: _ClassVar[int]
    precision: float
    recall: float
    f1: float
    support: int
    true_positive_count: int
    false_positive_count: int
    false_negative_count: int
    macro_precision: float
    macro_recall: float
    macro_f1: float
    def __init__(self, precision: _Optional[float] = ..., recall: _Optional[float] = ..., f1: _Optional[float] = ..., support: _Optional[int] = ..., true_positive_count: _Optional[int] = ..., false_positive_count: _Optional[int] = ..., false_negative_count: _Optional[int] = ..., macro_precision: _Optional[float] = ..., macro_recall: _Optional[float] = ..., macro_f1: _Optional[float] = ...) -> None: ...

class ClassMetrics(_message.Message):
    __slots__ = ("precision", "recall", "f1", "support", "true_positive_count", "false_positive_count", "false_negative_count", "confidence", "map", "map_50", "map_75", "map_small", "map_medium", "map_large", "mar_1", "mar_10", "mar_100", "mar_small", "mar_medium", "mar_large")
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    F1_FIELD_NUMBER: _ClassVar[int]
    SUPPORT_FIELD_NUMBER: _ClassVar[int]
    TRUE_POSITIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FALSE_POSITIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FALSE_NEGATIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    MAP_FIELD_NUMBER: _ClassVar[int]
    MAP_50_FIELD_NUMBER: _ClassVar[int]
    MAP_75_FIELD_NUMBER: _ClassVar[int]
    MAP_SMALL_FIELD_NUMBER: _ClassVar[int]
    MAP_MEDIUM_FIELD_NUMBER: _ClassVar[int]
    MAP_LARGE_FIELD_NUMBER: _ClassVar[int]
    MAR_1_FIELD_NUMBER: _ClassVar[int]
    MAR_10_FIELD_NUMBER: _ClassVar[int]
    MAR_100_FIELD_NUMBER: _ClassVar[int]
    MAR_SMALL_FIELD_NUMBER: _ClassVar[int]
    MAR_MEDIUM_FIELD_NUMBER: _ClassVar[int]
    MAR_LARGE_FIELD_NUMBER: _ClassVar[int]
    precision: float
    recall: float
    f1: float
    support: int
    true_positive_count: int
    false_positive_count: int
    false_negative_count: int
    confidence: float
    map: float
    map_50: float
    map_75: float
    map_small: float
    map_medium: float
    map_large: float
    mar_1: float
    mar_10: float
    mar_100: float
    mar_small: float
    mar_medium: float
    mar_large: float
    def __init__(self, precision: _Optional[float] = ..., recall: _Optional[float] = ..., f1: _Optional[float] = ..., support: _Optional[int] = ..., true_positive_count: _Optional[int] = ..., false_positive_count: _Optional[int] = ..., false_negative_count: _Optional[int] = ..., confidence: _Optional[float] = ..., map: _Optional[float] = ..., map_50: _Optional[float] = ..., map_75: _Optional[float] = ..., map_small: _Optional[float] = ..., map_medium: _Optional[float] = ..., map_large: _Optional[float] = ..., mar_1: _Optional[float] = ..., mar_10: _Optional[float] = ..., mar_100: _Optional[float] = ..., mar_small: _Optional[float] = ..., mar_medium: _Optional[float] = ..., mar_large: _Optional[float] = ...) -> None: ...
