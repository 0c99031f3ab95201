"""Files to what is known by id, as the command line sends them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from sightline.client.answers import DatasetVersion, ImportJob, JsonObject, RunFacts, TruthInspection
from sightline.client.asking import Flow, Parameter, Sent, get, upload, whole, write
from sightline.client.sources import Format, file, name_of
from sightline.client.things import Thing

Server = Thing[Any, Any]


def import_data_rows(server: Server, dataset_id: str, path: Path, *, sent: Sent | None = None) -> Flow[ImportJob]:
    """Send data rows, one JSON object a line. Answers when the log has them."""
    target = f"/v1/datasets/{dataset_id}/data-rows:import"
    return (yield upload(target, file(path, sent, format="ndjson"), ImportJob, name=name_of(path, None)))


def inspect_ground_truth(
    server: Server, path: Path, *, format: Literal["coco"] = "coco", sent: Sent | None = None
) -> Flow[TruthInspection]:
    """Ask what a truth file says. Nothing is written."""
    return (yield upload("/v1/ground-truth:inspect", file(path, sent), TruthInspection, format=format))


def import_ground_truth(
    server: Server, dataset_id: str, path: Path, *, format: Format = "coco", sent: Sent | None = None
) -> Flow[ImportJob]:
    """Send a file of truth to a dataset's draft: of all rows (COCO), or of those that it names (NDJSON)."""
    target, body = f"/v1/datasets/{dataset_id}/ground-truth:import", file(path, sent, format=format)
    return (yield upload(target, body, ImportJob, format=format, name=name_of(path, None)))


def import_predictions(
    server: Server,
    run_id: str,
    path: Path,
    *,
    format: Format = "coco",
    mode: Literal["replace", "upsert"] = "upsert",
    sent: Sent | None = None,
) -> Flow[ImportJob]:
    """Send a file of predictions. Answers when the log has them."""
    target, body = f"/v1/model-runs/{run_id}/predictions:import", file(path, sent, format=format)
    return (yield upload(target, body, ImportJob, format=format, mode=mode, name=name_of(path, None)))


def dataset_versions(server: Server, dataset_id: str) -> Flow[list[DatasetVersion]]:
    """The committed versions of a dataset, in the order of their numbers."""
    found = yield from whole(get(f"/v1/datasets/{dataset_id}/versions", DatasetVersion))
    return sorted(found, key=lambda version: version.version)


def commit_version(server: Server, dataset_id: str, version: int | None = None) -> Flow[DatasetVersion]:
    """Turn the draft into the next version. `version`: which one it should be; if it is there already, so be it."""
    return (yield write("POST", f"/v1/datasets/{dataset_id}/versions:commit", DatasetVersion, {"version": version}))


def list_runs(server: Server, *, limit: int, **filters: Parameter) -> Flow[list[JsonObject]]:
    """Runs with all that the server says of them, the newest first."""
    return (yield from first(server, "/v1/model-runs", limit, **filters))


def create_run(
    server: Server, name: str, model_id: str, dataset_id: str, dataset_version: int | None = None, **more: Any
) -> Flow[RunFacts]:
    """A new run on a committed version, or on the draft."""
    body = {"name": name, "model_id": model_id, "dataset_id": dataset_id, "dataset_version": dataset_version, **more}
    return (yield write("POST", "/v1/model-runs", RunFacts, body))


def metrics(
    server: Server, run_id: str, *, iou: float | None = None, confidence: float | None = None
) -> Flow[JsonObject]:
    """What a run is worth, at any thresholds; without, at its operating point."""
    return (yield get(f"/v1/model-runs/{run_id}/metrics", JsonObject, iou=iou, confidence=confidence))


def rows(server: Server, run_id: str, *, limit: int, **filters: Parameter) -> Flow[list[JsonObject]]:
    """The rows of a run with their values at thresholds; `filters` are the query parameters of the API."""
    return (yield from first(server, f"/v1/model-runs/{run_id}/rows", limit, **filters))


def status(server: Server) -> Flow[JsonObject]:
    """What the server is busy with, and how far."""
    return (yield get("/v1/status", JsonObject))


def first(server: Server, path: str, limit: int, **filters: Parameter) -> Flow[list[JsonObject]]:
    """The first items of any list of the API."""
    return (yield from whole(get(path, JsonObject, **filters, page_size=min(limit, 500)), limit))


def ask(server: Server, path: str, **parameters: Parameter) -> Flow[JsonObject]:
    """Any question of the API."""
    return (yield get(path, JsonObject, **parameters))


def tell(server: Server, method: str, path: str, body: Mapping[str, Any] | None = None) -> Flow[JsonObject]:
    """Any change of the API, made once."""
    return (yield write(method, path, JsonObject, body))
