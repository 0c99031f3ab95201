from sightline.wire.query.v1 import confusion_matrix_pb2 as _confusion_matrix_pb2
from sightline.wire.query.v1 import curves_pb2 as _curves_pb2
from sightline.wire.query.v1 import imports_pb2 as _imports_pb2
from sightline.wire.query.v1 import metrics_pb2 as _metrics_pb2
from sightline.wire.query.v1 import row_pb2 as _row_pb2
from sightline.wire.query.v1 import rows_pb2 as _rows_pb2
from sightline.wire.query.v1 import runs_pb2 as _runs_pb2
from sightline.wire.query.v1 import status_pb2 as _status_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
