"""The client that waits. What its methods do is said once, in `sightline.client.flows`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar

import httpx

from sightline.client.answers import Prediction
from sightline.client.asking import Call, Flow, Parameter, following, get, items_of, page
from sightline.client.flows import catalog, datasets, files, jobs, letters, projects, runs
from sightline.client.retrying import Retries
from sightline.client.signatures import signed
from sightline.client.tables import frame, in_columns, table
from sightline.client.things import (
    DatasetThing,
    JobThing,
    Kind,
    ModelThing,
    OntologyThing,
    Origin,
    ProjectThing,
    RunThing,
    Thing,
)
from sightline.client.transports import Blocking, address

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from sightline.client.columns import Columns
    from sightline.formats.labelbox_writing import Line

P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")
H = TypeVar("H", bound="Thing[Blocking, Any]")


class Listing(Generic[T]):
    """Items in pages, asked for while they are iterated."""

    def __init__(self, drive: Blocking, listing: Call[Any], make: Callable[[Any], T]) -> None:
        self._drive = drive
        self._listing = listing
        self._make = make

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._listing.path}: to_list(), to_pandas(), to_arrow()>"

    def __iter__(self) -> Iterator[T]:
        call = page(self._listing)
        while call is not None:
            found = self._drive.answer(call)
            yield from map(self._make, items_of(found, self._listing))
            call = following(found, self._listing)

    def to_list(self) -> list[T]:
        """All of them."""
        return list(self)

    def to_pandas(self) -> pandas.DataFrame:
        """As a DataFrame."""
        return frame(self)

    def to_arrow(self) -> pyarrow.Table:
        """As an Arrow table."""
        return table(self)


def bound(flow: Callable[Concatenate[H, P], Flow[A]]) -> Callable[Concatenate[H, P], A]:
    """A flow as a method that returns its result."""

    @wraps(flow)
    def method(self: H, *args: P.args, **kwargs: P.kwargs) -> A:
        return self.origin.drive.run(flow(self, *args, **kwargs))

    return signed(method, flow)


def made(flow: Callable[Concatenate[H, P], Flow[A]], kind: Kind[Blocking, A, T]) -> Callable[Concatenate[H, P], T]:
    """The same, where the result is a thing of the server."""

    @wraps(flow)
    def method(self: H, *args: P.args, **kwargs: P.kwargs) -> T:
        return kind(self.origin, self.origin.drive.run(flow(self, *args, **kwargs)))

    return signed(method, flow, kind.__name__)


def found(
    flow: Callable[Concatenate[H, P], Flow[A | None]], kind: Kind[Blocking, A, T]
) -> Callable[Concatenate[H, P], T | None]:
    """The same, where there may be none."""

    @wraps(flow)
    def method(self: H, *args: P.args, **kwargs: P.kwargs) -> T | None:
        facts = self.origin.drive.run(flow(self, *args, **kwargs))
        return None if facts is None else kind(self.origin, facts)

    return signed(method, flow, f"{kind.__name__} | None")


def listed(call: Callable[Concatenate[H, P], Call[A]]) -> Callable[Concatenate[H, P], Listing[A]]:
    """A list of the API as a method."""

    @wraps(call)
    def method(self: H, *args: P.args, **kwargs: P.kwargs) -> Listing[A]:
        return Listing(self.origin.drive, call(self, *args, **kwargs), _as_it_is)

    return signed(method, call, "Listing[{}]")


def streamed(call: Callable[Concatenate[H, P], Call[bytes]]) -> Callable[Concatenate[H, P], Predictions]:
    """All predictions that a call of the API names, as a method."""

    @wraps(call)
    def method(self: H, *args: P.args, **kwargs: P.kwargs) -> Predictions:
        return Predictions(self.origin.drive, call(self, *args, **kwargs))

    return signed(method, call, "Predictions")


def listed_as(
    call: Callable[Concatenate[H, P], Call[A]], kind: Kind[Blocking, A, T]
) -> Callable[Concatenate[H, P], Listing[T]]:
    """The same, where the items are things of the server."""

    @wraps(call)
    def method(self: H, *args: P.args, **kwargs: P.kwargs) -> Listing[T]:
        origin = self.origin
        return Listing(origin.drive, call(self, *args, **kwargs), lambda facts: kind(origin, facts))

    return signed(method, call, f"Listing[{kind.__name__}]")


def _as_it_is(item: Any) -> Any:
    return item


class Job(JobThing[Blocking]):
    """An import that the log has."""

    wait = bound(jobs.wait)
    refresh = bound(jobs.refresh)
    errors = bound(jobs.errors)


class Project(ProjectThing[Blocking]):
    """A project, to which everything else belongs."""

    rename = bound(projects.rename)
    describe = bound(projects.describe)
    delete = bound(projects.delete)


class Ontology(OntologyThing[Blocking]):
    """An ontology in its latest version."""

    add_classes = bound(catalog.add_classes)
    rename = bound(catalog.rename_ontology)
    delete = bound(catalog.delete_ontology)


class Dataset(DatasetThing[Blocking]):
    """A dataset: rows, their truth, and versions of that."""

    rename = bound(datasets.rename)
    delete = bound(datasets.delete)
    add_rows = made(datasets.add_rows, Job)
    rows = listed(datasets.rows)
    row = bound(datasets.row)
    change_row = bound(datasets.change_row)
    delete_row = bound(datasets.delete_row)
    add_ground_truth = made(datasets.add_ground_truth, Job)
    ground_truth = bound(datasets.truth)
    remove_ground_truth = bound(datasets.remove_truth)
    commit = bound(datasets.commit)
    versions = listed(datasets.versions)
    delete_version = bound(datasets.delete_version)
    compare = listed(datasets.compare)


class Predictions:
    """What a run has said, of one moment: read as it is iterated; or all at once."""

    def __init__(self, drive: Blocking, asked: Call[bytes]) -> None:
        self._drive = drive
        self._asked = asked

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._asked.path}: to_arrays(), to_pandas(), to_arrow()>"

    def __iter__(self) -> Iterator[Prediction]:
        from sightline.client.lines import prediction

        for lines in self._blocks():
            yield from map(prediction, lines)

    def _blocks(self) -> Iterator[Sequence[Line]]:
        from sightline.client.lines import Lines

        return map(Lines().feed, self._drive.pieces(self._asked))

    def to_arrays(self) -> Columns:
        """NumPy arrays by name: `run.upload(**arrays.arguments)` would send the same again."""
        return in_columns(self._blocks())

    def to_pandas(self) -> pandas.DataFrame:
        """A DataFrame with `row, class_name, x, y, width, height, confidence, uuid`."""
        return self.to_arrays().to_pandas()

    def to_arrow(self) -> pyarrow.Table:
        """The same as an Arrow table."""
        return self.to_arrays().to_arrow()


class Run(RunThing[Blocking]):
    """A run of a model: predictions on one version of a dataset, and what they are worth."""

    upload = made(runs.send, Job)
    delete_predictions = made(runs.delete_predictions, Job)
    predictions = streamed(runs.predictions_of)
    wait = bound(runs.wait)
    metrics = bound(runs.metrics)
    confusion_matrix = bound(runs.confusion_matrix)
    curves = bound(runs.curves)
    rows = listed(runs.rows)
    row = bound(runs.row)
    rename = bound(runs.rename)
    configure = bound(runs.configure)
    seal = bound(runs.seal)
    reopen = bound(runs.reopen)
    refresh = bound(runs.refresh)
    delete = bound(runs.delete)


class Model(ModelThing[Blocking]):
    """A model, which has runs."""

    create_run = made(runs.create_run, Run)
    ensure_run = made(runs.ensure_run, Run)
    runs = listed_as(runs.runs_of, Run)
    rename = bound(catalog.rename_model)
    delete = bound(catalog.delete_model)


class Client(Thing[Blocking, str]):
    """A server. Close it, or use it with `with`.

    >>> client = sightline.Client()  # SIGHTLINE_URL, or this machine
    >>> run = client.find_model("yolo-s").create_run("epoch 12", client.find_dataset("crossings"))
    >>> run.upload("predictions.ndjson").wait()
    >>> run.metrics(iou=0.5, confidence=0.3)["total"]["f1"]
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        progress: bool | None = None,
        retries: Retries | int | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`url`: else SIGHTLINE_URL, else this machine. `progress`: bars; None: on terminals and in notebooks.

        `retries`: how often what may be sent again is sent again, before an error is raised.
        """
        self.url = address(url)
        chosen = Retries(most=retries) if isinstance(retries, int) else retries or Retries()
        super().__init__(Origin(Blocking(self.url, chosen, transport), progress), self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self.origin.drive.close()

    create_project = made(projects.create_project, Project)
    project = made(projects.project, Project)
    find_project = found(projects.find_project, Project)
    projects = listed_as(projects.projects, Project)

    create_ontology = made(catalog.create_ontology, Ontology)
    ensure_ontology = made(catalog.ensure_ontology, Ontology)
    ontology = made(catalog.ontology, Ontology)
    find_ontology = found(catalog.find_ontology, Ontology)
    ontologies = listed_as(catalog.ontologies, Ontology)
    add_classes = made(catalog.add_classes_to, Ontology)

    create_dataset = made(catalog.create_dataset, Dataset)
    ensure_dataset = made(catalog.ensure_dataset, Dataset)
    dataset = made(catalog.dataset, Dataset)
    find_dataset = found(catalog.find_dataset, Dataset)
    datasets = listed_as(catalog.datasets, Dataset)

    create_model = made(catalog.create_model, Model)
    ensure_model = made(catalog.ensure_model, Model)
    model = made(catalog.model, Model)
    find_model = found(catalog.find_model, Model)
    models = listed_as(catalog.models, Model)

    create_config = bound(catalog.create_config)
    config = bound(catalog.config)
    find_config = bound(catalog.find_config)
    configs = listed(catalog.configs)
    change_config = bound(catalog.change_config)
    delete_config = bound(catalog.delete_config)

    run = made(catalog.run, Run)
    runs = listed_as(catalog.runs, Run)
    job = made(jobs.import_job, Job)
    imports = listed_as(jobs.imports, Job)
    status = bound(files.status)

    dead_letters = bound(letters.dead_letters)
    dead_letter = bound(letters.dead_letter)
    decide_dead_letter = bound(letters.decide_dead_letter)
    decide_dead_letters = bound(letters.decide_dead_letters)

    # By id, as the command line does it.
    import_data_rows = bound(files.import_data_rows)
    inspect_ground_truth = bound(files.inspect_ground_truth)
    import_ground_truth = bound(files.import_ground_truth)
    import_predictions = bound(files.import_predictions)
    import_job = bound(jobs.import_job)
    import_errors = bound(jobs.errors_of)
    dataset_versions = bound(files.dataset_versions)
    commit_version = bound(files.commit_version)
    create_run = made(files.create_run, Run)
    list_runs = bound(files.list_runs)
    metrics = bound(files.metrics)
    rows = bound(files.rows)
    first = bound(files.first)
    ask = bound(files.ask)
    tell = bound(files.tell)

    def download(self, path: str, **parameters: Parameter) -> Iterator[bytes]:
        """Any answer of the API, of any size, as it comes. Breaking off is an error, never an end."""
        return self.origin.drive.pieces(get(path, bytes, **parameters))

    def find_runs(
        self, *, name: str | None = None, model_id: str | None = None, dataset_id: str | None = None
    ) -> list[Run]:
        """Runs by name, model and dataset; without any, all runs."""
        return list(self.runs(name=name, model_id=model_id, dataset_id=dataset_id))
