"""A client of Sightline's HTTP API: what the command line needs of it, and what a script can use as well.

    from sightline.client import Client

    with Client() as client:  # SIGHTLINE_URL, or this machine
        run = client.find_runs(name="yolo-7")[0]
        print(client.metrics(run.run_id, iou=0.5, confidence=0.3)["total"])

Every error is a `SightlineError`: the server isn't there (`Unreachable`), the connection broke (`ConnectionLost`), or
the server said no (`ApiError`, with the problem's stable `slug`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx
import msgspec
from msgspec import Struct

from sightline.domain.names import DEFAULT_PROJECT

URL_VARIABLE = "SIGHTLINE_URL"
DEFAULT_URL = "http://127.0.0.1:8790"

JsonObject = dict[str, Any]
Sent = Callable[[int], None]
"""Is told how many bytes of an upload have been sent."""

T = TypeVar("T")

_CHUNK = 256 << 10
_GZIP = b"\x1f\x8b"
_ORDINARY = httpx.Timeout(60.0, connect=5.0)
# The answer to an upload comes when the log has all of it.
_UPLOAD = httpx.Timeout(900.0, connect=5.0)


class SightlineError(Exception):
    """Something went wrong that the message explains."""


class Unreachable(SightlineError):
    """No server takes connections at the address. Nothing was sent."""

    def __init__(self, url: str) -> None:
        super().__init__(f"no Sightline server at {url}")
        self.url = url


class ConnectionLost(SightlineError):
    """The connection broke, or no answer came in time. Whether the request was carried out is not known."""


class ApiError(SightlineError):
    """The server answered with a problem (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        self.slug = str(problem.get("type", "")).rsplit("/", 1)[-1]
        self.title = str(problem.get("title", "")) or f"HTTP status {status}"
        self.detail = str(problem.get("detail", ""))
        super().__init__(f"{self.title}: {self.detail}" if self.detail else self.title)

    @property
    def existing_id(self) -> str | None:
        """On a conflict: the id of what has that name already."""
        return self.problem.get("existing_id")


class Dataset(Struct, frozen=True):
    """A dataset; `draft` is the number its next version will have."""

    dataset_id: str
    name: str
    ontology_id: str


class DatasetVersion(Struct, frozen=True):
    """A committed version of a dataset, which never changes."""

    version: int
    truth_digest: str | None = None


class OntologyClass(Struct, frozen=True):
    """A class of an ontology."""

    name: str
    kind: str = "box"


class Ontology(Struct, frozen=True):
    """The latest version of an ontology."""

    ontology_id: str
    name: str
    classes: tuple[OntologyClass, ...]


class Model(Struct, frozen=True):
    """A model (an experiment), which has runs."""

    model_id: str
    name: str
    ontology_id: str


class Run(Struct, frozen=True):
    """A model run: one model's predictions on one dataset version."""

    run_id: str
    name: str
    model_id: str
    dataset_id: str
    dataset_version: int
    project_id: str = DEFAULT_PROJECT


class Rejection(Struct, frozen=True):
    """An item of an import that was not taken, and why."""

    number: int
    code: str
    message: str
    where: str | None = None


class ImportJob(Struct, frozen=True):
    """An import: FINISHED when the log has all of it, `measured` when the run's numbers rest on it."""

    job: str
    state: Literal["RUNNING", "FINISHED", "FAILED"]
    accepted: int
    rejected: int
    dataset_version: int | None = None
    failure: str | None = None
    measured: bool | None = None
    rejections: tuple[Rejection, ...] = ()


class TruthInspection(Struct, frozen=True):
    """What a truth file says. `truth_digest` is equal for equal truth; a dataset version has it too."""

    truth_digest: str
    classes: tuple[str, ...]
    images: int
    annotations: int
    rejected: int
    rejections: tuple[Rejection, ...] = ()


class _Page(Struct, frozen=True):
    items: list[msgspec.Raw]
    next_page_token: str | None = None


class Client:
    """One server. Close it, or use it with `with`."""

    def __init__(self, url: str | None = None, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = (url or os.environ.get(URL_VARIABLE) or DEFAULT_URL).rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            transport=transport,
            timeout=_ORDINARY,
            # A proxy of the environment knows nothing of this machine's own addresses.
            trust_env=httpx.URL(self.url).host not in ("127.0.0.1", "::1", "localhost"),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def status(self) -> JsonObject:
        """What the server is busy with, and how far."""
        return self._get("/v1/status", JsonObject)

    def find_dataset(self, name: str) -> Dataset | None:
        """The dataset of this name."""
        return next(self._pages("/v1/datasets", Dataset, name=name), None)

    def dataset(self, dataset_id: str) -> Dataset:
        """A dataset by id."""
        return self._get(f"/v1/datasets/{dataset_id}", Dataset)

    def dataset_versions(self, dataset_id: str) -> list[DatasetVersion]:
        """The committed versions of a dataset, in the order of their numbers."""
        found = self._pages(f"/v1/datasets/{dataset_id}/versions", DatasetVersion)
        return sorted(found, key=lambda version: version.version)

    def create_dataset(self, name: str, ontology_id: str) -> Dataset:
        """A new dataset."""
        return self._post("/v1/datasets", {"name": name, "ontology_id": ontology_id}, Dataset)

    def commit_version(self, dataset_id: str, version: int | None = None) -> DatasetVersion:
        """Turn the draft into the next version. `version`: which one it should be; if it is there already, so be it."""
        return self._post(f"/v1/datasets/{dataset_id}/versions:commit", {"version": version}, DatasetVersion)

    def ontology(self, ontology_id: str) -> Ontology:
        """An ontology by id."""
        return self._get(f"/v1/ontologies/{ontology_id}", Ontology)

    def create_ontology(self, name: str, classes: list[str]) -> Ontology:
        """A new ontology of boxes."""
        return self._post("/v1/ontologies", {"name": name, "classes": _boxes(classes)}, Ontology)

    def add_classes(self, ontology_id: str, classes: list[str]) -> Ontology:
        """Add the classes that the ontology doesn't have, as its next version."""
        return self._post(f"/v1/ontologies/{ontology_id}/versions", {"classes": _boxes(classes)}, Ontology)

    def find_model(self, name: str) -> Model | None:
        """The model of this name."""
        return next(self._pages("/v1/models", Model, name=name), None)

    def model(self, model_id: str) -> Model:
        """A model by id."""
        return self._get(f"/v1/models/{model_id}", Model)

    def create_model(self, name: str, ontology_id: str) -> Model:
        """A new model."""
        return self._post("/v1/models", {"name": name, "ontology_id": ontology_id}, Model)

    def find_runs(
        self, *, name: str | None = None, model_id: str | None = None, dataset_id: str | None = None
    ) -> list[Run]:
        """Runs by name, model and dataset; without any, all runs."""
        return list(self._pages("/v1/model-runs", Run, name=name, model_id=model_id, dataset_id=dataset_id))

    def list_runs(self, *, limit: int) -> list[JsonObject]:
        """Runs with all that the server says of them, the newest first."""
        return self._first("/v1/model-runs", limit)

    def run(self, run_id: str) -> Run:
        """A run by id."""
        return self._get(f"/v1/model-runs/{run_id}", Run)

    def create_run(self, name: str, model_id: str, dataset_id: str, dataset_version: int) -> Run:
        """A new run on a committed version."""
        body = {"name": name, "model_id": model_id, "dataset_id": dataset_id, "dataset_version": dataset_version}
        return self._post("/v1/model-runs", body, Run)

    def metrics(self, run_id: str, *, iou: float | None = None, confidence: float | None = None) -> JsonObject:
        """What a run is worth, at any thresholds; without, at its operating point."""
        return self._get(f"/v1/model-runs/{run_id}/metrics", JsonObject, iou=iou, confidence=confidence)

    def rows(self, run_id: str, *, limit: int, **filters: str | float | None) -> list[JsonObject]:
        """The rows of a run with their values at thresholds; `filters` are the query parameters of the API."""
        return self._first(f"/v1/model-runs/{run_id}/rows", limit, **filters)

    def import_data_rows(self, dataset_id: str, path: Path, *, sent: Sent | None = None) -> ImportJob:
        """Send data rows, one JSON object a line. Answers when the log has them."""
        return self._upload(f"/v1/datasets/{dataset_id}/data-rows:import", path, ImportJob, sent)

    def inspect_ground_truth(self, path: Path, *, format: str = "coco", sent: Sent | None = None) -> TruthInspection:
        """Ask what a truth file says. Nothing is written."""
        return self._upload("/v1/ground-truth:inspect", path, TruthInspection, sent, format=format)

    def import_ground_truth(
        self, dataset_id: str, path: Path, *, format: str = "coco", sent: Sent | None = None
    ) -> ImportJob:
        """Send a file that is the whole truth of a dataset's draft. Answers when the log has it."""
        return self._upload(f"/v1/datasets/{dataset_id}/ground-truth:import", path, ImportJob, sent, format=format)

    def import_predictions(
        self,
        run_id: str,
        path: Path,
        *,
        format: str = "coco",
        mode: Literal["replace", "upsert"] = "upsert",
        sent: Sent | None = None,
    ) -> ImportJob:
        """Send a file of predictions. Answers when the log has them."""
        target = f"/v1/model-runs/{run_id}/predictions:import"
        return self._upload(target, path, ImportJob, sent, format=format, mode=mode)

    def import_job(self, job: str, *, wait: float | None = None) -> ImportJob:
        """How an import is doing. With `wait` (seconds): as soon as it is measured, and after that time anyway."""
        return self._get(f"/v1/imports/{job}", ImportJob, wait=wait)

    def _get(self, path: str, kind: type[T], **parameters: str | float | None) -> T:
        given = {name: value for name, value in parameters.items() if value is not None}
        return _decoded(self._answer(self._http.build_request("GET", path, params=given)), kind)

    def _post(self, path: str, body: Mapping[str, object], kind: type[T]) -> T:
        return _decoded(self._answer(self._http.build_request("POST", path, json=body)), kind)

    def _pages(self, path: str, kind: type[T], **parameters: str | float | None) -> Iterator[T]:
        token: str | None = None
        while True:
            page = self._get(path, _Page, **parameters, page_token=token)
            for item in page.items:
                yield _decoded(bytes(item), kind)
            token = page.next_page_token
            if not token:
                return

    def _first(self, path: str, limit: int, **parameters: str | float | None) -> list[JsonObject]:
        found = self._pages(path, JsonObject, **parameters, page_size=min(limit, 500))
        return [item for _, item in zip(range(limit), found, strict=False)]

    def _upload(self, path: str, file: Path, kind: type[T], sent: Sent | None, **parameters: str) -> T:
        with file.open("rb") as stream:
            headers = {"Content-Type": "application/json", "Content-Length": str(file.stat().st_size)}
            if stream.read(2) == _GZIP:
                headers["Content-Encoding"] = "gzip"
            stream.seek(0)

            def chunks() -> Iterator[bytes]:
                done = 0
                while chunk := stream.read(_CHUNK):
                    yield chunk
                    done += len(chunk)
                    if sent is not None:
                        sent(done)

            request = self._http.build_request(
                "POST", path, params=parameters, headers=headers, content=chunks(), timeout=_UPLOAD
            )
            return _decoded(self._answer(request), kind)

    def _answer(self, request: httpx.Request) -> bytes:
        try:
            answer = self._http.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(self.url) from error
        except httpx.TransportError as error:
            what = "no answer in time" if isinstance(error, httpx.TimeoutException) else "the connection broke"
            raise ConnectionLost(
                f"{what} ({self.url}): whether the server has carried out the request is not known"
            ) from error
        if answer.is_success:
            return answer.content
        try:
            problem = msgspec.json.decode(answer.content, type=JsonObject)
        except msgspec.DecodeError:
            problem = {"detail": "is it a Sightline server that listens there?"}
        raise ApiError(answer.status_code, problem)


def _decoded(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise SightlineError(f"the server's answer isn't what this version of the client expects: {error}") from error


def _boxes(classes: list[str]) -> list[dict[str, str]]:
    return [{"name": name, "kind": "box"} for name in classes]
