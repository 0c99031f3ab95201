"""`sightline imports`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from sightline.cli import options as o

app = typer.Typer(help="What was sent, and what became of it.", no_args_is_help=True)

_COLUMNS = ("job", "name", "state", "format", "accepted", "rejected", "measured", "begun_unix_ms")


class State(StrEnum):
    """States of imports."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"


@app.command("list")
def list_(
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Only of this run.", autocompletion=o.completing("model-runs")),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="DATASET", help="Only of this dataset.", autocompletion=o.completing("datasets")),
    ] = None,
    state: Annotated[State | None, typer.Option(case_sensitive=False, help="Only those in this state.")] = None,
    limit: o.Limit = 50,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """List the imports, the newest first.

    ```
    sightline imports list --run "epoch 12" --state failed
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_dataset, find_run

    with o.connect(url) as client:
        filters = {
            "run_id": find_run(client, run).run_id if run else None,
            "dataset_id": find_dataset(client, dataset).dataset_id if dataset else None,
            "state": state,
        }
        found = client.first("/v1/imports", limit, **filters)
    none = "no imports: `sightline import coco` and `sightline import ndjson` make some"
    if any(filters.values()):
        none = "no such imports: `sightline imports list` lists all"
    show.items(found, _COLUMNS, as_json, none=none)


@app.command()
def show(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Id of an import.")],
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """Show an import: what it wrote, how far it is, how much was taken.

    ```
    sightline imports show imp_k3e66v5nrosinahg
    ```
    """
    from sightline.cli import show
    from sightline.client.asking import part

    with o.connect(url) as client:
        answer = client.ask(f"/v1/imports/{part(job)}")
    if as_json:
        show.as_json(answer)
        return
    said = {name: value for name, value in answer.items() if value not in (None, {}, [])}
    warnings: dict[str, Any] = said.pop("warnings", {})
    said.pop("rejections", None)
    progress: dict[str, Any] = said.pop("progress")
    odd = {name: count for name, count in warnings.items() if count}
    show.one({**said, "bytes": progress["bytes"], **odd}, False)
    if answer["rejected"]:
        typer.echo(f"what was left out, and why: sightline errors {job}", err=True)
