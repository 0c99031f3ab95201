from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GroundTruthReplaced(_message.Message):
    __slots__ = ("dataset_id", "global_key", "import_id", "ordinal", "chunk", "chunks", "boxes", "only_unlabelled")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_KEY_FIELD_NUMBER: _ClassVar[int]
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    ONLY_UNLABELLED_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    global_key: str
    import_id: str
    ordinal: int
    chunk: int
    chunks: int
    boxes: BoxTruths
    only_unlabelled: bool
    def __init__(self, dataset_id: _Optional[str] = ..., global_key: _Optional[str] = ..., import_id: _Optional[str] = ..., ordinal: _Optional[int] = ..., chunk: _Optional[int] = ..., chunks: _Optional[int] = ..., boxes: _Optional[_Union[BoxTruths, _Mapping]] = ..., only_unlabelled: _Optional[bool] = ...) -> None: ...

class GroundTruthRemoved(_message.Message):
    __slots__ = ("dataset_id", "global_key", "import_id")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_KEY_FIELD_NUMBER: _ClassVar[int]
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    global_key: str
    import_id: str
    def __init__(self, dataset_id: _Optional[str] = ..., global_key: _Optional[str] = ..., import_id: _Optional[str] = ...) -> None: ...

class BoxTruths(_message.Message):
    __slots__ = ("count", "class_ids", "boxes", "areas", "crowds", "annotation_ids")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CLASS_IDS_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    AREAS_FIELD_NUMBER: _ClassVar[int]
    CROWDS_FIELD_NUMBER: _ClassVar[int]
    ANNOTATION_IDS_FIELD_NUMBER: _ClassVar[int]
    count: int
    class_ids: bytes
    boxes: bytes
    areas: bytes
    crowds: bytes
    annotation_ids: bytes
    def __init__(self, count: _Optional[int] = ..., class_ids: _Optional[bytes] = ..., boxes: _Optional[bytes] = ..., areas: _Optional[bytes] = ..., crowds: _Optional[bytes] = ..., annotation_ids: _Optional[bytes] = ...) -> None: ...
