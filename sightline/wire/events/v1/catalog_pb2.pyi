from sightline.wire.events.v1 import predictions_pb2 as _predictions_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CatalogRequest(_message.Message):
    __slots__ = ("request_id", "create_dataset", "commit_dataset_version", "create_ontology", "create_ontology_version", "create_model", "create_model_run", "begin_import", "end_import")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_DATASET_FIELD_NUMBER: _ClassVar[int]
    COMMIT_DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_ONTOLOGY_FIELD_NUMBER: _ClassVar[int]
    CREATE_ONTOLOGY_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_MODEL_FIELD_NUMBER: _ClassVar[int]
    CREATE_MODEL_RUN_FIELD_NUMBER: _ClassVar[int]
    BEGIN_IMPORT_FIELD_NUMBER: _ClassVar[int]
    END_IMPORT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    create_dataset: CreateDataset
    commit_dataset_version: CommitDatasetVersion
    create_ontology: CreateOntology
    create_ontology_version: CreateOntologyVersion
    create_model: CreateModel
    create_model_run: CreateModelRun
    begin_import: BeginImport
    end_import: EndImport
    def __init__(self, request_id: _Optional[str] = ..., create_dataset: _Optional[_Union[CreateDataset, _Mapping]] = ..., commit_dataset_version: _Optional[_Union[CommitDatasetVersion, _Mapping]] = ..., create_ontology: _Optional[_Union[CreateOntology, _Mapping]] = ..., create_ontology_version: _Optional[_Union[CreateOntologyVersion, _Mapping]] = ..., create_model: _Optional[_Union[CreateModel, _Mapping]] = ..., create_model_run: _Optional[_Union[CreateModelRun, _Mapping]] = ..., begin_import: _Optional[_Union[BeginImport, _Mapping]] = ..., end_import: _Optional[_Union[EndImport, _Mapping]] = ...) -> None: ...

class CreateDataset(_message.Message):
    __slots__ = ("dataset_id", "name", "ontology_id")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ONTOLOGY_ID_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    name: str
    ontology_id: str
    def __init__(self, dataset_id: _Optional[str] = ..., name: _Optional[str] = ..., ontology_id: _Optional[str] = ...) -> None: ...

class CommitDatasetVersion(_message.Message):
    __slots__ = ("dataset_id", "dataset_version")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    dataset_version: int
    def __init__(self, dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ...) -> None: ...

class CreateOntology(_message.Message):
    __slots__ = ("ontology_id", "name", "classes")
    ONTOLOGY_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    ontology_id: str
    name: str
    classes: _containers.RepeatedCompositeFieldContainer[OntologyClass]
    def __init__(self, ontology_id: _Optional[str] = ..., name: _Optional[str] = ..., classes: _Optional[_Iterable[_Union[OntologyClass, _Mapping]]] = ...) -> None: ...

class CreateOntologyVersion(_message.Message):
    __slots__ = ("ontology_id", "classes")
    ONTOLOGY_ID_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    ontology_id: str
    classes: _containers.RepeatedCompositeFieldContainer[OntologyClass]
    def __init__(self, ontology_id: _Optional[str] = ..., classes: _Optional[_Iterable[_Union[OntologyClass, _Mapping]]] = ...) -> None: ...

class OntologyClass(_message.Message):
    __slots__ = ("name", "kind")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class CreateModel(_message.Message):
    __slots__ = ("model_id", "name", "ontology_id")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ONTOLOGY_ID_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    name: str
    ontology_id: str
    def __init__(self, model_id: _Optional[str] = ..., name: _Optional[str] = ..., ontology_id: _Optional[str] = ...) -> None: ...

class CreateModelRun(_message.Message):
    __slots__ = ("run_id", "model_id", "name", "dataset_id", "dataset_version", "ontology_version", "config_json")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    ONTOLOGY_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    model_id: str
    name: str
    dataset_id: str
    dataset_version: int
    ontology_version: int
    config_json: bytes
    def __init__(self, run_id: _Optional[str] = ..., model_id: _Optional[str] = ..., name: _Optional[str] = ..., dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ..., ontology_version: _Optional[int] = ..., config_json: _Optional[bytes] = ...) -> None: ...

class BeginImport(_message.Message):
    __slots__ = ("import_id", "dataset_id", "run_id", "mode", "format")
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    import_id: str
    dataset_id: str
    run_id: str
    mode: _predictions_pb2.ImportMode
    format: str
    def __init__(self, import_id: _Optional[str] = ..., dataset_id: _Optional[str] = ..., run_id: _Optional[str] = ..., mode: _Optional[_Union[_predictions_pb2.ImportMode, str]] = ..., format: _Optional[str] = ...) -> None: ...

class EndImport(_message.Message):
    __slots__ = ("import_id", "failure", "accepted", "rejected", "truth_digest", "end_offsets", "category_classes")
    class EndOffsetsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    class CategoryClassesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    TRUTH_DIGEST_FIELD_NUMBER: _ClassVar[int]
    END_OFFSETS_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_CLASSES_FIELD_NUMBER: _ClassVar[int]
    import_id: str
    failure: str
    accepted: int
    rejected: int
    truth_digest: str
    end_offsets: _containers.ScalarMap[int, int]
    category_classes: _containers.ScalarMap[int, int]
    def __init__(self, import_id: _Optional[str] = ..., failure: _Optional[str] = ..., accepted: _Optional[int] = ..., rejected: _Optional[int] = ..., truth_digest: _Optional[str] = ..., end_offsets: _Optional[_Mapping[int, int]] = ..., category_classes: _Optional[_Mapping[int, int]] = ...) -> None: ...
