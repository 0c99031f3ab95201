"""What the server says, in types. Unknown fields are passed over, so that a newer server can be talked to."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from sightline.domain.names import DEFAULT_PROJECT

JsonObject = dict[str, Any]


class ProjectFacts(Struct, frozen=True):
    """A project, to which everything else belongs. `current`: this client reads and writes it."""

    project_id: str
    name: str
    description: str = ""
    current: bool = False


class DatasetFacts(Struct, frozen=True):
    """A dataset; `draft` is the number its next version will have."""

    dataset_id: str
    name: str
    ontology_id: str
    draft: int = 1


class DatasetVersion(Struct, frozen=True):
    """A committed version of a dataset, which never changes."""

    version: int
    truth_digest: str | None = None
    dataset_id: str = ""


class OntologyClass(Struct, frozen=True):
    """A class of an ontology."""

    name: str
    kind: str = "box"
    id: int = 0


class OntologyFacts(Struct, frozen=True):
    """The latest version of an ontology."""

    ontology_id: str
    name: str
    classes: tuple[OntologyClass, ...]
    version: int = 1


class ModelFacts(Struct, frozen=True):
    """A model (an experiment), which has runs."""

    model_id: str
    name: str
    ontology_id: str


class RunFacts(Struct, frozen=True):
    """A model run: one model's predictions on one dataset version."""

    run_id: str
    name: str
    model_id: str
    dataset_id: str
    dataset_version: int
    project_id: str = DEFAULT_PROJECT
    ontology_version: int = 1
    splits: tuple[str, ...] = ()
    accepts_new_rows: bool = False
    state: str = "open"
    config: JsonObject | None = None
    summary: JsonObject | None = None


class RunConfig(Struct, frozen=True):
    """A config that is saved under a name, for runs to come."""

    run_config_id: str
    name: str
    config: JsonObject


class DataRow(Struct, frozen=True):
    """An image of a dataset. `labelled`: the draft, or the version asked for, says what is there."""

    global_key: str
    dataset_id: str = ""
    ordinal: int | None = None
    asset_url: str | None = None
    width: int | None = None
    height: int | None = None
    split: str = "unassigned"
    metadata: JsonObject = field(default_factory=dict[str, Any])
    labelled: bool | None = None


class Rejection(Struct, frozen=True):
    """An item of an import that was not taken, and why."""

    number: int
    code: str
    message: str
    where: str | None = None
    uuid: str | None = None


class ImportJob(Struct, frozen=True):
    """An import: FINISHED when the log has all of it, `measured` when the run's numbers rest on it."""

    job: str
    state: Literal["RUNNING", "FINISHED", "FAILED"]
    accepted: int
    rejected: int
    run_id: str | None = None
    dataset_version: int | None = None
    failure: str | None = None
    measured: bool | None = None
    rejections: tuple[Rejection, ...] = ()
    """The first of them; none in lists of imports."""
    warnings: dict[str, int] = field(default_factory=dict[str, int])
    name: str | None = None
    dataset_id: str = ""
    format: str = ""
    mode: str | None = None
    begun_unix_ms: int | None = None
    ended_unix_ms: int | None = None


class TruthInspection(Struct, frozen=True):
    """What a truth file says. `truth_digest` is equal for equal truth; a dataset version has it too."""

    truth_digest: str
    classes: tuple[str, ...]
    images: int
    annotations: int
    rejected: int
    rejections: tuple[Rejection, ...] = ()


class Prediction(Struct, frozen=True):
    """A prediction as the run has it. `box` is x, y, width, height in pixels from the top left."""

    row: str
    class_name: str
    box: tuple[float, float, float, float]
    confidence: float | None
    """None: the model gave none, and it counts as 1."""
    uuid: str
