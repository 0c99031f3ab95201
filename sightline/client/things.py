"""What a server has, as clients hold it: an origin that knows the way there, and what the server said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

from sightline.client.answers import (
    DatasetFacts,
    ImportJob,
    JsonObject,
    ModelFacts,
    OntologyClass,
    OntologyFacts,
    ProjectFacts,
    Rejection,
    RunConfig,
    RunFacts,
)
from sightline.client.signatures import name_after_attributes

D = TypeVar("D")
F = TypeVar("F")
F_contra = TypeVar("F_contra", contravariant=True)
K_co = TypeVar("K_co", covariant=True)


@dataclass(slots=True)
class Origin(Generic[D]):
    """How a server is talked to: `drive` is what sends."""

    drive: D
    progress: bool | None = None
    """Whether bars are shown; None: on terminals and in notebooks."""


class Kind(Protocol[D, F_contra, K_co]):
    """A class of things, which makes one from where it is and what the server says of it."""

    __name__: str

    def __call__(self, origin: Origin[D], facts: F_contra, /) -> K_co:
        """Make one."""
        ...


class Thing(Generic[D, F]):
    """Something that a server has. Equal ones say the same."""

    told: ClassVar[tuple[str, ...]] = ()
    """What its `repr` says of it."""

    def __init__(self, origin: Origin[D], facts: F) -> None:
        self.origin = origin
        self.facts = facts
        """What the server said last of it."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        name_after_attributes(cls)

    def __repr__(self) -> str:
        said = [f"{name}={getattr(self.facts, name)!r}" for name in self.told]
        return f"{type(self).__name__}({', '.join(said) or repr(self.facts)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing) and cast("Thing[Any, Any]", other).facts == self.facts

    def __hash__(self) -> int:
        return hash(repr(self.facts))


class ProjectThing(Thing[D, ProjectFacts]):
    """A project."""

    told = ("name", "project_id", "current")

    @property
    def project_id(self) -> str:
        """What the server calls it."""
        return self.facts.project_id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.facts.name

    @property
    def description(self) -> str:
        """What people say of it."""
        return self.facts.description

    @property
    def current(self) -> bool:
        """Whether this client reads and writes it."""
        return self.facts.current


class OntologyThing(Thing[D, OntologyFacts]):
    """An ontology in its latest version."""

    told = ("name", "ontology_id", "version")

    @property
    def ontology_id(self) -> str:
        """What the server calls it."""
        return self.facts.ontology_id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.facts.name

    @property
    def version(self) -> int:
        """Its latest version."""
        return self.facts.version

    @property
    def classes(self) -> tuple[OntologyClass, ...]:
        """Its classes in that version."""
        return self.facts.classes


class DatasetThing(Thing[D, DatasetFacts]):
    """A dataset."""

    told = ("name", "dataset_id", "draft")

    @property
    def dataset_id(self) -> str:
        """What the server calls it."""
        return self.facts.dataset_id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.facts.name

    @property
    def ontology_id(self) -> str:
        """The ontology of its truth."""
        return self.facts.ontology_id

    @property
    def draft(self) -> int:
        """The number that its next version will have."""
        return self.facts.draft


class ModelThing(Thing[D, ModelFacts]):
    """A model."""

    told = ("name", "model_id")

    @property
    def model_id(self) -> str:
        """What the server calls it."""
        return self.facts.model_id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.facts.name

    @property
    def ontology_id(self) -> str:
        """The ontology of what it predicts."""
        return self.facts.ontology_id


class RunThing(Thing[D, RunFacts]):
    """A run of a model."""

    told = ("name", "run_id", "dataset_version", "state")

    @property
    def run_id(self) -> str:
        """What the server calls it."""
        return self.facts.run_id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.facts.name

    @property
    def project_id(self) -> str:
        """To what it belongs."""
        return self.facts.project_id

    @property
    def model_id(self) -> str:
        """Of which model it is."""
        return self.facts.model_id

    @property
    def dataset_id(self) -> str:
        """What it is measured on."""
        return self.facts.dataset_id

    @property
    def dataset_version(self) -> int:
        """Which version of that."""
        return self.facts.dataset_version

    @property
    def state(self) -> str:
        """`open`, or `sealed`."""
        return self.facts.state

    @property
    def config(self) -> JsonObject:
        """How it was made."""
        return self.facts.config or {}


class JobThing(Thing[D, ImportJob]):
    """An import."""

    told = ("job", "name", "state", "accepted", "rejected", "measured")

    @property
    def job(self) -> str:
        """What the server calls it."""
        return self.facts.job

    @property
    def name(self) -> str | None:
        """What its client called it, such as the name of its file."""
        return self.facts.name

    @property
    def state(self) -> str:
        """RUNNING, FINISHED or FAILED."""
        return self.facts.state

    @property
    def accepted(self) -> int:
        """Items that were taken."""
        return self.facts.accepted

    @property
    def rejected(self) -> int:
        """Items that were not."""
        return self.facts.rejected

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """The first of those, with the reasons."""
        return self.facts.rejections

    @property
    def warnings(self) -> dict[str, int]:
        """What was taken although it is odd, and how often."""
        return self.facts.warnings

    @property
    def measured(self) -> bool:
        """Whether the run's numbers rest on all of it, as far as was asked."""
        return bool(self.facts.measured)


AnyOntology = OntologyThing[Any] | str
AnyDataset = DatasetThing[Any] | str
AnyModel = ModelThing[Any] | str
AnyConfig = RunConfig | str


def ontology_id(ontology: AnyOntology) -> str:
    """The id of an ontology, which may be said by its id."""
    return ontology if isinstance(ontology, str) else ontology.ontology_id


def dataset_id(dataset: AnyDataset) -> str:
    """The same for datasets."""
    return dataset if isinstance(dataset, str) else dataset.dataset_id


def model_id(model: AnyModel) -> str:
    """The same for models."""
    return model if isinstance(model, str) else model.model_id


def config_id(saved: AnyConfig) -> str:
    """The same for saved configs."""
    return saved if isinstance(saved, str) else saved.run_config_id
