"""`sightline import ndjson`: rows, truth and predictions as lines, and a measured run out.

What is missing is made. Sending the same files again changes nothing, so after any interruption: send them again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sightline.cli.coco import Steps, check, patiently, told_to_send_again, wait_until_measured
from sightline.cli.find import find_dataset
from sightline.cli.outcome import Exit, Stop
from sightline.client import ApiError, Client, Dataset, ImportJob, JsonObject, Model, Run


@dataclass(frozen=True, slots=True)
class Wanted:
    """The files, and under which names their content is to be found."""

    dataset: str
    rows: Path | None = None
    ground_truth: Path | None = None
    predictions: Path | None = None
    model: str | None = None
    run: str | None = None
    classes: tuple[str, ...] = ()
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import has made or found; a job for each file."""

    dataset: Dataset
    run: Run | None
    jobs: dict[str, ImportJob]

    @property
    def rejections(self) -> int:
        """Items that were not taken."""
        return sum(job.rejected for job in self.jobs.values())

    def answer(self) -> JsonObject:
        """The JSON that scripts rely on; `job`, `accepted` and `rejected` are those of the last file."""
        last = list(self.jobs.values())[-1]
        run = self.run
        return {
            "project_id": run.project_id if run else "default",
            "dataset_id": self.dataset.dataset_id,
            "dataset_version": run.dataset_version if run else last.dataset_version,
            "model_id": run.model_id if run else None,
            "run_id": run.run_id if run else None,
            "job": last.job,
            "accepted": last.accepted,
            "rejected": last.rejected,
            "imports": {
                what: {"job": job.job, "accepted": job.accepted, "rejected": job.rejected}
                for what, job in self.jobs.items()
            },
        }


def refuse_nonsense(wanted: Wanted) -> None:
    """Options that don't fit each other, before anything is sent."""
    if not (wanted.rows or wanted.ground_truth or wanted.predictions):
        raise Stop(Exit.REFUSED, "nothing to import: give --rows, --ground-truth or --predictions")
    if wanted.predictions and not (wanted.model and wanted.run):
        raise Stop(Exit.REFUSED, "predictions belong to a run: give --model and --run")
    if not wanted.predictions and (wanted.model or wanted.run):
        raise Stop(Exit.REFUSED, "--model and --run are for predictions: give --predictions")


def import_files(client: Client, wanted: Wanted, steps: Steps, *, wait: bool) -> Imported:
    """Do it all, in the order of the steps: rows, truth, a version, the run, predictions."""
    with told_to_send_again():
        return _import_files(client, wanted, steps, wait=wait)


def _import_files(client: Client, wanted: Wanted, steps: Steps, *, wait: bool) -> Imported:
    dataset = _dataset(client, wanted)
    model = client.find_model(wanted.model) if wanted.model else None
    run = next(iter(client.find_runs(name=wanted.run, model_id=model.model_id)), None) if model else None
    if run is not None:
        _refuse_other_run(wanted, dataset, run)
    dataset_id = dataset.dataset_id
    jobs: dict[str, ImportJob] = {}

    def send(what: str, path: Path, call: Callable[[Callable[[int], None]], ImportJob]) -> None:
        with steps.step(f"Sending {what}", path.stat().st_size) as sent:
            job = patiently(lambda: _named(path, lambda: call(sent)), steps, again=path.is_file())
        check(what, job, steps)
        jobs[what] = job

    if rows := wanted.rows:
        send("rows", rows, lambda sent: client.import_data_rows(dataset_id, rows, sent=sent))
    if truth := wanted.ground_truth:
        send("truth", truth, lambda sent: client.import_ground_truth(dataset_id, truth, format="ndjson", sent=sent))
    if predictions := wanted.predictions:
        run = run or _create_run(client, wanted, dataset, model, steps, with_truth=truth is not None)
        run_id, mode = run.run_id, "replace" if wanted.replace else "upsert"
        send(
            "predictions",
            predictions,
            lambda sent: client.import_predictions(run_id, predictions, format="ndjson", mode=mode, sent=sent),
        )
    if wait:
        wait_until_measured(client, list(jobs.values())[-1], steps)
    return Imported(dataset, run, jobs)


def _dataset(client: Client, wanted: Wanted) -> Dataset:
    found = client.find_dataset(wanted.dataset)
    if found is not None:
        if wanted.classes:
            client.add_classes(found.ontology_id, wanted.classes)
        return found
    if wanted.dataset.startswith("ds_"):
        return find_dataset(client, wanted.dataset)
    if not wanted.classes:
        raise Stop(
            Exit.REFUSED,
            f"there is no dataset {wanted.dataset!r}: name its classes (--class car --class person) to have it made",
        )
    return client.ensure_dataset(wanted.dataset, client.ensure_ontology(wanted.dataset, wanted.classes))


def _refuse_other_run(wanted: Wanted, dataset: Dataset, run: Run) -> None:
    if run.dataset_id != dataset.dataset_id:
        raise Stop(Exit.REFUSED, f"the run {wanted.run!r} exists on another dataset: choose another name for the run")
    if wanted.ground_truth and run.dataset_version != dataset.draft:
        raise Stop(
            Exit.REFUSED,
            f"the run {wanted.run!r} exists, on version {run.dataset_version} of {wanted.dataset!r}, whose truth never "
            "changes: leave out --ground-truth, or choose another name for the run",
        )


def _create_run(
    client: Client, wanted: Wanted, dataset: Dataset, model: Model | None, steps: Steps, *, with_truth: bool
) -> Run:
    """On the truth that was just sent, committed; otherwise on the latest version, or on the draft of a new dataset."""
    assert wanted.model is not None
    assert wanted.run is not None
    model = model or client.ensure_model(wanted.model, dataset.ontology_id)
    if with_truth:
        draft = dataset.draft
        version: int | None = patiently(lambda: dataset.commit(draft), steps).version
    else:
        version = dataset.draft - 1 or None
    return client.create_run(wanted.run, model.model_id, dataset.dataset_id, version)


def _named(path: Path, send: Callable[[], ImportJob]) -> ImportJob:
    """Send; an error that the file is to blame for says its name."""
    try:
        return send()
    except ApiError as error:
        if error.slug == "import-failed" and error.status == 422:
            raise Stop(Exit.FAILURE, f"{path} can't be read: {error.detail}") from error
        raise
