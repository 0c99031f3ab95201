from sightline.wire.events.v1 import data_rows_pb2 as _data_rows_pb2
from sightline.wire.events.v1 import predictions_pb2 as _predictions_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CatalogRequest(_message.Message):
    __slots__ = ("request_id", "create_dataset", "commit_dataset_version", "create_ontology", "create_ontology_version", "create_model", "create_model_run", "begin_import", "end_import", "update_dataset", "delete_dataset", "delete_dataset_version", "update_ontology", "delete_ontology", "update_model", "delete_model", "update_model_run", "delete_model_run", "seal_model_run", "reopen_model_run", "create_run_config", "delete_run_config", "create_project", "update_project", "delete_project", "update_run_config")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_DATASET_FIELD_NUMBER: _ClassVar[int]
    COMMIT_DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_ONTOLOGY_FIELD_NUMBER: _ClassVar[int]
    CREATE_ONTOLOGY_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_MODEL_FIELD_NUMBER: _ClassVar[int]
    CREATE_MODEL_RUN_FIELD_NUMBER: _ClassVar[int]
    BEGIN_IMPORT_FIELD_NUMBER: _ClassVar[int]
    END_IMPORT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_DATASET_FIELD_NUMBER: _ClassVar[int]
    DELETE_DATASET_FIELD_NUMBER: _ClassVar[int]
    DELETE_DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    UPDATE_ONTOLOGY_FIELD_NUMBER: _ClassVar[int]
    DELETE_ONTOLOGY_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MODEL_FIELD_NUMBER: _ClassVar[int]
    DELETE_MODEL_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MODEL_RUN_FIELD_NUMBER: _ClassVar[int]
    DELETE_MODEL_RUN_FIELD_NUMBER: _ClassVar[int]
    SEAL_MODEL_RUN_FIELD_NUMBER: _ClassVar[int]
    REOPEN_MODEL_RUN_FIELD_NUMBER: _ClassVar[int]
    CREATE_RUN_CONFIG_FIELD_NUMBER: _ClassVar[int]
    DELETE_RUN_CONFIG_FIELD_NUMBER: _ClassVar[int]
    CREATE_PROJECT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_PROJECT_FIELD_NUMBER: _ClassVar[int]
    DELETE_PROJECT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_RUN_CONFIG_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    create_dataset: CreateDataset
    commit_dataset_version: CommitDatasetVersion
    create_ontology: CreateOntology
    create_ontology_version: CreateOntologyVersion
    create_model: CreateModel
    create_model_run: CreateModelRun
    begin_import: BeginImport
    end_import: EndImport
    update_dataset: UpdateDataset
    delete_dataset: DeleteDataset
    delete_dataset_version: DeleteDatasetVersion
    update_ontology: UpdateOntology
    delete_ontology: DeleteOntology
    update_model: UpdateModel
    delete_model: DeleteModel
    update_model_run: UpdateModelRun
    delete_model_run: DeleteModelRun
    seal_model_run: SealModelRun
    reopen_model_run: ReopenModelRun
    create_run_config: CreateRunConfig
    delete_run_config: DeleteRunConfig
    create_project: CreateProject
    update_project: UpdateProject
    delete_project: DeleteProject
    update_run_config: UpdateRunConfig
    def __init__(self, request_id: _Optional[str] = ..., create_dataset: _Optional[_Union[CreateDataset, _Mapping]] = ..., commit_dataset_version: _Optional[_Union[CommitDatasetVersion, _Mapping]] = ..., create_ontology: _Optional[_Union[CreateOntology, _Mapping]] = ..., create_ontology_version: _Optional[_Union[CreateOntologyVersion, _Mapping]] = ..., create_model: _Optional[_Union[CreateModel, _Mapping]] = ..., create_model_run: _Optional[_Union[CreateModelRun, _Mapping]] = ..., begin_import: _Optional[_Union[BeginImport, _Mapping]] = ..., end_import: _Optional[_Union[EndImport, _Mapping]] = ..., update_dataset: _Optional[_Union[UpdateDataset, _Mapping]] = ..., delete_dataset: _Optional[_Union[DeleteDataset, _Mapping]] = ..., delete_dataset_version: _Optional[_Union[DeleteDatasetVersion, _Mapping]] = ..., update_ontology: _Optional[_Union[UpdateOntology, _Mapping]] = ..., delete_ontology: _Optional[_Union[DeleteOntology, _Mapping]] = ..., update_model: _Optional[_Union[UpdateModel, _Mapping]] = ..., delete_model: _Optional[_Union[DeleteModel, _Mapping]] = ..., update_model_run: _Optional[_Union[UpdateModelRun, _Mapping]] = ..., delete_model_run: _Optional[_Union[DeleteModelRun, _Mapping]] = ..., seal_model_run: _Optional[_Union[SealModelRun, _Mapping]] = ..., reopen_model_run: _Optional[_Union[ReopenModelRun, _Mapping]] = ..., create_run_config: _Optional[_Union[CreateRunConfig, _Mapping]] = ..., delete_run_config: _Optional[_Union[DeleteRunConfig, _Mapping]] = ..., create_project: _Optional[_Union[CreateProject, _Mapping]] = ..., update_project: _Optional[_Union[UpdateProject, _Mapping]] = ..., delete_project: _Optional[_Union[DeleteProject, _Mapping]] = ..., update_run_config: _Optional[_Union[UpdateRunConfig, _Mapping]] = ...) -> None: ...

class CreateProject(_message.Message):
    __slots__ = ("project_id", "name", "description")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    name: str
    description: str
    def __init__(self, project_id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class UpdateProject(_message.Message):
    __slots__ = ("project_id", "name", "description")
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    name: str
    description: str
    def __init__(self, project_id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class DeleteProject(_message.Message):
    __slots__ = ("project_id",)
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    project_id: str
    def __init__(self, project_id: _Optional[str] = ...) -> None: ...

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

class UpdateDataset(_message.Message):
    __slots__ = ("dataset_id", "name")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    name: str
    def __init__(self, dataset_id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class DeleteDataset(_message.Message):
    __slots__ = ("dataset_id",)
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    def __init__(self, dataset_id: _Optional[str] = ...) -> None: ...

class DeleteDatasetVersion(_message.Message):
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

class UpdateOntology(_message.Message):
    __slots__ = ("ontology_id", "name")
    ONTOLOGY_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ontology_id: str
    name: str
    def __init__(self, ontology_id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class DeleteOntology(_message.Message):
    __slots__ = ("ontology_id",)
    ONTOLOGY_ID_FIELD_NUMBER: _ClassVar[int]
    ontology_id: str
    def __init__(self, ontology_id: _Optional[str] = ...) -> None: ...

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

class UpdateModel(_message.Message):
    __slots__ = ("model_id", "name")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    name: str
    def __init__(self, model_id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class DeleteModel(_message.Message):
    __slots__ = ("model_id",)
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    def __init__(self, model_id: _Optional[str] = ...) -> None: ...

class CreateModelRun(_message.Message):
    __slots__ = ("run_id", "model_id", "name", "dataset_id", "dataset_version", "ontology_version", "config_json", "run_config_id", "splits", "accepts_new_rows")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    ONTOLOGY_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    RUN_CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    SPLITS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTS_NEW_ROWS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    model_id: str
    name: str
    dataset_id: str
    dataset_version: int
    ontology_version: int
    config_json: bytes
    run_config_id: str
    splits: _containers.RepeatedScalarFieldContainer[_data_rows_pb2.Split]
    accepts_new_rows: bool
    def __init__(self, run_id: _Optional[str] = ..., model_id: _Optional[str] = ..., name: _Optional[str] = ..., dataset_id: _Optional[str] = ..., dataset_version: _Optional[int] = ..., ontology_version: _Optional[int] = ..., config_json: _Optional[bytes] = ..., run_config_id: _Optional[str] = ..., splits: _Optional[_Iterable[_Union[_data_rows_pb2.Split, str]]] = ..., accepts_new_rows: _Optional[bool] = ...) -> None: ...

class UpdateModelRun(_message.Message):
    __slots__ = ("run_id", "name", "config_json")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    name: str
    config_json: bytes
    def __init__(self, run_id: _Optional[str] = ..., name: _Optional[str] = ..., config_json: _Optional[bytes] = ...) -> None: ...

class DeleteModelRun(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class SealModelRun(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class ReopenModelRun(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class CreateRunConfig(_message.Message):
    __slots__ = ("run_config_id", "name", "config_json")
    RUN_CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    run_config_id: str
    name: str
    config_json: bytes
    def __init__(self, run_config_id: _Optional[str] = ..., name: _Optional[str] = ..., config_json: _Optional[bytes] = ...) -> None: ...

class UpdateRunConfig(_message.Message):
    __slots__ = ("run_config_id", "name", "config_json")
    RUN_CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    run_config_id: str
    name: str
    config_json: bytes
    def __init__(self, run_config_id: _Optional[str] = ..., name: _Optional[str] = ..., config_json: _Optional[bytes] = ...) -> None: ...

class DeleteRunConfig(_message.Message):
    __slots__ = ("run_config_id",)
    RUN_CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    run_config_id: str
    def __init__(self, run_config_id: _Optional[str] = ...) -> None: ...

class BeginImport(_message.Message):
    __slots__ = ("import_id", "dataset_id", "run_id", "mode", "format", "name")
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    import_id: str
    dataset_id: str
    run_id: str
    mode: _predictions_pb2.ImportMode
    format: str
    name: str
    def __init__(self, import_id: _Optional[str] = ..., dataset_id: _Optional[str] = ..., run_id: _Optional[str] = ..., mode: _Optional[_Union[_predictions_pb2.ImportMode, str]] = ..., format: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class EndImport(_message.Message):
    __slots__ = ("import_id", "failure", "accepted", "rejected", "truth_digest", "end_offsets", "nothing_follows", "category_classes")
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
    NOTHING_FOLLOWS_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_CLASSES_FIELD_NUMBER: _ClassVar[int]
    import_id: str
    failure: str
    accepted: int
    rejected: int
    truth_digest: str
    end_offsets: _containers.ScalarMap[int, int]
    nothing_follows: bool
    category_classes: _containers.ScalarMap[int, int]
    def __init__(self, import_id: _Optional[str] = ..., failure: _Optional[str] = ..., accepted: _Optional[int] = ..., rejected: _Optional[int] = ..., truth_digest: _Optional[str] = ..., end_offsets: _Optional[_Mapping[int, int]] = ..., nothing_follows: _Optional[bool] = ..., category_classes: _Optional[_Mapping[int, int]] = ...) -> None: ...
