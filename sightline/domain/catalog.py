"""The catalog's nouns: projects, ontologies, datasets and their versions, models, runs and their saved configs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from sightline.domain.json_values import json_fault
from sightline.domain.kinds import KINDS
from sightline.domain.names import ID_PATTERN, LINE_PATTERN, NAME_LIMIT, TEXT_PATTERN
from sightline.domain.splits import Split
from sightline.domain.steps import DATASET, MODEL, ONTOLOGY, Step

STEP_MISSING = "step_missing"
"""The type of the validation error of a request that doesn't name what it rests on. Its context has a `hint`."""

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_LIMIT, pattern=LINE_PATTERN)
]
"""What people call a thing: one line, not empty."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=ID_PATTERN)]
"""What the server calls a thing."""


class Asked(BaseModel):
    """A request. What is not known is refused: a misspelt field must not look as if it had been heard."""

    model_config = ConfigDict(extra="forbid")

    rests_on: ClassVar[Mapping[str, Step]] = {}
    """Steps that come before, by the fields that name what they made."""

    @model_validator(mode="before")
    @classmethod
    def _names_what_it_rests_on(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        said = cast(dict[str, Any], data)
        for field, step in cls.rests_on.items():
            if said.get(field) is None:
                context = {"field": field, "http": step.http, "hint": step.hint()}
                raise PydanticCustomError(STEP_MISSING, "{field} is missing: {http} makes one", context)
        if said.keys() - cls.model_fields.keys():  # their names are input, and not repeated
            known = {"known": ", ".join(cls.model_fields)}
            raise PydanticCustomError("unknown_field", "It has a field that is not known. Known are {known}.", known)
        return said


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Changes(Asked):
    """What is to be changed: what isn't sent stays as it is, null empties what may be empty."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    empty: ClassVar[Mapping[str, Any]] = {}
    """Fields that may be empty, and what they are then."""

    @model_validator(mode="before")
    @classmethod
    def _null_empties(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        said = cast(dict[str, Any], data)
        if not said:
            fields = " or ".join(cls.model_fields)
            raise PydanticCustomError("no_change", "Nothing is to be changed: send {fields}.", {"fields": fields})
        for field in cls.model_fields.keys() - cls.empty.keys():
            if field in said and said[field] is None:
                raise PydanticCustomError(
                    "never_empty", "There is always a {field}: null is not one.", {"field": field}
                )
        return {field: cls.empty.get(field) if value is None else value for field, value in said.items()}


Unsaid = SkipJsonSchema[None]
"""Of a field that is not sent; null is not allowed where this is."""


class NameChanges(Changes):
    """Another name."""

    name: Name = Field(examples=["another name"])


def _kept(config: dict[str, Any]) -> dict[str, Any]:
    if fault := json_fault(config):
        raise ValueError(fault)
    return config


Config = Annotated[dict[str, Any], AfterValidator(_kept), Field(examples=[{"epochs": 12, "weights": "s.pt"}])]
"""Whatever a team wants to remember of how a run was made: one JSON object."""

Version = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1, examples=[1])]


class ClassAsked(Asked):
    """A class to be made."""

    name: Name = Field(examples=["car"])
    kind: str = Field(default="box", description="The annotation kind of its instances.", examples=["box"])

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"known annotation kinds are {', '.join(sorted(KINDS))}")
        return kind


Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=TEXT_PATTERN)]
"""What people say of a thing, in a few lines."""


class ProjectAsked(Asked):
    """A project to be made."""

    name: Name = Field(examples=["night shift"])
    description: Description = ""


class ProjectChanges(Changes):
    """Another name, another description. An empty description is none."""

    empty: ClassVar[Mapping[str, Any]] = {"description": ""}

    name: Name | Unsaid = Field(default=None, examples=["late shift"])
    description: Description | None = None


class Project(BaseModel):
    """A project. `current`: requests like this one read and write it."""

    project_id: str = Field(examples=["prj_q3vn7x5k2zb4cwta"])
    name: str
    description: str
    current: bool


class ProjectDeleted(BaseModel):
    """A project that is gone."""

    project_id: str


class OntologyAsked(Asked):
    """An ontology to be made."""

    name: Name = Field(examples=["street scenes"])
    classes: list[ClassAsked] = Field(max_length=10_000)


class ClassesAsked(Asked):
    """Classes that an ontology shall have. Those that it has keep their ids."""

    classes: list[ClassAsked] = Field(max_length=10_000)


class OntologyClass(BaseModel):
    """A class. Its id is never used again."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["car"])
    kind: str = Field(examples=["box"])


class Ontology(BaseModel):
    """An ontology in its latest version."""

    ontology_id: str = Field(examples=["ont_5jx4zq2n7c3dkwfa"])
    name: str
    version: int = Field(examples=[1])
    classes: list[OntologyClass]


class DatasetAsked(Asked):
    """A dataset to be made."""

    rests_on = {"ontology_id": ONTOLOGY}

    name: Name = Field(examples=["crossings, May"])
    ontology_id: Id


class Dataset(BaseModel):
    """A dataset. `draft` is the number that its draft gets when it is committed."""

    dataset_id: str = Field(examples=["ds_b7xk2m4q5zv3tnra"])
    name: str
    ontology_id: str
    draft: int = Field(examples=[1])


class CommitAsked(Asked):
    """Which draft is to be committed."""

    version: Version | None = Field(
        default=None,
        description="The draft's. One that is committed is there already; a later or deleted one is refused.",
    )


class DatasetVersion(BaseModel):
    """A committed version, which never changes."""

    dataset_id: str
    version: int


class OntologyDeleted(BaseModel):
    """An ontology that is gone."""

    ontology_id: str


class DatasetDeleted(BaseModel):
    """A dataset that is gone, and how many runs went with it."""

    dataset_id: str
    deleted_runs: int


class DatasetVersionDeleted(DatasetVersion):
    """A version that is gone, and how many runs went with it."""

    deleted_runs: int


class ModelAsked(Asked):
    """A model to be made."""

    rests_on = {"ontology_id": ONTOLOGY}

    name: Name = Field(examples=["yolo-s"])
    ontology_id: Id


class Model(BaseModel):
    """A model."""

    model_id: str = Field(examples=["mdl_q3vn7x5k2zb4cwta"])
    name: str
    ontology_id: str


class ModelDeleted(BaseModel):
    """A model that is gone, and how many runs went with it."""

    model_id: str
    deleted_runs: int


class ModelRunAsked(Asked):
    """A run to be made. It is measured on this version of the dataset, for ever."""

    rests_on = {"dataset_id": DATASET, "model_id": MODEL}

    name: Name = Field(examples=["epoch 12"])
    model_id: Id
    dataset_id: Id
    dataset_version: Version | None = Field(default=None, description="Left out: the dataset's draft.")
    ontology_version: Version | None = Field(default=None, description="Left out: the latest of the ontology.")
    splits: list[Split] = Field(
        default_factory=list[Split],
        max_length=4,
        description="Only labelled rows of these splits are in the run's scope. None: all labelled rows.",
        examples=[["validation"]],
    )
    accepts_new_rows: bool = Field(
        default=False, description="A row that the dataset doesn't have is made when the run first predicts on it."
    )
    config: Config = Field(default_factory=dict)
    run_config_id: Id | None = Field(default=None, description="A saved config, to be copied in place of `config`.")


class ModelRunChanges(Changes):
    """Another name, another config."""

    empty: ClassVar[Mapping[str, Any]] = {"config": {}}

    name: Name | Unsaid = Field(default=None, examples=["epoch 12, again"])
    config: Config | None = Field(default=None, description="Takes the place of the whole config; null: no config.")


class ModelRun(BaseModel):
    """A run of a model."""

    run_id: str = Field(examples=["run_x5k2q3vn7zb4cwta"])
    name: str
    model_id: str
    dataset_id: str
    dataset_version: int
    ontology_id: str
    ontology_version: int
    splits: list[str] = Field(examples=[["validation"]])
    accepts_new_rows: bool
    state: str = Field(examples=["open"])
    config: dict[str, Any]


class ModelRunDeleted(BaseModel):
    """A run that is gone."""

    run_id: str


class RunConfigAsked(Asked):
    """A config to be saved under a name, for runs to come."""

    name: Name = Field(examples=["nightly"])
    config: Config


class RunConfigChanges(Changes):
    """Another name, another config."""

    name: Name | Unsaid = Field(default=None, examples=["nightly, longer"])
    config: Config | Unsaid = Field(default=None, description="Takes the place of the whole config.")


class RunConfig(BaseModel):
    """A saved config. Runs keep copies: nothing that is done to it changes them."""

    run_config_id: str = Field(examples=["cfg_k2x5q3vn7zb4cwta"])
    name: str
    config: dict[str, Any]


class RunConfigDeleted(BaseModel):
    """A saved config that is gone."""

    run_config_id: str
