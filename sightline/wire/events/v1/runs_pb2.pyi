from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class RunTouched(_message.Message):
    __slots__ = ("run_id", "row_partition", "settled")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ROW_PARTITION_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    row_partition: int
    settled: bool
    def __init__(self, run_id: _Optional[str] = ..., row_partition: _Optional[int] = ..., settled: _Optional[bool] = ...) -> None: ...
