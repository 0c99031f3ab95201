"""Imports: how they go on, and what they left out."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from sightline.client import bars
from sightline.client.answers import ImportJob, Rejection
from sightline.client.asking import Flow, get
from sightline.client.errors import SightlineError
from sightline.client.things import JobThing, Thing

POLL_SECONDS = 10.0


def import_job(server: Thing[Any, Any], job: str, *, wait: float | None = None) -> Flow[ImportJob]:
    """How an import is doing. With `wait` (seconds): as soon as it is measured, and after that time anyway."""
    return (yield get(f"/v1/imports/{job}", ImportJob, wait=wait))


def refresh(job: JobThing[Any]) -> Flow[None]:
    """Ask again how it is doing."""
    job.facts = yield from import_job(job, job.job)


def wait(job: JobThing[Any], timeout: float | None = None) -> Flow[None]:
    """Until the numbers rest on all of it. A failed import is an error; so are more seconds than `timeout`."""
    ends = None if timeout is None else time.monotonic() + timeout
    with bars.bar("Measuring", None, "s", shown=job.origin.progress):
        while True:
            left = POLL_SECONDS if ends is None else max(0.0, min(POLL_SECONDS, ends - time.monotonic()))
            job.facts = yield from import_job(job, job.job, wait=left)
            if job.facts.state == "FAILED":
                raise SightlineError(f"the import {job.job} failed: {job.facts.failure or 'no reason given'}")
            if job.facts.measured:
                return
            if ends is not None and time.monotonic() >= ends:
                raise SightlineError(f"the import {job.job} is not measured after {timeout:g} s")


def errors_of(server: Thing[Any, Any], job: str) -> Flow[list[Rejection]]:
    """All items that an import left out, with the reasons (100,000 at most)."""
    content: bytes = yield get(f"/v1/imports/{job}/errors", bytes)
    return msgspec.json.Decoder(Rejection).decode_lines(content)


def errors(job: JobThing[Any]) -> Flow[list[Rejection]]:
    """All items that were left out, with the reasons (100,000 at most)."""
    return (yield from errors_of(job, job.job))
