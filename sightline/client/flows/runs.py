"""Runs: predictions in, numbers out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from sightline.client import bars, sources, values
from sightline.client.answers import (
    DatasetVersion,
    ImportJob,
    JsonObject,
    RunConfig,
    RunFacts,
)
from sightline.client.asking import Call, Flow, Parameter, Pause, get, part, upload, write
from sightline.client.errors import ApiError, SightlineError
from sightline.client.flows.catalog import existing
from sightline.client.flows.uploading import body_of, extent
from sightline.client.sources import Format, Source
from sightline.client.things import DatasetThing, ModelThing, RunThing

Model = ModelThing[Any]
Run = RunThing[Any]
Mode = Literal["upsert", "replace"]

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5


def create_run(
    model: Model,
    name: str,
    on: DatasetVersion | DatasetThing[Any],
    *,
    config: Mapping[str, Any] | RunConfig | None = None,
    splits: Sequence[str] = (),
    accepts_new_rows: bool = False,
    ontology_version: int | None = None,
) -> Flow[RunFacts]:
    """A new run on a version of a dataset, or on the draft of one.

    `splits`: only labelled rows of these count. `accepts_new_rows`: rows that the dataset doesn't have are made when
    it predicts on them. `config`: how it was made, or a saved config, which is copied.
    """
    return (
        yield write(
            "POST",
            "/v1/model-runs",
            RunFacts,
            {
                "name": name,
                "model_id": model.model_id,
                "dataset_id": on.dataset_id,
                **({"dataset_version": on.version} if isinstance(on, DatasetVersion) else {}),
                **({"ontology_version": ontology_version} if ontology_version else {}),
                **_configured(config),
                **({"splits": list(splits)} if splits else {}),
                **({"accepts_new_rows": True} if accepts_new_rows else {}),
            },
        )
    )


def ensure_run(
    model: Model,
    name: str,
    on: DatasetVersion | DatasetThing[Any],
    *,
    config: Mapping[str, Any] | RunConfig | None = None,
    splits: Sequence[str] = (),
    accepts_new_rows: bool = False,
) -> Flow[RunFacts]:
    """The model's run of this name; made when it isn't there. An error if it is measured on something else."""
    try:
        asked = create_run(model, name, on, config=config, splits=splits, accepts_new_rows=accepts_new_rows)
        return (yield from asked)
    except ApiError as error:
        found: RunFacts = yield get(f"/v1/model-runs/{existing(error)}", RunFacts)
    version = on.version if isinstance(on, DatasetVersion) else on.draft
    if (found.dataset_id, found.dataset_version) != (on.dataset_id, version):
        raise SightlineError(
            f"the run {name!r} is there already, on version {found.dataset_version} of {found.dataset_id}: "
            "choose another name"
        )
    return found


def _configured(config: Mapping[str, Any] | RunConfig | None) -> JsonObject:
    if isinstance(config, RunConfig):
        return {"run_config_id": config.run_config_id}
    return {"config": dict(config)} if config else {}


def runs_of(model: Model, *, name: str | None = None, state: str | None = None) -> Call[RunFacts]:
    """The runs of a model, the newest first."""
    return get("/v1/model-runs", RunFacts, model_id=model.model_id, name=name, state=state)


def change(run: Run, **changes: Any) -> Flow[None]:
    """Another name, another config."""
    run.facts = yield write("PATCH", _path(run), RunFacts, changes)


def rename(run: Run, name: str) -> Flow[None]:
    """Another name; the id stays."""
    yield from change(run, name=name)


def configure(run: Run, config: Mapping[str, Any] | None) -> Flow[None]:
    """Another config, in place of the whole; None: no config any more."""
    yield from change(run, config=None if config is None else dict(config))


def refresh(run: Run) -> Flow[None]:
    """Ask again what the server has of it."""
    run.facts = yield get(_path(run), RunFacts)


def seal(run: Run) -> Flow[None]:
    """Take no more predictions."""
    run.facts = yield write("POST", f"{_path(run)}:seal", RunFacts)


def reopen(run: Run) -> Flow[None]:
    """Take predictions again. What was sent in between stays refused."""
    run.facts = yield write("POST", f"{_path(run)}:reopen", RunFacts)


def delete(run: Run) -> Flow[None]:
    """With its predictions. Its name is free again, its id never is."""
    yield write("DELETE", _path(run))


def send(
    run: Run,
    source: Source | None = None,
    *,
    row: Any = None,
    class_name: Any = None,
    boxes: Any = None,
    confidence: Any = None,
    uuid: Any = None,
    empty: Iterable[str] = (),
    mode: Mode = "upsert",
    format: Format | None = None,
    name: str | None = None,
    gzip: bool = False,
) -> Flow[ImportJob]:
    """Send predictions: a COCO or NDJSON file, a DataFrame, dicts, or arrays by name. Answers when the log has them.

    `boxes` is (n, 4): x, y, width, height. `confidence` may be left out, and counts as 1 then. With `uuid` the same
    one replaces what it named before. `mode="replace"`: this is all that the run says of the rows that are named, with
    `empty` those on which it found nothing. `name`: of the import; without, that of the file.
    """
    total, unit = extent(source, row)
    with bars.bar("Predictions", total, unit, shown=run.origin.progress) as sent:
        columns = {"row": row, "class_name": class_name, "boxes": boxes, "confidence": confidence, "uuid": uuid}
        body, chosen = body_of(source, columns, empty, format, gzip=gzip, sent=sent)
        target, named = f"{_path(run)}/predictions:import", sources.name_of(source, name)
        return (yield upload(target, body, ImportJob, format=chosen, mode=mode, name=named))


def delete_predictions(
    run: Run, uuid: Iterable[Any], *, row: Sequence[str] | None = None, name: str | None = None
) -> Flow[ImportJob]:
    """Delete predictions by uuid. Where their rows are said too, these need not be searched for."""
    names = [values.uuid(each, "uuid", index) for index, each in enumerate(uuid)]
    lines: list[JsonObject] = [{"uuid": name} for name in names]
    if row is not None:
        keys = [values.key(key, "row", index) for index, key in enumerate(row)]
        lines = [{"dataRow": {"globalKey": key}, **line} for key, line in zip(keys, lines, strict=True)]
    body = sources.ndjson(lambda: sources.blocks(lines))
    return (yield upload(f"{_path(run)}/predictions:delete", body, ImportJob, name=name))


def metrics(
    run: Run,
    *,
    iou: float | None = None,
    confidence: float | None = None,
    class_confidence: Mapping[str, float | None] | None = None,
) -> Flow[JsonObject]:
    """What the run is worth, at any thresholds; `class_confidence`: others for some classes (None: nothing counts)."""
    return (yield get(f"{_path(run)}/metrics", JsonObject, **_thresholds(iou, confidence, class_confidence)))


def wait(run: Run, timeout: float | None = None) -> Flow[None]:
    """Until its COCO numbers rest on all that is applied: after truth was changed, say. An error after `timeout` s."""
    ends = None if timeout is None else time.monotonic() + timeout
    pause = _SHORTEST_PAUSE
    with bars.waiting("Measuring", shown=run.origin.progress):
        while True:
            found: JsonObject = yield get(_path(run), JsonObject)
            if found["summary"] is not None and not found["freshness"]["coco_behind"]:
                return
            if ends is not None and time.monotonic() >= ends:
                raise SightlineError(f"the run {run.run_id} is not measured after {timeout:g} s")
            yield Pause(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE)


def confusion_matrix(
    run: Run,
    *,
    iou: float | None = None,
    confidence: float | None = None,
    class_confidence: Mapping[str, float | None] | None = None,
) -> Flow[JsonObject]:
    """Which class is taken for which."""
    return (yield get(f"{_path(run)}/confusion-matrix", JsonObject, **_thresholds(iou, confidence, class_confidence)))


def curves(run: Run, *, iou: float | None = None, points: int | None = None) -> Flow[JsonObject]:
    """Precision and recall along the confidence, per class."""
    return (yield get(f"{_path(run)}/curves", JsonObject, iou=iou, points=points))


def rows(
    run: Run,
    *,
    iou: float | None = None,
    confidence: float | None = None,
    class_name: str | Sequence[str] | None = None,
    sort: str | None = None,
    **bounds: float | None,
) -> Call[JsonObject]:
    """Labelled rows with what is right and wrong on each; `min_fp=1` and the like leave others out."""
    asked: dict[str, Parameter] = {
        **_thresholds(iou, confidence, None),
        "class": _one_or_more(class_name),
        "sort": sort,
        **bounds,
    }
    return get(f"{_path(run)}/rows", JsonObject, **asked)


def row(run: Run, global_key: str, *, iou: float | None = None, confidence: float | None = None) -> Flow[JsonObject]:
    """One row in full: predictions, truths, pairs, and who took whom."""
    return (yield get(f"{_path(run)}/rows/{part(global_key)}", JsonObject, **_thresholds(iou, confidence, None)))


def predictions_of(
    run: Run,
    *,
    split: str | Sequence[str] | None = None,
    row: str | Sequence[str] | None = None,
    class_name: str | Sequence[str] | None = None,
    min_confidence: float | None = None,
) -> Call[bytes]:
    """What the run has said, as lines: all, or of some splits, rows and classes, from a confidence on."""
    asked: dict[str, Parameter] = {"split": _one_or_more(split), "row": _one_or_more(row)}
    asked |= {"class": _one_or_more(class_name), "min_confidence": min_confidence}
    return get(f"{_path(run)}/predictions", bytes, **asked)


def _one_or_more(names: str | Sequence[str] | None) -> Parameter:
    return names if names is None or isinstance(names, str) else list(names)


def _thresholds(
    iou: float | None, confidence: float | None, per_class: Mapping[str, float | None] | None
) -> dict[str, Parameter]:
    each = [f"{name}:{'null' if value is None else value}" for name, value in (per_class or {}).items()]
    return {"iou": iou, "confidence": confidence, "class_confidence": each or None}


def _path(run: Run) -> str:
    return f"/v1/model-runs/{run.run_id}"
