"""`sightline rows`: data rows of a dataset; `sightline rows RUN`: what a run got right and wrong on each."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from sightline.cli import options as o
from sightline.cli.groups import OTHERWISE, OrOfARun
from sightline.cli.outcome import Exit, Stop

app = typer.Typer(
    cls=OrOfARun,
    help="Data rows of a dataset. `sightline rows RUN` lists those of a run.",
    no_args_is_help=True,
)

Keys = Annotated[list[str], typer.Argument(metavar="GLOBAL_KEY...", help="They name rows in their dataset.")]
Width = Annotated[int | None, typer.Option(min=1, help="Pixels.")]
Height = Annotated[int | None, typer.Option(min=1, help="Pixels.")]
SplitName = Annotated[str | None, typer.Option(help="training, validation, test or unassigned.")]
Metadata = Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="May be repeated.")]


class Clearable(StrEnum):
    """Fields of a row that may be empty."""

    WIDTH = "width"
    HEIGHT = "height"
    SPLIT = "split"
    ASSET_URL = "asset_url"
    METADATA = "metadata"
    ORDINAL = "ordinal"


@app.command(OTHERWISE)
def of_run(
    run: o.RunName,
    iou: o.Iou = None,
    confidence: o.Confidence = None,
    class_name: Annotated[str | None, typer.Option("--class", help="Only rows with this class.")] = None,
    sort: Annotated[str | None, typer.Option(help="iou or confidence, with a minus before it for descending.")] = None,
    limit: o.Limit = 20,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """List the rows of a run with what is right and wrong on each.

    ```
    sightline rows "epoch 12" --iou 0.5 --confidence 0.3 --class car --sort iou
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_run

    with o.connect(url) as client:
        filters = {"iou": iou, "confidence": confidence, "class": class_name, "sort": sort}
        found = client.rows(find_run(client, run).run_id, limit=limit, **filters)
    show.as_json({"items": found}) if as_json else show.rows(found)


@app.command("list")
def list_(
    dataset: o.DatasetOption,
    prefix: Annotated[str | None, typer.Option(help="Only rows whose global key begins with this.")] = None,
    split: Annotated[str | None, typer.Option(help="Only rows of this split.")] = None,
    labelled: Annotated[
        bool | None, typer.Option("--labelled/--unlabelled", help="Only rows with truth, or without.")
    ] = None,
    version: Annotated[int | None, typer.Option(min=1, help="In which version.", show_default="the draft")] = None,
    limit: o.Limit = 50,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """List the data rows of a dataset.

    ```
    sightline rows list --dataset crossings --prefix cam-1/ --unlabelled
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_dataset

    with o.connect(url) as client:
        path = f"/v1/datasets/{find_dataset(client, dataset).dataset_id}/data-rows"
        found = client.first(path, limit, q=prefix, split=split, labelled=labelled, version=version)
    none = "no such data rows: `sightline rows add` or `sightline import ndjson --rows FILE` makes some"
    show.items(found, ("global_key", "split", "width", "height", "labelled", "asset_url"), as_json, none=none)


@app.command()
def get(
    global_key: Annotated[str, typer.Argument(metavar="GLOBAL_KEY")],
    dataset: o.DatasetOption,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """Show a data row.

    ```
    sightline rows get cam-1/0001.jpg --dataset crossings
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_dataset

    with o.connect(url) as client:
        found = find_dataset(client, dataset).row(global_key)
    show.struct(found, as_json)


@app.command()
def add(
    keys: Keys,
    dataset: o.DatasetOption,
    width: Width = None,
    height: Height = None,
    split: SplitName = None,
    metadata: Metadata = None,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """Make or change data rows. Files of rows: `sightline import ndjson --rows FILE`.

    ```
    sightline rows add cam-1/0001.jpg --dataset crossings --width 640 --height 480 \\
        --split validation --metadata light=dusk
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_dataset

    said = _said(width, height, split, metadata)
    rows = [{"global_key": key, **said} for key in keys]
    with o.connect(url) as client:
        job = find_dataset(client, dataset).add_rows(rows)
    show.job(job.facts, as_json)


@app.command()
def change(
    keys: Keys,
    dataset: o.DatasetOption,
    width: Width = None,
    height: Height = None,
    split: SplitName = None,
    asset: Annotated[str | None, typer.Option(help="A path below the asset root, or an address.")] = None,
    metadata: Metadata = None,
    clear: Annotated[
        list[Clearable] | None, typer.Option(help="A field that shall be empty from now on; may be repeated.")
    ] = None,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """Change data rows that are there; what is not said stays as it is. Metadata is replaced whole.

    ```
    sightline rows change cam-1/0001.jpg --dataset crossings --split test --clear asset_url
    ```
    """
    import msgspec

    from sightline.cli import show
    from sightline.cli.find import find_dataset

    changes: dict[str, Any] = {**dict.fromkeys(map(str, clear or ())), **_said(width, height, split, metadata)}
    if asset is not None:
        changes["asset_url"] = asset
    if not changes:
        raise Stop(Exit.REFUSED, "nothing is to be changed: give --width, --clear width or the like")
    with o.connect(url) as client:
        found = find_dataset(client, dataset)
        changed: list[dict[str, Any]] = [msgspec.to_builtins(found.change_row(key, **changes)) for key in keys]
    show.items(changed, ("global_key", "split", "width", "height", "asset_url"), as_json, none="")


@app.command()
def delete(
    keys: Keys, dataset: o.DatasetOption, yes: o.Yes = False, url: o.Url = None, as_json: o.Json = False
) -> None:
    """Delete data rows with their truth in every version and what runs said of them.

    ```
    sightline rows delete cam-1/0001.jpg --dataset crossings
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_dataset

    with o.connect(url) as client:
        found = find_dataset(client, dataset)
        named = repr(keys[0]) if len(keys) == 1 else f"{len(keys)} rows"
        o.confirm(f"{named} of {found.name!r}, with truth and predictions", yes)
        for key in keys:
            found.delete_row(key)
    show.one({"dataset_id": found.dataset_id, "deleted": keys}, as_json)


def _said(width: int | None, height: int | None, split: str | None, metadata: list[str] | None) -> dict[str, Any]:
    said: dict[str, Any] = {"width": width, "height": height, "split": split}
    if metadata:
        said["metadata"] = dict(map(_pair, metadata))
    return {name: value for name, value in said.items() if value is not None}


def _pair(said: str) -> tuple[str, str]:
    key, equals, value = said.partition("=")
    if not key or not equals:
        raise Stop(Exit.REFUSED, f"--metadata {said!r}: say it as KEY=VALUE")
    return key, value
