from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Split(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPLIT_UNSPECIFIED: _ClassVar[Split]
    SPLIT_TRAINING: _ClassVar[Split]
    SPLIT_VALIDATION: _ClassVar[Split]
    SPLIT_TEST: _ClassVar[Split]
    SPLIT_UNASSIGNED: _ClassVar[Split]
SPLIT_UNSPECIFIED: Split
SPLIT_TRAINING: Split
SPLIT_VALIDATION: Split
SPLIT_TEST: Split
SPLIT_UNASSIGNED: Split

class DataRowUpserted(_message.Message):
    __slots__ = ("dataset_id", "global_key", "ordinal", "asset_url", "width", "height", "split", "metadata_json", "only_new", "source_offset", "import_id", "only_known", "cleared")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_KEY_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    ASSET_URL_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    ONLY_NEW_FIELD_NUMBER: _ClassVar[int]
    SOURCE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    ONLY_KNOWN_FIELD_NUMBER: _ClassVar[int]
    CLEARED_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    global_key: str
    ordinal: int
    asset_url: str
    width: int
    height: int
    split: Split
    metadata_json: bytes
    only_new: bool
    source_offset: int
    import_id: str
    only_known: bool
    cleared: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, dataset_id: _Optional[str] = ..., global_key: _Optional[str] = ..., ordinal: _Optional[int] = ..., asset_url: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., split: _Optional[_Union[Split, str]] = ..., metadata_json: _Optional[bytes] = ..., only_new: _Optional[bool] = ..., source_offset: _Optional[int] = ..., import_id: _Optional[str] = ..., only_known: _Optional[bool] = ..., cleared: _Optional[_Iterable[str]] = ...) -> None: ...

class DataRowDeleted(_message.Message):
    __slots__ = ("dataset_id", "global_key", "import_id")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_KEY_FIELD_NUMBER: _ClassVar[int]
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    global_key: str
    import_id: str
    def __init__(self, dataset_id: _Optional[str] = ..., global_key: _Optional[str] = ..., import_id: _Optional[str] = ...) -> None: ...
