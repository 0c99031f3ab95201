from google.protobuf import struct_pb2 as _struct_pb2
from sightline.wire.query.v1 import rows_pb2 as _rows_pb2
from sightline.wire.query.v1 import thresholds_pb2 as _thresholds_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetRunRowRequest(_message.Message):
    __slots__ = ("run_id", "global_key", "thresholds")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_KEY_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    global_key: str
    thresholds: _thresholds_pb2.Thresholds
    def __init__(self, run_id: _Optional[str] = ..., global_key: _Optional[str] = ..., thresholds: _Optional[_Union[_thresholds_pb2.Thresholds, _Mapping]] = ...) -> None: ...

class GetRunRowResponse(_message.Message):
    __slots__ = ("run_id", "dataset_id", "dataset_version", "global_key", "ordinal", "labelled", "predicted", "iou", "confidence", "values", "predictions", "truths", "pairs", "asset_url", "width", "height", "split", "metadata")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_KEY_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    LABELLED_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    IOU_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    TRUTHS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    ASSET_URL_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    dataset_id: str
    dataset_version: int
    global_key: str
    ordinal: int
    labelled: bool
    predicted: bool
    iou: float
    confidence: float
    values: _rows_pb2.RowCounts
    predictions: _containers.RepeatedCompositeFieldContainer[RowPrediction]
    truths: _containers.RepeatedCompositeFieldContainer[RowTruth]
    pairs: _containers.RepeatedCompositeFieldContainer[RowPair]
    asset_url: str
    width: int
    height: int
    split: str
    metadata: _struct_pb2.Struct
    def __init__(self, run_id: _Optional[str] = ..., dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ..., global_key: _Optional[str] = ..., ordinal: _Optional[int] = ..., labelled: _Optional[bool] = ..., predicted: _Optional[bool] = ..., iou: _Optional[float] = ..., confidence: _Optional[float] = ..., values: _Optional[_Union[_rows_pb2.RowCounts, _Mapping]] = ..., predictions: _Optional[_Iterable[_Union[RowPrediction, _Mapping]]] = ..., truths: _Optional[_Iterable[_Union[RowTruth, _Mapping]]] = ..., pairs: _Optional[_Iterable[_Union[RowPair, _Mapping]]] = ..., asset_url: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., split: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class RowPrediction(_message.Message):
    __slots__ = ("class_name", "confidence", "box", "area", "place", "uuid", "verdict", "truth", "overlap")
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    AREA_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    TRUTH_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    class_name: str
    confidence: float
    box: _containers.RepeatedScalarFieldContainer[float]
    area: float
    place: int
    uuid: str
    verdict: str
    truth: int
    overlap: float
    def __init__(self, class_name: _Optional[str] = ..., confidence: _Optional[float] = ..., box: _Optional[_Iterable[float]] = ..., area: _Optional[float] = ..., place: _Optional[int] = ..., uuid: _Optional[str] = ..., verdict: _Optional[str] = ..., truth: _Optional[int] = ..., overlap: _Optional[float] = ...) -> None: ...

class RowTruth(_message.Message):
    __slots__ = ("class_name", "box", "area", "crowd", "annotation_id", "verdict", "prediction")
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    AREA_FIELD_NUMBER: _ClassVar[int]
    CROWD_FIELD_NUMBER: _ClassVar[int]
    ANNOTATION_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    class_name: str
    box: _containers.RepeatedScalarFieldContainer[float]
    area: float
    crowd: bool
    annotation_id: int
    verdict: str
    prediction: int
    def __init__(self, class_name: _Optional[str] = ..., box: _Optional[_Iterable[float]] = ..., area: _Optional[float] = ..., crowd: _Optional[bool] = ..., annotation_id: _Optional[int] = ..., verdict: _Optional[str] = ..., prediction: _Optional[int] = ...) -> None: ...

class RowPair(_message.Message):
    __slots__ = ("prediction", "truth", "overlap")
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    TRUTH_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    prediction: int
    truth: int
    overlap: float
    def __init__(self, prediction: _Optional[int] = ..., truth: _Optional[int] = ..., overlap: _Optional[float] = ...) -> None: ...
