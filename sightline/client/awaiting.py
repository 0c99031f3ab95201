"""The client that is awaited. What its methods do is said once, in `sightline.client.flows`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
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
from sightline.client.transports import Awaiting, address

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from sightline.client.columns import Columns
    from sightline.formats.labelbox_writing import Line

P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")
H = TypeVar("H", bound="Thing[Awaiting, Any]")


class AsyncListing(Generic[T]):
    """Items in pages, asked for while they are iterated with `async for`."""

    def __init__(self, drive: Awaiting, listing: Call[Any], make: Callable[[Any], T]) -> None:
        self._drive = drive
        self._listing = listing
        self._make = make

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._listing.path}: to_list(), to_pandas(), to_arrow()>"

    async def __aiter__(self) -> AsyncIterator[T]:
        call = page(self._listing)
        while call is not None:
            found = await self._drive.answer(call)
            for item in items_of(found, self._listing):
                yield self._make(item)
            call = following(found, self._listing)

    async def to_list(self) -> list[T]:
        """All of them."""
        return [item async for item in self]

    async def to_pandas(self) -> pandas.DataFrame:
        """As a DataFrame."""
        return frame(await self.to_list())

    async def to_arrow(self) -> pyarrow.Table:
        """As an Arrow table."""
        return table(await self.to_list())


def bound(flow: Callable[Concatenate[H, P], Flow[A]]) -> Callable[Concatenate[H, P], Awaitable[A]]:
    """A flow as a method whose result is awaited."""

    @wraps(flow)
    async def method(self: H, *args: P.args, **kwargs: P.kwargs) -> A:
        return await self.origin.drive.run(flow(self, *args, **kwargs))

    return signed(method, flow)


def made(
    flow: Callable[Concatenate[H, P], Flow[A]], kind: Kind[Awaiting, A, T]
) -> Callable[Concatenate[H, P], Awaitable[T]]:
    """The same, where the result is a thing of the server."""

    @wraps(flow)
    async def method(self: H, *args: P.args, **kwargs: P.kwargs) -> T:
        return kind(self.origin, await self.origin.drive.run(flow(self, *args, **kwargs)))

    return signed(method, flow, kind.__name__)


def found(
    flow: Callable[Concatenate[H, P], Flow[A | None]], kind: Kind[Awaiting, A, T]
) -> Callable[Concatenate[H, P], Awaitable[T | None]]:
    """The same, where there may be none."""

    @wraps(flow)
    async def method(self: H, *args: P.args, **kwargs: P.kwargs) -> T | None:
        facts = await self.origin.drive.run(flow(self, *args, **kwargs))
        return None if facts is None else kind(self.origin, facts)

    return signed(method, flow, f"{kind.__name__} | None")


def listed(call: Callable[Concatenate[H, P], Call[A]]) -> Callable[Concatenate[H, P], AsyncListing[A]]:
    """A list of the API as a method."""

    @wraps(call)
    def method(self: H, *args: P.args, **kwargs: P.kwargs) -> AsyncListing[A]:
        return AsyncListing(self.origin.drive, call(self, *args, **kwargs), _as_it_is)

    return signed(method, call, "AsyncListing[{}]")


def streamed(call: Callable[Concatenate[H, P], Call[bytes]]) -> Callable[Concatenate[H, P], AsyncPredictions]:
    """All predictions that a call of the API names, as a method."""

    @wraps(call)
    def method(self: H, *args: P.args, **kwargs: P.kwargs) -> AsyncPredictions:
        return AsyncPredictions(self.origin.drive, call(self, *args, **kwargs))

    return signed(method, call, "AsyncPredictions")


def listed_as(
    call: Callable[Concatenate[H, P], Call[A]], kind: Kind[Awaiting, A, T]
) -> Callable[Concatenate[H, P], AsyncListing[T]]:
    """The same, where the items are things of the server."""

    @wraps(call)
    def method(self: H, *args: P.args, **kwargs: P.kwargs) -> AsyncListing[T]:
        origin = self.origin
        return AsyncListing(origin.drive, call(self, *args, **kwargs), lambda facts: kind(origin, facts))

    return signed(method, call, f"AsyncListing[{kind.__name__}]")


def _as_it_is(item: Any) -> Any:
    return item


class AsyncJob(JobThing[Awaiting]):
    """An import that the log has."""

    wait = bound(jobs.wait)
    refresh = bound(jobs.refresh)
    errors = bound(jobs.errors)


class AsyncProject(ProjectThing[Awaiting]):
    """A project, to which everything else belongs."""

    rename = bound(projects.rename)
    describe = bound(projects.describe)
    delete = bound(projects.delete)


class AsyncOntology(OntologyThing[Awaiting]):
    """An ontology in its latest version."""

    add_classes = bound(catalog.add_classes)
    rename = bound(catalog.rename_ontology)
    delete = bound(catalog.delete_ontology)


class AsyncDataset(DatasetThing[Awaiting]):
    """A dataset: rows, their truth, and versions of that."""

    rename = bound(datasets.rename)
    delete = bound(datasets.delete)
    add_rows = made(datasets.add_rows, AsyncJob)
    rows = listed(datasets.rows)
    row = bound(datasets.row)
    change_row = bound(datasets.change_row)
    delete_row = bound(datasets.delete_row)
    add_ground_truth = made(datasets.add_ground_truth, AsyncJob)
    ground_truth = bound(datasets.truth)
    remove_ground_truth = bound(datasets.remove_truth)
    commit = bound(datasets.commit)
    versions = listed(datasets.versions)
    delete_version = bound(datasets.delete_version)
    compare = listed(datasets.compare)


class AsyncPredictions:
    """What a run has said, of one moment: read as it is iterated with `async for`; or all at once."""

    def __init__(self, drive: Awaiting, asked: Call[bytes]) -> None:
        self._drive = drive
        self._asked = asked

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._asked.path}: to_arrays(), to_pandas(), to_arrow()>"

    async def __aiter__(self) -> AsyncIterator[Prediction]:
        from sightline.client.lines import prediction

        async for lines in self._blocks():
            for line in lines:
                yield prediction(line)

    async def _blocks(self) -> AsyncIterator[Sequence[Line]]:
        from sightline.client.lines import Lines

        reading = Lines()
        async for piece in self._drive.pieces(self._asked):
            yield reading.feed(piece)

    async def to_arrays(self) -> Columns:
        """NumPy arrays by name: `run.upload(**arrays.arguments)` would send the same again."""
        return in_columns([lines async for lines in self._blocks()])

    async def to_pandas(self) -> pandas.DataFrame:
        """A DataFrame with `row, class_name, x, y, width, height, confidence, uuid`."""
        return (await self.to_arrays()).to_pandas()

    async def to_arrow(self) -> pyarrow.Table:
        """The same as an Arrow table."""
        return (await self.to_arrays()).to_arrow()


class AsyncRun(RunThing[Awaiting]):
    """A run of a model: predictions on one version of a dataset, and what they are worth."""

    upload = made(runs.send, AsyncJob)
    delete_predictions = made(runs.delete_predictions, AsyncJob)
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


class AsyncModel(ModelThing[Awaiting]):
    """A model, which has runs."""

    create_run = made(runs.create_run, AsyncRun)
    ensure_run = made(runs.ensure_run, AsyncRun)
    runs = listed_as(runs.runs_of, AsyncRun)
    rename = bound(catalog.rename_model)
    delete = bound(catalog.delete_model)


class AsyncClient(Thing[Awaiting, str]):
    """A server. Close it, or use it with `async with`. Its methods are those of `Client`, to be awaited."""

    def __init__(
        self,
        url: str | None = None,
        *,
        progress: bool | None = None,
        retries: Retries | int | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`url`: else SIGHTLINE_URL, else this machine. `progress`: bars; None: on terminals and in notebooks.

        `retries`: how often what may be sent again is sent again, before an error is raised.
        """
        self.url = address(url)
        chosen = Retries(most=retries) if isinstance(retries, int) else retries or Retries()
        super().__init__(Origin(Awaiting(self.url, chosen, transport), progress), self.url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self.origin.drive.close()

    create_project = made(projects.create_project, AsyncProject)
    project = made(projects.project, AsyncProject)
    find_project = found(projects.find_project, AsyncProject)
    projects = listed_as(projects.projects, AsyncProject)

    create_ontology = made(catalog.create_ontology, AsyncOntology)
    ensure_ontology = made(catalog.ensure_ontology, AsyncOntology)
    ontology = made(catalog.ontology, AsyncOntology)
    find_ontology = found(catalog.find_ontology, AsyncOntology)
    ontologies = listed_as(catalog.ontologies, AsyncOntology)
    add_classes = made(catalog.add_classes_to, AsyncOntology)

    create_dataset = made(catalog.create_dataset, AsyncDataset)
    ensure_dataset = made(catalog.ensure_dataset, AsyncDataset)
    dataset = made(catalog.dataset, AsyncDataset)
    find_dataset = found(catalog.find_dataset, AsyncDataset)
    datasets = listed_as(catalog.datasets, AsyncDataset)

    create_model = made(catalog.create_model, AsyncModel)
    ensure_model = made(catalog.ensure_model, AsyncModel)
    model = made(catalog.model, AsyncModel)
    find_model = found(catalog.find_model, AsyncModel)
    models = listed_as(catalog.models, AsyncModel)

    create_config = bound(catalog.create_config)
    config = bound(catalog.config)
    find_config = bound(catalog.find_config)
    configs = listed(catalog.configs)
    change_config = bound(catalog.change_config)
    delete_config = bound(catalog.delete_config)

    run = made(catalog.run, AsyncRun)
    runs = listed_as(catalog.runs, AsyncRun)
    job = made(jobs.import_job, AsyncJob)
    imports = listed_as(jobs.imports, AsyncJob)
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
    create_run = made(files.create_run, AsyncRun)
    list_runs = bound(files.list_runs)
    metrics = bound(files.metrics)
    rows = bound(files.rows)
    first = bound(files.first)
    ask = bound(files.ask)
    tell = bound(files.tell)

    def download(self, path: str, **parameters: Parameter) -> AsyncIterator[bytes]:
        """Any answer of the API, of any size, as it comes. Breaking off is an error, never an end."""
        return self.origin.drive.pieces(get(path, bytes, **parameters))

    async def find_runs(
        self, *, name: str | None = None, model_id: str | None = None, dataset_id: str | None = None
    ) -> list[AsyncRun]:
        """Runs by name, model and dataset; without any, all runs."""
        return await self.runs(name=name, model_id=model_id, dataset_id=dataset_id).to_list()
