"""`sightline import coco`: two files in, a measured run out.

Whatever happens on the way, sending the files again finishes it: what exists is found by name and by the digest of the
truth, which a version has only when an import of the whole file was finished before its commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from sightline.cli.oddities import oddities
from sightline.cli.outcome import Exit, Stop
from sightline.client import (
    ApiError,
    Client,
    ConnectionLost,
    Dataset,
    ImportJob,
    Model,
    Run,
    SightlineError,
    TruthInspection,
    Unreachable,
)

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
"""How long an import that stands in the way may take to end: one of a dead process ends when its lease does."""

_ABSENCE_SECONDS = 60.0
_POLL_SECONDS = 10.0
_REASONS_SHOWN = 5


class Steps(Protocol):
    """Where progress is shown."""

    def step(self, title: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        """A step of so many parts."""
        ...

    def note(self, message: str) -> None:
        """Something that people should know."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """The files, and under which names they are to be found."""

    ground_truth: Path
    predictions: Path
    dataset: str
    model: str
    run: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import has made or found."""

    run: Run
    job: ImportJob
    truth_job: ImportJob | None

    @property
    def rejections(self) -> int:
        """Items that were not taken, of truth and predictions."""
        return self.job.rejected + (self.truth_job.rejected if self.truth_job else 0)

    def answer(self) -> dict[str, object]:
        """The JSON that scripts rely on; counts are of predictions."""
        return {
            "project_id": self.run.project_id,
            "dataset_id": self.run.dataset_id,
            "dataset_version": self.run.dataset_version,
            "model_id": self.run.model_id,
            "run_id": self.run.run_id,
            "job": self.job.job,
            "accepted": self.job.accepted,
            "rejected": self.job.rejected,
        }


def import_files(client: Client, wanted: Wanted, steps: Steps, *, wait: bool) -> Imported:
    """Do it all: find what is there, refuse what contradicts it, send what is missing."""
    with told_to_send_again():
        return _import_files(client, wanted, steps, wait=wait)


@contextmanager
def told_to_send_again() -> Generator[None]:
    """A server that goes away in the middle of an import is an error that says what finishes it."""
    try:
        yield
    except (ConnectionLost, ApiError) as error:
        if isinstance(error, ConnectionLost) or error.slug == "ingest-unavailable":
            raise SightlineError(
                f"the server went away in the middle: send the files again ({error.args[0]})"
            ) from error
        raise


def _import_files(client: Client, wanted: Wanted, steps: Steps, *, wait: bool) -> Imported:
    if not wanted.ground_truth.is_file():
        raise Stop(Exit.REFUSED, f"{wanted.ground_truth} is no file: the truth is read twice, and can't be a pipe")
    with steps.step("Reading the truth", wanted.ground_truth.stat().st_size) as sent:
        # Nothing is under way yet: a server that is just starting again is worth waiting for.
        truth = patiently(lambda: _inspect(client, wanted.ground_truth, sent), steps, "ingest-unavailable")
    dataset = client.find_dataset(wanted.dataset)
    model = client.find_model(wanted.model)
    run = _find_run(client, wanted, model)
    if run is not None:
        _refuse_other_truth(client, wanted, truth, dataset, run)

    truth_job = None
    if run is None:
        dataset = dataset or _create_dataset(client, wanted.dataset, truth, model)
        if model is not None and model.ontology_id != dataset.ontology_id:
            raise Stop(
                Exit.REFUSED,
                f"the model {wanted.model!r} and the dataset {wanted.dataset!r} were made with different ontologies, "
                "so their classes can't be compared: choose another name for one of them",
            )
        version = _version_with(client, dataset, truth)
        if version is None:
            version, truth_job = _send_truth(client, wanted, steps, truth, dataset)
        model = model or _create(lambda: client.create_model(wanted.model, dataset.ontology_id), client.model)
        model_id, dataset_id = model.model_id, dataset.dataset_id
        run = _create(lambda: client.create_run(wanted.run, model_id, dataset_id, version), client.run)
        if (run.dataset_id, run.dataset_version) != (dataset_id, version):
            raise Stop(Exit.REFUSED, f"somebody else has just made the run {wanted.run!r}, on another dataset version")

    run_id = run.run_id
    with steps.step("Sending predictions", wanted.predictions.stat().st_size) as sent:

        def send() -> ImportJob:
            try:
                return client.import_predictions(run_id, wanted.predictions, mode="replace", sent=sent)
            except ApiError as error:
                raise _naming(wanted.predictions, error) from error

        job = patiently(send, steps, again=wanted.predictions.is_file())
    check("predictions", job, steps)
    if wait:
        wait_until_measured(client, job, steps)
    return Imported(run, job, truth_job)


def _inspect(client: Client, path: Path, sent: Callable[[int], None]) -> TruthInspection:
    try:
        return client.inspect_ground_truth(path, sent=sent)
    except ApiError as error:
        raise _naming(path, error) from error


def _naming(path: Path, error: ApiError) -> SightlineError:
    """The error, with the file's name where the file is to blame."""
    blamed = error.slug == "unreadable-file" or (error.slug == "import-failed" and error.status == 422)
    return SightlineError(f"{path} can't be read: {error.detail}") if blamed else error


def _find_run(client: Client, wanted: Wanted, model: Model | None) -> Run | None:
    if model is None:
        return None
    return next(iter(client.find_runs(name=wanted.run, model_id=model.model_id)), None)


def _refuse_other_truth(
    client: Client, wanted: Wanted, truth: TruthInspection, dataset: Dataset | None, run: Run
) -> None:
    """A run keeps its dataset version for ever: predictions on other truth are another run."""
    if dataset is None or dataset.dataset_id != run.dataset_id:
        raise Stop(Exit.REFUSED, f"the run {wanted.run!r} exists on another dataset: choose another name for the run")
    for version in client.dataset_versions(run.dataset_id):
        if version.version == run.dataset_version and version.truth_digest == truth.truth_digest:
            return
    raise Stop(
        Exit.REFUSED,
        f"the run {wanted.run!r} exists, and rests on version {run.dataset_version} of {wanted.dataset!r}, "
        "whose truth is not that of the file: choose another name for the run",
    )


def _create_dataset(client: Client, name: str, truth: TruthInspection, model: Model | None) -> Dataset:
    """A model that is there already brings its ontology along, so that it can be measured on several datasets."""
    classes = list(truth.classes)
    ontology = (
        client.add_classes(model.ontology_id, classes)
        if model is not None
        else _create(lambda: client.create_ontology(name, classes), client.ontology)
    )
    return _create(lambda: client.create_dataset(name, ontology.ontology_id), client.dataset)


def _version_with(client: Client, dataset: Dataset, truth: TruthInspection) -> int | None:
    versions = client.dataset_versions(dataset.dataset_id)
    return next((version.version for version in reversed(versions) if version.truth_digest == truth.truth_digest), None)


def _send_truth(
    client: Client, wanted: Wanted, steps: Steps, truth: TruthInspection, dataset: Dataset
) -> tuple[int, ImportJob | None]:
    """Make the file's truth the dataset's next version; without an import where somebody else does so meanwhile."""
    ontology = client.ontology(dataset.ontology_id)
    if set(truth.classes) - {known.name for known in ontology.classes}:
        client.add_classes(dataset.ontology_id, list(truth.classes))
    with steps.step("Sending the truth", wanted.ground_truth.stat().st_size) as sent:

        def send() -> ImportJob | int:
            there = _version_with(client, dataset, truth)
            return there or client.import_ground_truth(dataset.dataset_id, wanted.ground_truth, sent=sent)

        job = patiently(send, steps)
    if isinstance(job, int):
        return job, None
    check("truth", job, steps)

    def commit() -> int:
        return (
            _version_with(client, dataset, truth)
            or client.commit_version(dataset.dataset_id, job.dataset_version).version
        )

    version = patiently(commit, steps)
    if version > 1:
        steps.note(f"The truth is not that of an earlier version: it is version {version} of {wanted.dataset!r} now.")
    committed = {known.version: known.truth_digest for known in client.dataset_versions(dataset.dataset_id)}
    if job.rejected and committed[version] is None:
        steps.note("Rows with a rejected annotation keep the truth they had: the version isn't quite the file's truth.")
    elif committed[version] != truth.truth_digest:
        raise SightlineError("somebody else has imported other truth into this dataset meanwhile: send the files again")
    return version, job


def _create(create: Callable[[], T], fetch: Callable[[str], T]) -> T:
    """Create, or take what somebody has made under that name since we looked."""
    try:
        return create()
    except ApiError as error:
        if error.status == 409 and error.existing_id:
            return fetch(error.existing_id)
        raise


def patiently(attempt: Callable[[], T], steps: Steps, *passing: str, again: bool = True) -> T:
    """Wait for a while for what stands in the way: another import's end, rows that are still on their way.

    `passing`: further kinds of problems that pass by themselves. `again`: what can be had only once isn't tried again.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    told = False
    while True:
        try:
            return attempt()
        except ApiError as error:
            soon = error.slug in ("import-open", *passing)
            passes = soon or (error.slug == "import-failed" and error.status == 503)
            if not (passes and again) or time.monotonic() > deadline:
                raise
            if not told:
                steps.note(f"Waiting up to {PATIENCE_SECONDS:g} s: {error}")
                told = True
        time.sleep(1.0)


def check(what: str, job: ImportJob, steps: Steps) -> None:
    """Say what was rejected, and what is odd; stop when the import failed."""
    if job.rejected:
        steps.note(f"{job.rejected} items of the {what} were rejected:")
        for rejection in job.rejections[:_REASONS_SHOWN]:
            place = rejection.where or f"item {rejection.number}"
            steps.note(f"  {place}: {rejection.message} [{rejection.code}]")
        if job.rejected > _REASONS_SHOWN:
            steps.note(f"  and {job.rejected - _REASONS_SHOWN} more: see GET /v1/imports/{job.job}/errors")
    for said in oddities(what, job.warnings):
        steps.note(said)
    if job.state != "FINISHED":
        raise SightlineError(f"the import of the {what} ended {job.state}: {job.failure or 'no reason given'}")


def wait_until_measured(client: Client, job: ImportJob, steps: Steps) -> None:
    """Until the run's numbers rest on all of the import. A server that starts again meanwhile is waited for."""
    last_answer = time.monotonic()
    with steps.step("Measuring"):
        while True:
            try:
                if client.import_job(job.job, wait=_POLL_SECONDS).measured:
                    return
                last_answer = time.monotonic()
                if job.run_id:
                    client.run(job.run_id)  # of a run that was deleted nothing is ever measured
            except (Unreachable, ConnectionLost, ApiError) as error:
                lasting = isinstance(error, ApiError) and error.status < 500
                if lasting or time.monotonic() - last_answer > _ABSENCE_SECONDS:
                    raise
                time.sleep(0.2)
