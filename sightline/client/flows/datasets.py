"""Datasets: rows, truth, versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from sightline.client import bars, sources
from sightline.client.answers import DataRow, DatasetFacts, DatasetVersion, ImportJob, JsonObject
from sightline.client.asking import Call, Flow, get, part, upload, write
from sightline.client.flows.uploading import body_of, extent
from sightline.client.sources import Format, Source
from sightline.client.things import DatasetThing

Dataset = DatasetThing[Any]


def rename(dataset: Dataset, name: str) -> Flow[None]:
    """Another name; the id stays."""
    dataset.facts = yield write("PATCH", _path(dataset), DatasetFacts, {"name": name})


def delete(dataset: Dataset) -> Flow[None]:
    """With its rows, truth, versions and runs. Its name is free again, its id never is."""
    yield write("DELETE", _path(dataset))


def add_rows(dataset: Dataset, rows: Source, *, name: str | None = None, gzip: bool = False) -> Flow[ImportJob]:
    """Make or change data rows: dicts with a `global_key`, a DataFrame with such a column, or an NDJSON file.

    Beside it `width`, `height`, `split`, `asset_url`, `metadata`, `ordinal`; what is not said stays as it was.
    `name`: of the import; without, that of the file.
    """
    with bars.bar("Rows", None, "rows", shown=dataset.origin.progress) as sent:
        if isinstance(rows, (str, PathLike)):
            body = sources.file(Path(rows), format="ndjson")
        else:
            body = sources.given_lines(sources.rows_of(rows), sources.data_row, (), sent, gzip=gzip)
        named = sources.name_of(rows, name)
        return (yield upload(f"{_path(dataset)}/data-rows:import", body, ImportJob, name=named))


def rows(
    dataset: Dataset,
    *,
    prefix: str | None = None,
    split: str | None = None,
    labelled: bool | None = None,
    version: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Call[DataRow]:
    """Data rows: those whose global key begins with `prefix`, of a split, with such metadata."""
    said = {f"metadata.{key}": value for key, value in (metadata or {}).items()}
    filters = {"q": prefix, "split": split, "labelled": labelled, "version": version}
    return get(f"{_path(dataset)}/data-rows", DataRow, **filters, **said)


def row(dataset: Dataset, global_key: str) -> Flow[DataRow]:
    """One data row."""
    return (yield get(f"{_path(dataset)}/data-rows/{part(global_key)}", DataRow))


def change_row(dataset: Dataset, global_key: str, **changes: Any) -> Flow[DataRow]:
    """Change a data row: `width`, `height`, `split`, `asset_url`, `ordinal`, `metadata` (replaced whole).

    What is not given stays as it is; None empties it.
    """
    path = f"{_path(dataset)}/data-rows/{part(global_key)}"
    return (yield write("PATCH", path, DataRow, changes))


def delete_row(dataset: Dataset, global_key: str) -> Flow[None]:
    """With its truth in every version, and what runs said of it."""
    yield write("DELETE", f"{_path(dataset)}/data-rows/{part(global_key)}")


def add_ground_truth(
    dataset: Dataset,
    source: Source | None = None,
    *,
    row: Any = None,
    class_name: Any = None,
    boxes: Any = None,
    empty: Iterable[str] = (),
    format: Format | None = None,
    name: str | None = None,
    gzip: bool = False,
) -> Flow[ImportJob]:
    """Say what is there, in the draft: a COCO or NDJSON file, a DataFrame, dicts, or arrays by name.

    A COCO file is the truth of all rows; anything else replaces the truth of the rows that it names. `empty`: rows
    on which there is nothing. `name`: of the import; without, that of the file.
    """
    total, unit = extent(source, row)
    with bars.bar("Truth", total, unit, shown=dataset.origin.progress) as sent:
        columns = {"row": row, "class_name": class_name, "boxes": boxes}
        body, chosen = body_of(source, columns, empty, format, gzip=gzip, sent=sent)
        target, named = f"{_path(dataset)}/ground-truth:import", sources.name_of(source, name)
        return (yield upload(target, body, ImportJob, format=chosen, name=named))


def truth(dataset: Dataset, global_key: str, *, version: int | None = None) -> Flow[JsonObject]:
    """The truth of a row, in the draft or in a version."""
    return (yield get(f"{_path(dataset)}/ground-truth/{part(global_key)}", JsonObject, version=version))


def remove_truth(dataset: Dataset, global_key: str) -> Flow[None]:
    """The row is no longer labelled in the draft; committed versions keep its truth."""
    yield write("DELETE", f"{_path(dataset)}/ground-truth/{part(global_key)}")


def commit(dataset: Dataset, version: int | None = None) -> Flow[DatasetVersion]:
    """Turn the draft into the next version. `version`: which one it should be; if it is there already, so be it."""
    body = {"version": version}
    committed: DatasetVersion = yield write("POST", f"{_path(dataset)}/versions:commit", DatasetVersion, body)
    dataset.facts = yield get(_path(dataset), DatasetFacts)
    return committed


def versions(dataset: Dataset) -> Call[DatasetVersion]:
    """The committed versions, the newest first."""
    return get(f"{_path(dataset)}/versions", DatasetVersion)


def delete_version(dataset: Dataset, version: int) -> Flow[None]:
    """With the runs that are measured on it."""
    yield write("DELETE", f"{_path(dataset)}/versions/{version}")


def compare(dataset: Dataset, before: int, after: int) -> Call[JsonObject]:
    """Rows whose truth differs between two versions (the draft counts as one)."""
    path = f"{_path(dataset)}/versions:compare"
    return get(path, JsonObject, **{"from": before, "to": after})


def _path(dataset: Dataset) -> str:
    return f"/v1/datasets/{dataset.dataset_id}"
