from sightline.wire.query.v1 import thresholds_pb2 as _thresholds_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RowOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROW_ORDER_UNSPECIFIED: _ClassVar[RowOrder]
    ROW_ORDER_CONFIDENCE_ASCENDING: _ClassVar[RowOrder]
    ROW_ORDER_CONFIDENCE_DESCENDING: _ClassVar[RowOrder]
    ROW_ORDER_IOU_ASCENDING: _ClassVar[RowOrder]
    ROW_ORDER_IOU_DESCENDING: _ClassVar[RowOrder]
ROW_ORDER_UNSPECIFIED: RowOrder
ROW_ORDER_CONFIDENCE_ASCENDING: RowOrder
ROW_ORDER_CONFIDENCE_DESCENDING: RowOrder
ROW_ORDER_IOU_ASCENDING: RowOrder
ROW_ORDER_IOU_DESCENDING: RowOrder

class ListRunRowsRequest(_message.Message):
    __slots__ = ("run_id", "thresholds", "classes", "confidence", "iou", "tp", "fp", "fn", "order", "page_size", "page_token")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    IOU_FIELD_NUMBER: _ClassVar[int]
    TP_FIELD_NUMBER: _ClassVar[int]
    FP_FIELD_NUMBER: _ClassVar[int]
    FN_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    thresholds: _thresholds_pb2.Thresholds
    classes: _containers.RepeatedScalarFieldContainer[str]
    confidence: Between
    iou: Between
    tp: Between
    fp: Between
    fn: Between
    order: RowOrder
    page_size: int
    page_token: str
    def __init__(self, run_id: _Optional[str] = ..., thresholds: _Optional[_Union[_thresholds_pb2.Thresholds, _Mapping]] = ..., classes: _Optional[_Iterable[str]] = ..., confidence: _Optional[_Union[Between, _Mapping]] = ..., iou: _Optional[_Union[Between, _Mapping]] = ..., tp: _Optional[_Union[Between, _Mapping]] = ..., fp: _Optional[_Union[Between, _Mapping]] = ..., fn: _Optional[_Union[Between, _Mapping]] = ..., order: _Optional[_Union[RowOrder, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRunRowsResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[RunRow]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[RunRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Between(_message.Message):
    __slots__ = ("least", "most")
    LEAST_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    least: float
    most: float
    def __init__(self, least: _Optional[float] = ..., most: _Optional[float] = ...) -> None: ...

class RunRow(_message.Message):
    __slots__ = ("global_key", "ordinal", "predictions", "truths", "tp", "fp", "fn", "precision", "recall", "f1", "iou", "confidence", "asset_url", "width", "height", "split")
    GLOBAL_KEY_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    TRUTHS_FIELD_NUMBER: _ClassVar[int]
    TP_FIELD_NUMBER: _ClassVar[int]
    FP_FIELD_NUMBER: _ClassVar[int]
    FN_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    F1_FIELD_NUMBER: _ClassVar[int]
    IOU_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    ASSET_URL_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    global_key: str
    ordinal: int
    predictions: int
    truths: int
    tp: int
    fp: int
    fn: int
    precision: float
    recall: float
    f1: float
    iou: float
    confidence: float
    asset_url: str
    width: int
    height: int
    split: str
    def __init__(self, global_key: _Optional[str] = ..., ordinal: _Optional[int] = ..., predictions: _Optional[int] = ..., truths: _Optional[int] = ..., tp: _Optional[int] = ..., fp: _Optional[int] = ..., fn: _Optional[int] = ..., precision: _Optional[float] = ..., recall: _Optional[float] = ..., f1: _Optional[float] = ..., iou: _Optional[float] = ..., confidence: _Optional[float] = ..., asset_url: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., split: _Optional[str] = ...) -> None: ...

class RowCounts(_message.Message):
    __slots__ = ("tp", "fp", "fn", "precision", "recall", "f1", "iou")
    TP_FIELD_NUMBER: _ClassVar[int]
    FP_FIELD_NUMBER: _ClassVar[int]
    FN_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    F1_FIELD_NUMBER: _ClassVar[int]
    IOU_FIELD_NUMBER: _ClassVar[int]
    tp: int
    fp: int
    fn: int
    precision: float
    recall: float
    f1: float
    iou: float
    def __init__(self, tp: _Optional[int] = ..., fp: _Optional[int] = ..., fn: _Optional[int] = ..., precision: _Optional[float] = ..., recall: _Optional[float] = ..., f1: _Optional[float] = ..., iou: _Optional[float] = ...) -> None: ...
