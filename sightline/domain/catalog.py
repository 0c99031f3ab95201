"""The catalog's nouns: ontologies, datasets and their versions, models, runs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from sightline.domain.json_values import json_fault
from sightline.domain.kinds import KINDS
from sightline.domain.names import ID_PATTERN, NAME_LIMIT

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_LIMIT, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""What people call a thing: one line, not empty."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=ID_PATTERN)]
"""What the server calls a thing."""


class Asked(BaseModel):
    """A request. What is not known is refused: a misspelt field must not look as if it had been heard."""

    model_config = ConfigDict(extra="forbid")


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

    version: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Refused when the draft is another one.")


class DatasetVersion(BaseModel):
    """A committed version, which never changes."""

    dataset_id: str
    version: int


class ModelAsked(Asked):
    """A model to be made."""

    name: Name = Field(examples=["yolo-s"])
    ontology_id: Id


class Model(BaseModel):
    """A model."""

    model_id: str = Field(examples=["mdl_q3vn7x5k2zb4cwta"])
    name: str
    ontology_id: str


class ModelRunAsked(Asked):
    """A run to be made. It is measured on this version of the dataset, for ever."""

    name: Name = Field(examples=["epoch 12"])
    model_id: Id
    dataset_id: Id
    dataset_version: int = Field(ge=1, le=2**31 - 1, examples=[1])
    config: dict[str, Any] = Field(default_factory=dict)

    @field_validator("config")
    @classmethod
    def _kept(cls, config: dict[str, Any]) -> dict[str, Any]:
        if fault := json_fault(config):
            raise ValueError(fault)
        return config


class ModelRun(BaseModel):
    """A run of a model."""

    run_id: str = Field(examples=["run_x5k2q3vn7zb4cwta"])
    name: str
    model_id: str
    dataset_id: str
    dataset_version: int
    ontology_id: str
    ontology_version: int
    state: str = Field(examples=["open"])
    config: dict[str, Any]
