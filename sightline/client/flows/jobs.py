"""Imports: how they go on, and what they left out."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from sightline.client import bars
from sightline.client.answers import ImportJob, Rejection
from sightline.client.asking import Call, Flow, get
from sightline.client.errors import ApiError, SightlineError
from sightline.client.things import AnyDataset, JobThing, RunThing, Thing, dataset_id

POLL_SECONDS = 10.0


def import_job(server: Thing[Any, Any], job: str, *, wait: float | None = None) -> Flow[ImportJob]:
    """How an import is doing. With `wait` (seconds): as soon as it is measured, and after that time anyway."""
    return (yield get(f"/v1/imports/{job}", ImportJob, wait=wait))


def imports(
    server: Thing[Any, Any],
    *,
    run: RunThing[Any] | str | None = None,
    dataset: AnyDataset | None = None,
    state: str | None = None,
    format: str | None = None,
) -> Call[ImportJob]:
    """Imports, the newest first: those of a run or dataset (or its id), in a state, of a format."""
    run_id = run.run_id if isinstance(run, RunThing) else run
    return get(
        "/v1/imports",
        ImportJob,
        run_id=run_id,
        dataset_id=None if dataset is None else dataset_id(dataset),
        state=state,
        format=format,
    )


def refresh(job: JobThing[Any]) -> Flow[None]:
    """Ask again how it is doing."""
    job.facts = yield from import_job(job, job.job)


def wait(job: JobThing[Any], timeout: float | None = None) -> Flow[None]:
    """Until the numbers rest on all of it. A failed import is an error; so are more seconds than `timeout`."""
    ends = None if timeout is None else time.monotonic() + timeout
    with bars.waiting("Measuring", shown=job.origin.progress):
        while True:
            left = POLL_SECONDS if ends is None else max(0.0, min(POLL_SECONDS, ends - time.monotonic()))
            job.facts = yield from import_job(job, job.job, wait=left)
            if job.facts.state == "FAILED":
                raise SightlineError(f"the import {job.job} failed: {job.facts.failure or 'no reason given'}")
            if job.facts.measured:
                return
            if ends is not None and time.monotonic() >= ends:
                raise SightlineError(f"the import {job.job} is not measured after {timeout:g} s")
            if job.facts.run_id is not None and not (yield from _is_there(job.facts.run_id)):
                raise SightlineError(f"the import {job.job} is never measured: its run was deleted")


def _is_there(run_id: str) -> Flow[bool]:
    try:
        yield get(f"/v1/model-runs/{run_id}")
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return True


def errors_of(server: Thing[Any, Any], job: str) -> Flow[list[Rejection]]:
    """All items that an import left out, with the reasons (100,000 at most)."""
    content: bytes = yield get(f"/v1/imports/{job}/errors", bytes)
    return msgspec.json.Decoder(Rejection).decode_lines(content)


def errors(job: JobThing[Any]) -> Flow[list[Rejection]]:
    """All items that were left out, with the reasons (100,000 at most)."""
    return (yield from errors_of(job, job.job))
