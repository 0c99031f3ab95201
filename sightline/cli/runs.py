"""`sightline runs`; without a command it lists them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sightline.cli import options as o
from sightline.cli.outcome import Exit, Stop

app = typer.Typer(help="Runs of models.", invoke_without_command=True)


@app.callback()
def runs(ctx: typer.Context, limit: o.Limit = 50, url: o.Url = None, as_json: o.Json = False) -> None:
    """Runs of models; without a command: list them, the newest first."""
    if ctx.invoked_subcommand is None:
        list_(limit=limit, url=url, as_json=as_json)


@app.command("list")
def list_(
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Only on this dataset.")] = None,
    limit: o.Limit = 50,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """List the runs, the newest first.

    ```
    sightline runs list --model yolo-s --dataset crossings
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_dataset, find_model

    with o.connect(url) as client:
        of_model = find_model(client, model).model_id if model else None
        on_dataset = find_dataset(client, dataset).dataset_id if dataset else None
        found = client.list_runs(limit=limit, model_id=of_model, dataset_id=on_dataset)
    show.as_json({"items": found}) if as_json else show.runs(found)


@app.command()
def show(run: o.RunName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Show a run: what it is measured on, its config, and how fresh its numbers are.

    ```
    sightline runs show "epoch 12"
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_run

    with o.connect(url) as client:
        answer = client.ask(f"/v1/model-runs/{find_run(client, run).run_id}")
    show.as_json(answer) if as_json else show.run(answer)


@app.command()
def create(
    name: o.NewName,
    model: o.ModelOption,
    dataset: o.DatasetOption,
    version: Annotated[
        int | None, typer.Option(min=1, help="Version of the dataset.", show_default="its draft")
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="Only labelled rows of this split count; may be repeated.")
    ] = None,
    accept_new_rows: Annotated[
        bool,
        typer.Option("--accept-new-rows", help="Make rows that the dataset doesn't have when it predicts on them."),
    ] = False,
    config: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="How the run was made: one JSON object; @FILE reads it from a file."),
    ] = None,
    config_name: Annotated[
        str | None,
        typer.Option(
            metavar="CONFIG",
            help="Id or name of a saved config, to be copied.",
            autocompletion=o.completing("run-configs"),
        ),
    ] = None,
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """Make a run of a model, on a version of a dataset.

    ```
    sightline runs create "epoch 12" --model yolo-s --dataset crossings --version 1 \\
        --split validation --config '{"epochs": 12}'
    sightline runs create live --model yolo-s --dataset stream --accept-new-rows
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_config, find_dataset, find_model

    if config and config_name:
        raise Stop(Exit.REFUSED, "a run has a --config of its own or that of a --config-name, not both")
    said = o.json_object(config) if config else {}
    with o.connect(url) as client:
        of_model, on = find_model(client, model), find_dataset(client, dataset)
        saved = find_config(client, config_name).run_config_id if config_name else None
        more: dict[str, Any] = {"splits": split or [], "accepts_new_rows": accept_new_rows}
        more |= {"run_config_id": saved} if saved else {"config": said}
        made = client.create_run(name, of_model.model_id, on.dataset_id, version, **more)
    show.thing(made, as_json)


@app.command()
def rename(run: o.RunName, name: o.NewName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Give a run another name.

    ```
    sightline runs rename "epoch 12" "epoch 12, resumed"
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_run

    with o.connect(url) as client:
        found = find_run(client, run)
        found.rename(name)
    show.thing(found, as_json)


@app.command()
def change(
    run: o.RunName,
    config: Annotated[
        str,
        typer.Option(metavar="JSON", help="One JSON object, in place of the whole config, or @FILE; null: no config."),
    ],
    url: o.Url = None,
    as_json: o.Json = False,
) -> None:
    """Give a run another config, or none.

    ```
    sightline runs change "epoch 12" --config '{"epochs": 13}'
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_run

    wanted = None if config == "null" else o.json_object(config)
    with o.connect(url) as client:
        found = find_run(client, run)
        found.configure(wanted)
    show.thing(found, as_json)


@app.command()
def seal(run: o.RunName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Let a run take no more predictions.

    ```
    sightline runs seal "epoch 12"
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_run

    with o.connect(url) as client:
        found = find_run(client, run)
        found.seal()
    show.thing(found, as_json)


@app.command()
def reopen(run: o.RunName, url: o.Url = None, as_json: o.Json = False) -> None:
    """Let a sealed run take predictions again.

    ```
    sightline runs reopen "epoch 12"
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_run

    with o.connect(url) as client:
        found = find_run(client, run)
        found.reopen()
    show.thing(found, as_json)


@app.command()
def delete(run: o.RunName, yes: o.Yes = False, url: o.Url = None, as_json: o.Json = False) -> None:
    """Delete a run with its predictions.

    ```
    sightline runs delete "epoch 12"
    ```
    """
    from sightline.cli import show
    from sightline.cli.find import find_run

    with o.connect(url) as client:
        found = find_run(client, run)
        o.confirm(f"the run {found.name!r} ({found.run_id}) with its predictions", yes)
        answer = client.tell("DELETE", f"/v1/model-runs/{found.run_id}")
    show.one(answer, as_json)
