from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ImportEnded(_message.Message):
    __slots__ = ("import_id", "dataset_id", "run_id", "unlabel_others")
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    UNLABEL_OTHERS_FIELD_NUMBER: _ClassVar[int]
    import_id: str
    dataset_id: str
    run_id: str
    unlabel_others: bool
    def __init__(self, import_id: _Optional[str] = ..., dataset_id: _Optional[str] = ..., run_id: _Optional[str] = ..., unlabel_others: _Optional[bool] = ...) -> None: ...
